from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import transform


@transform(days="gold.daily")
def totals(days: DataFrame) -> DataFrame:
    """Return the sum of each category."""
    return days.groupBy("category").agg(F.sum("amount").cast("bigint").alias("amount"))
