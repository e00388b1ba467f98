"""``silver.exchange_rates``: a rate for each day and currency."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(rates="bronze.exchange_rates")
def exchange_rates(rates: DataFrame) -> DataFrame:
    """Return a rate per day and currency; a day without a published rate has the last one before it; the euro's is 1.

    A currency begins on the day of its first rate; all currencies end on the last day that any rate has.
    """
    latest = latest_by_key(rates, ["rate_date", "currency"], newest="updated_at")
    published = latest.where((F.col("per_eur") > 0) & (F.col("currency") != "EUR"))
    span = published.agg(F.min("rate_date").alias("first_day"), F.max("rate_date").alias("last_day"))
    following = F.lead("rate_date").over(Window.partitionBy("currency").orderBy("rate_date"))
    each = published.select("currency", "per_eur", "rate_date", following.alias("next_day")).crossJoin(
        span.select("last_day")
    )
    # A rate holds to the eve of the next one, the last to the last day of all.
    held = each.select(
        "currency",
        "per_eur",
        F.col("rate_date").alias("published_on"),
        F.coalesce(F.datediff("next_day", "rate_date") - 1, F.datediff("last_day", "rate_date")).alias("more_days"),
    )
    days = held.select(
        "currency", "per_eur", "published_on", F.explode(F.sequence(F.lit(0), F.col("more_days"))).alias("later")
    ).select(
        F.date_add("published_on", F.col("later")).alias("rate_date"),
        "currency",
        "per_eur",
        (F.col("later") > 0).alias("carried"),
        "published_on",
    )
    length = F.datediff("last_day", "first_day")
    own = span.where(F.col("first_day").isNotNull()).select(
        "first_day", F.explode(F.sequence(F.lit(0), length)).alias("later")
    )
    euro_day = F.date_add("first_day", F.col("later"))
    euro = own.select(
        euro_day.alias("rate_date"),
        F.lit("EUR").alias("currency"),
        F.lit("1").cast("decimal(18,8)").alias("per_eur"),
        F.lit(False).alias("carried"),
        euro_day.alias("published_on"),
    )
    return _with_inverse(days.unionByName(euro)).select(
        "rate_date", "currency", "per_eur", "eur_per_unit", "carried", "published_on"
    )


def _with_inverse(rates: DataFrame) -> DataFrame:
    """Add 1 / per_eur to ten places, rounded half up."""
    # The one has so many places that the quotient is exact to more than 20.
    quotient = F.lit("1").cast("decimal(10,9)") / F.col("per_eur")
    return rates.withColumn("eur_per_unit", F.round(quotient, 10).cast("decimal(13,10)"))
