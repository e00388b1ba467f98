"""``silver.latest_orders``: one row per order."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="order_id", orders=source("bronze.orders", on="order_id"))
def latest_orders(orders: DataFrame) -> DataFrame:
    """Return the latest version of each order, with the day on which it was placed."""
    return latest_by_key(orders, ["order_id"], newest="updated_at").select(
        "order_id",
        "customer_id",
        F.col("order_ts").cast("date").alias("order_date"),
        "status",
        "currency",
        "country",
        "channel",
        "updated_at",
    )
