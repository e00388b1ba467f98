"""``gold.daily_funnel``: how many visits reached each step, by day and device."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(write="merge", recompute_key="event_date", clicks=source("silver.clickstream", on="event_date"))
def daily_funnel(clicks: DataFrame) -> DataFrame:
    """Return counts of events and visits by day and device; late events are counted in a column of their own only."""
    in_time = ~F.col("late")

    def visits(kind: str) -> Column:
        return F.count_distinct(F.when(in_time & (F.col("event_type") == kind), F.col("session_id")))

    return clicks.groupBy("event_date", F.coalesce("device", F.lit("unknown")).alias("device")).agg(
        F.sum(F.when(in_time, 1).otherwise(0)).cast("bigint").alias("events"),
        F.sum(F.when(in_time, 0).otherwise(1)).cast("bigint").alias("late_events"),
        F.count_distinct(F.when(in_time, F.col("session_id"))).alias("visits"),
        visits("search").alias("searching_visits"),
        visits("cart").alias("cart_visits"),
        visits("purchase").alias("buying_visits"),
    )
