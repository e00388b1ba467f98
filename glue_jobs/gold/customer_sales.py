"""``gold.customer_sales``: the orders of each customer and their average amount."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import with_average
from glue_jobs.sales import totals
from sluice.transforms import source, transform


@transform(write="merge", recompute_key="customer_id", lines=source("gold.fact_order_line", on="customer_id"))
def customer_sales(lines: DataFrame) -> DataFrame:
    """Return each customer's orders that were neither cancelled nor returned, and their average."""
    summed = (
        lines.where(F.col("is_sale"))
        .groupBy("customer_id")
        .agg(*totals(), F.min("order_date").alias("first_order_on"), F.max("order_date").alias("last_order_on"))
    )
    return with_average(summed, "average_sale_eur", total="revenue_eur", count="orders").select(
        "customer_id", "orders", "units", "revenue_eur", "average_sale_eur", "first_order_on", "last_order_on"
    )
