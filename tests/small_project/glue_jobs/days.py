"""Days, as all transforms here take them from moments."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def day_of(moment: str) -> Column:
    """Return the day of a column's moment, UTC."""
    return F.col(moment).cast("date")
