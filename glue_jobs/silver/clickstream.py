"""``silver.clickstream``: one row per event."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import transform, unique


@transform(clicks=unique("bronze.clickstream", newest="event_time"))
def clickstream(clicks: DataFrame) -> DataFrame:
    """Return each event once, however often it was sent, with the day it belongs to."""
    return clicks.select(
        "event_id",
        "session_id",
        "customer_id",
        "event_type",
        "event_time",
        F.to_date("event_time").alias("event_date"),
        "product_id",
        "search_term",
        "quantity",
        "unit_price",
        "currency",
        "outcome",
        "country",
        "device",
        F.coalesce(F.col("_late"), F.lit(False)).alias("late"),
    )
