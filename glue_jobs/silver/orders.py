"""``silver.orders``: one row per order."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, transform


@transform(orders="bronze.orders")
def orders(orders: DataFrame) -> DataFrame:
    """Return each order in its latest state."""
    latest = latest_by_key(orders, ["order_id"], newest="updated_at")
    return latest.select(
        "order_id",
        "customer_id",
        "order_ts",
        F.col("order_ts").cast("date").alias("order_date"),
        "status",
        "currency",
        "country",
        "channel",
        "shipping_cost",
        "updated_at",
    )
