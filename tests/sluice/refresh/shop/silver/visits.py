from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import transform, unique


@transform(
    write="merge", recompute_key="session_id", clicks=unique("bronze.clicks", newest="happened_at", on="session_id")
)
def visits(clicks: DataFrame) -> DataFrame:
    """Count the events of each session."""
    return clicks.groupBy("session_id").agg(
        F.count("event_id").alias("events"), F.max("happened_at").alias("updated_at")
    )
