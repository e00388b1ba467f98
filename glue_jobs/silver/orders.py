"""``silver.orders``: one row per order."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from sluice.transforms import latest_by_key, source, transform


@transform(
    write="merge",
    recompute_key="order_id",
    orders=source("bronze.orders", on="order_id"),
    customers=source("silver.customers", join="orders", join_on="customer_id"),
    rates="silver.exchange_rates",
)
def orders(orders: DataFrame, customers: DataFrame, rates: DataFrame) -> DataFrame:
    """Return each order in its latest state, with the day of each earlier one and the rate of its own day."""
    latest = latest_by_key(orders, ["order_id"], newest="updated_at").withColumn(
        "order_date", F.col("order_ts").cast("date")
    )

    def first(status: str) -> Column:
        return F.min(F.when(F.col("status") == status, F.col("updated_at"))).cast("date")

    states = orders.groupBy(F.col("order_id").alias("state_order_id")).agg(
        first("shipped").alias("shipped_on"),
        first("cancelled").alias("cancelled_on"),
        first("returned").alias("returned_on"),
    )
    known = customers.select(F.col("customer_id").alias("known_customer_id"))
    joined = latest.join(states, F.col("order_id") == F.col("state_order_id"), "left").join(
        known, F.col("customer_id") == F.col("known_customer_id"), "left"
    )
    return with_eur_rate(joined, rates, currency="currency", day="order_date").select(
        "order_id",
        "customer_id",
        F.col("known_customer_id").isNotNull().alias("customer_known"),
        "order_ts",
        "order_date",
        "shipped_on",
        "cancelled_on",
        "returned_on",
        "status",
        "currency",
        "country",
        "channel",
        "shipping_cost",
        "eur_rate",
        in_eur("shipping_cost").alias("shipping_cost_eur"),
        "updated_at",
    )
