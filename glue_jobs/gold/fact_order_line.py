"""``gold.fact_order_line``: order lines, with the customer's and the product's version at that time."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.versions import UNKNOWN, with_country_key, with_version
from sluice.transforms import source, transform


@transform(
    write="merge",
    recompute_key="order_id",
    order_lines=source("silver.order_lines", on="order_id"),
    orders=source("silver.orders", on="order_id"),
    customers=source("gold.dim_customer", join="orders", join_on="customer_id"),
    products=source("gold.dim_product", join="order_lines", join_on="product_id"),
    countries="silver.countries",
)
def fact_order_line(
    order_lines: DataFrame, orders: DataFrame, customers: DataFrame, products: DataFrame, countries: DataFrame
) -> DataFrame:
    """Return each order line; a line whose order is not known has the unknown customer and its own moment."""
    placed = orders.select(
        F.col("order_id").alias("placed_order_id"), "order_ts", "customer_id", "status", "country", "channel"
    )
    joined = order_lines.join(placed, F.col("order_id") == F.col("placed_order_id"), "left").withColumn(
        "ordered_at", F.coalesce(F.col("order_ts"), F.col("updated_at"))
    )
    sold_to = with_version(joined, customers, of="customer_id", key="customer_key", at="ordered_at")
    sold = with_version(sold_to, products, of="product_id", key="product_key", at="ordered_at")
    return with_country_key(sold, countries, country="country").select(
        "order_id",
        "line_number",
        "ordered_at",
        "order_date",
        F.col("order_date").cast("string").alias("date_key"),
        "customer_key",
        "product_key",
        "geography_key",
        F.coalesce(F.col("customer_id"), F.lit(UNKNOWN)).alias("customer_id"),
        "product_id",
        F.coalesce(F.col("country"), F.lit(UNKNOWN)).alias("country"),
        F.coalesce(F.col("channel"), F.lit(UNKNOWN)).alias("channel"),
        F.coalesce(F.col("status"), F.lit(UNKNOWN)).alias("status"),
        F.coalesce(~F.col("status").isin("cancelled", "returned"), F.lit(False)).alias("is_sale"),
        "quantity",
        "unit_price",
        "discount_pct",
        "currency",
        "net_amount",
        "net_amount_eur",
    )
