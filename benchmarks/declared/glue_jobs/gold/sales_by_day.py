"""``gold.sales_by_day``: what was sold each day, where, and of which category."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="order_date",
    orders=source("silver.latest_orders", on="order_date"),
    lines=source("silver.latest_lines", join="orders", join_on="order_id"),
    products=source("silver.latest_products", join="lines", join_on="product_id"),
)
def sales_by_day(orders: DataFrame, lines: DataFrame, products: DataFrame) -> DataFrame:
    """Return orders, units and revenue per day, country, category and currency; voided orders do not count."""
    sold = orders.where(~F.col("status").isin("cancelled", "returned")).select(
        F.col("order_id").alias("sold_order_id"), "order_date", "country"
    )
    categories = products.select(F.col("product_id").alias("known_product_id"), "category")
    joined = (
        lines.select("order_id", "product_id", "quantity", "currency", "net_amount")
        .join(sold, F.col("order_id") == F.col("sold_order_id"), "inner")
        .join(categories, F.col("product_id") == F.col("known_product_id"), "left")
        .withColumn("category", F.coalesce(F.col("category"), F.lit("unknown")))
    )
    return joined.groupBy("order_date", "country", "category", "currency").agg(
        F.countDistinct("order_id").cast("bigint").alias("orders"),
        F.sum("quantity").cast("bigint").alias("units"),
        F.sum("net_amount").cast("decimal(28,2)").alias("revenue"),
    )
