"""``gold.fact_campaign_spend``: cost and results of advertising."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(write="merge", recompute_key="spend_date", spend=source("silver.ad_spend", on="spend_date"))
def fact_campaign_spend(spend: DataFrame) -> DataFrame:
    """Return the figures of each day, campaign and platform."""
    return spend.select(
        "spend_date",
        F.col("spend_date").cast("string").alias("date_key"),
        "campaign_id",
        "platform",
        "campaign_known",
        F.coalesce(F.col("impressions"), F.lit(0)).cast("bigint").alias("impressions"),
        F.coalesce(F.col("clicks"), F.lit(0)).cast("bigint").alias("clicks"),
        "cost",
        "currency",
        "cost_eur",
    )
