from pyspark.sql import DataFrame

from sluice.transforms import latest_by_key, source, transform


@transform(write="merge", recompute_key="order_id", orders=source("bronze.orders", on="order_id"))
def orders(orders: DataFrame) -> DataFrame:
    """Return each order in its latest state; an order that was called off is gone."""
    latest = latest_by_key(orders, ["order_id"], newest="updated_at")
    return latest.where("state <> 'called off'").select("order_id", "customer_id", "day", "state", "updated_at")
