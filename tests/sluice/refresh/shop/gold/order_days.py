from pyspark.sql import DataFrame

from sluice.transforms import source, transform


@transform(write="replace_partitions", recompute_key="day", orders=source("silver.orders", on="day"))
def order_days(orders: DataFrame) -> DataFrame:
    """Return the orders by day."""
    return orders.select("day", "order_id", "state")
