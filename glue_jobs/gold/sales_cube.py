"""``gold.sales_cube``: sales by month, country and category, and every roll-up of them."""

from functools import reduce
from operator import add

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.sales import totals
from glue_jobs.versions import UNKNOWN
from sluice.transforms import transform

_AXES = ("month", "country", "category")


@transform(lines="gold.fact_order_line", products="gold.dim_product")
def sales_cube(lines: DataFrame, products: DataFrame) -> DataFrame:
    """Return the cube; an axis that is rolled up has the value ``all``, ``grouping_level`` is the number of these."""
    categories = products.select(F.col("product_key").alias("sold_key"), F.col("category").alias("sold_category"))
    sold = (
        lines.where(F.col("is_sale"))
        .join(categories, F.col("product_key") == F.col("sold_key"), "left")
        .groupBy(
            F.substring(F.col("order_date").cast("string"), 1, 7).alias("month"),
            "country",
            F.coalesce(F.col("sold_category"), F.lit(UNKNOWN)).alias("category"),
            "order_id",
        )
        .agg(F.sum("quantity").cast("bigint").alias("quantity"), F.sum("net_amount_eur").alias("net_amount_eur"))
        .select(*_AXES, "order_id", "quantity", "net_amount_eur")
    )
    # No value of an axis is null here, so after the cube null says that the axis is rolled up.
    # Of no rows at all DuckDB makes a grand total, Spark nothing.
    cubed = sold.cube(*_AXES).agg(*totals()).where(F.col("orders") > 0)
    level = reduce(add, (F.when(F.col(axis).isNull(), 1).otherwise(0) for axis in _AXES))
    return cubed.select(
        *(F.coalesce(F.col(axis), F.lit("all")).alias(axis) for axis in _AXES),
        level.cast("int").alias("grouping_level"),
        "orders",
        "units",
        "revenue_eur",
    )
