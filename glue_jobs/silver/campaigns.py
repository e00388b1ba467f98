"""``silver.campaigns``: one row per campaign."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from glue_jobs.spelling import lower
from sluice.transforms import latest_by_key, transform


@transform(campaigns="bronze.campaigns", rates="silver.exchange_rates")
def campaigns(campaigns: DataFrame, rates: DataFrame) -> DataFrame:
    """Return the latest version of each campaign, its budget in euros too."""
    latest = latest_by_key(campaigns, ["campaign_id"], newest="updated_at")
    in_order = F.col("ends_on").isNull() | (F.col("ends_on") >= F.col("starts_on"))
    return with_eur_rate(latest, rates, currency="currency", day="starts_on").select(
        "campaign_id",
        F.trim(F.col("name")).alias("name"),
        "channel",
        F.nullif(lower(F.trim(F.col("utm_code"))), F.lit("")).alias("utm_code"),
        "starts_on",
        F.when(in_order, F.col("ends_on")).alias("ends_on"),
        in_order.alias("dates_valid"),
        "budget",
        "currency",
        in_eur("budget").alias("budget_eur"),
        "updated_at",
    )
