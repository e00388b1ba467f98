from pyspark.sql import DataFrame

from sluice.transforms import transform


@transform(write="append", clicks="bronze.clicks")
def click_log(clicks: DataFrame) -> DataFrame:
    """Return every event as it came."""
    return clicks.select("event_id", "session_id")
