"""``gold.daily_sales``: sales per day, country, category and currency."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import with_average
from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="order_date",
    orders=source("silver.orders", on="order_date"),
    order_lines=source("silver.order_lines", join="orders", join_on="order_id"),
    products=source("silver.products", join="order_lines", join_on="product_id"),
)
def daily_sales(orders: DataFrame, order_lines: DataFrame, products: DataFrame) -> DataFrame:
    """Return orders, units and revenue per day, country, category and currency; voided orders do not count."""
    sold = orders.where(~F.col("status").isin("cancelled", "returned")).select(
        F.col("order_id").alias("sold_order_id"), "order_date", "country"
    )
    lines = order_lines.select("order_id", "product_id", "quantity", "currency", "net_amount")
    categories = products.select(F.col("product_id").alias("known_product_id"), "category")
    joined = lines.join(sold, F.col("order_id") == F.col("sold_order_id"), "inner").join(
        categories, F.col("product_id") == F.col("known_product_id"), "left"
    )
    keys = ["order_date", "country", "category", "currency"]
    totals = (
        joined.withColumn("category", F.coalesce(F.col("category"), F.lit("unknown")))
        .groupBy(*keys)
        .agg(
            F.countDistinct("order_id").cast("bigint").alias("orders"),
            F.sum("quantity").cast("bigint").alias("units"),
            F.sum("net_amount").cast("decimal(28,2)").alias("revenue"),
        )
    )
    averaged = with_average(totals, "average_order_value", total="revenue", count="orders")
    return averaged.select(*keys, "orders", "units", "revenue", "average_order_value")
