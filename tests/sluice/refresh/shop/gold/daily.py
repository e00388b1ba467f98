from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="day",
    orders=source("silver.orders", on="day"),
    lines=source("silver.lines", join="orders", join_on="order_id"),
    products=source("silver.products", join="lines", join_on="product_id"),
)
def daily(orders: DataFrame, lines: DataFrame, products: DataFrame) -> DataFrame:
    """Return what was sold each day, of which category."""
    of_day = orders.select(F.col("order_id").alias("sold_id"), "day")
    known = products.select(F.col("product_id").alias("known_id"), "category")
    joined = lines.join(of_day, F.col("order_id") == F.col("sold_id"), "inner").join(
        known, F.col("product_id") == F.col("known_id"), "left"
    )
    return joined.groupBy("day", F.coalesce("category", F.lit("unknown")).alias("category")).agg(
        F.sum("amount").cast("bigint").alias("amount")
    )
