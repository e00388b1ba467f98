"""``silver.ad_spend``: cost and results of advertising."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from sluice.transforms import latest_by_key, source, transform


@transform(
    write="merge",
    recompute_key="spend_date",
    spend=source("bronze.ad_spend", on="spend_date"),
    campaigns=source("silver.campaigns", join="spend", join_on="campaign_id"),
    rates="silver.exchange_rates",
)
def ad_spend(spend: DataFrame, campaigns: DataFrame, rates: DataFrame) -> DataFrame:
    """Return the latest figures of each day, campaign and platform, in euros too; an unknown campaign is flagged."""
    latest = latest_by_key(spend, ["spend_date", "campaign_id", "platform"], newest="updated_at")
    known = campaigns.select(F.col("campaign_id").alias("known_campaign_id"))
    joined = latest.join(known, F.col("campaign_id") == F.col("known_campaign_id"), "left")
    return with_eur_rate(joined, rates, currency="currency", day="spend_date").select(
        "spend_date",
        "campaign_id",
        "platform",
        F.col("known_campaign_id").isNotNull().alias("campaign_known"),
        "impressions",
        "clicks",
        "cost",
        "currency",
        "eur_rate",
        in_eur("cost").alias("cost_eur"),
        "updated_at",
    )
