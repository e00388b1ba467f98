"""``silver.clicks``: one row per event."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.days import day_of
from sluice.transforms import transform, unique


@transform(
    write="merge", recompute_key="session_id", clicks=unique("bronze.clicks", newest="event_time", on="session_id")
)
def clicks(clicks: DataFrame) -> DataFrame:
    """Return each event once, however often it was sent."""
    late = F.coalesce(F.col("_late"), F.lit(False)).alias("late")
    day = day_of("event_time").alias("event_date")
    return clicks.select("event_id", "session_id", "event_type", "event_time", day, late)
