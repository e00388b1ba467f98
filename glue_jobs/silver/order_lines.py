"""``silver.order_lines``: one row per order line."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from glue_jobs.sales import net_amount
from sluice.transforms import latest_by_key, source, transform


@transform(
    write="merge",
    recompute_key="order_id",
    order_lines=source("bronze.order_lines", on="order_id"),
    orders=source("silver.orders", on="order_id"),
    products=source("silver.products", join="order_lines", join_on="product_id"),
    rates="silver.exchange_rates",
)
def order_lines(order_lines: DataFrame, orders: DataFrame, products: DataFrame, rates: DataFrame) -> DataFrame:
    """Return the latest version of each line, with its amount after discount, in euros too at its order's day."""
    latest = latest_by_key(order_lines, ["order_id", "line_number"], newest="updated_at")
    placed = orders.select(F.col("order_id").alias("known_order_id"), F.col("order_date").alias("placed_on"))
    known = products.select(F.col("product_id").alias("known_product_id"))
    joined = (
        latest.withColumn("net_amount", net_amount())
        .join(placed, F.col("order_id") == F.col("known_order_id"), "left")
        .join(known, F.col("product_id") == F.col("known_product_id"), "left")
        .withColumn("order_date", F.coalesce(F.col("placed_on"), F.col("updated_at").cast("date")))
    )
    return with_eur_rate(joined, rates, currency="currency", day="order_date").select(
        "order_id",
        "line_number",
        "product_id",
        "quantity",
        "unit_price",
        "discount_pct",
        "currency",
        "net_amount",
        in_eur("net_amount").alias("net_amount_eur"),
        "order_date",
        F.col("known_order_id").isNotNull().alias("order_known"),
        F.col("known_product_id").isNotNull().alias("product_known"),
        "updated_at",
    )
