"""``silver.orders``: one row per order."""

from pyspark.sql import DataFrame

from glue_jobs.days import day_of
from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="order_id", orders=source("bronze.orders", on="order_id"))
def orders(orders: DataFrame) -> DataFrame:
    """Return each order in its latest state."""
    return latest_by_key(orders, ["order_id"], newest="updated_at").select(
        "order_id", "customer_id", day_of("ordered_at").alias("order_date"), "state", "shipping_cost"
    )
