"""``gold.sales_by_month``: sales by month, country and category, and every roll-up of them."""

from functools import reduce
from operator import add

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import transform

_AXES = ("month", "country", "category")


@transform(days="gold.sales_by_day")
def sales_by_month(days: DataFrame) -> DataFrame:
    """Return the cube in each currency; an axis that is rolled up says ``all``, ``grouping_level`` how many are."""
    monthly = days.select(
        F.substring(F.col("order_date").cast("string"), 1, 7).alias("month"),
        "country",
        "category",
        "currency",
        "units",
        "revenue",
    )
    # No value of an axis is null here, so after the cube null says that the axis is rolled up.
    cubed = (
        monthly.cube(*_AXES, "currency")
        .agg(
            F.sum("units").alias("all_units"),
            F.round(F.sum("revenue"), 2).alias("all_revenue"),
        )
        .where(F.col("currency").isNotNull())
    )
    level = reduce(add, (F.when(F.col(axis).isNull(), 1).otherwise(0) for axis in _AXES))
    return cubed.select(
        *(F.coalesce(F.col(axis), F.lit("all")).alias(axis) for axis in _AXES),
        "currency",
        level.cast("int").alias("grouping_level"),
        F.col("all_units").cast("bigint").alias("units"),
        F.col("all_revenue").cast("decimal(28,2)").alias("revenue"),
    )
