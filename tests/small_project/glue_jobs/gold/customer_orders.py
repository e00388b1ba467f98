"""``gold.customer_orders``: one row per customer."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(write="merge", recompute_key="customer_id", orders=source("silver.orders", on="customer_id"))
def customer_orders(orders: DataFrame) -> DataFrame:
    """Return how many orders each customer placed and did not cancel, and the first and the last day."""
    return (
        orders.where(F.col("state") != "cancelled")
        .groupBy("customer_id")
        .agg(
            F.count("*").alias("orders"),
            F.min("order_date").alias("first_order_on"),
            F.max("order_date").alias("last_order_on"),
        )
    )
