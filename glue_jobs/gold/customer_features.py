"""``gold.customer_features``: training data for a churn model, one row per customer and month end."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from glue_jobs.days import days_between, every_day, first_of_month
from glue_jobs.money import with_average
from glue_jobs.sales import amounts_by_day_told, euros
from glue_jobs.versions import UNKNOWN, with_version
from sluice.transforms import transform

_CHURN_DAYS = 90


@transform(
    orders="silver.orders",
    order_lines="bronze.order_lines",
    rates="silver.exchange_rates",
    customers="gold.dim_customer",
)
def customer_features(orders: DataFrame, order_lines: DataFrame, rates: DataFrame, customers: DataFrame) -> DataFrame:
    """Return the features of each customer with an order so far, for each month end, and the label ``churned``.

    Features use only facts known on that day: an order counts until it is cancelled or returned, with the amounts that
    had been reported by then. A correction reported later does not count. ``churned`` says that the customer placed no
    order in the following 90 days; it is null where the orders do not cover these 90 days yet.
    """
    placed = orders.select(
        "order_id",
        "customer_id",
        F.col("order_date").alias("placed_on"),
        F.coalesce(F.least("cancelled_on", "returned_on"), "cancelled_on", "returned_on").alias("ended_on"),
    )
    span = orders.agg(F.min("order_date").alias("first_order"), F.max("order_date").alias("newest_order"))
    months = every_day(span, "first_order", "newest_order").groupBy(first_of_month("day").alias("month"))
    ends = months.agg(F.max("day").alias("as_of")).where(F.dayofmonth(F.date_add("as_of", 1)) == 1)
    dated = ends.crossJoin(span).select(
        "as_of", F.date_add("as_of", _CHURN_DAYS).alias("label_known_on"), "newest_order"
    )
    paired = dated.crossJoin(_told(placed, amounts_by_day_told(order_lines, orders, rates))).where(
        F.col("placed_on") <= F.col("label_known_on")
    )
    seen = (
        paired.withColumn("known", F.col("placed_on") <= F.col("as_of"))
        .withColumn("counts", F.col("known") & (F.col("ended_on").isNull() | (F.col("ended_on") > F.col("as_of"))))
        .withColumn("recent", F.col("counts") & (F.datediff("as_of", "placed_on") < _CHURN_DAYS))
        .withColumn("told", F.col("told_on") <= F.col("as_of"))
    )
    one = F.col("is_order")
    summed = seen.groupBy("as_of", "label_known_on", "newest_order", "customer_id").agg(
        F.min(F.when(F.col("known"), F.col("placed_on"))).alias("first_order_on"),
        F.max(F.when(F.col("known"), F.col("placed_on"))).alias("last_order_on"),
        _count(one & F.col("counts")).alias("orders"),
        _count(one & F.col("known") & ~F.col("counts")).alias("voided_orders"),
        _count(one & F.col("recent")).alias("orders_90d"),
        F.sum(F.when(F.col("counts") & F.col("told"), F.col("more_units")).otherwise(0)).cast("bigint").alias("units"),
        euros(F.when(F.col("counts") & F.col("told"), F.col("more_eur"))).alias("revenue_eur"),
        euros(F.when(F.col("recent") & F.col("told"), F.col("more_eur"))).alias("revenue_90d_eur"),
        _count(one & ~F.col("known")).alias("later_orders"),
    )
    past = summed.where(F.col("first_order_on").isNotNull()).withColumn(
        "last_moment", F.col("as_of").cast("timestamp_ntz") + F.expr("INTERVAL 86399 SECONDS")
    )
    versioned = with_version(
        _averaged(past),
        customers,
        of="customer_id",
        key="customer_key",
        at="last_moment",
        told=("segment", "country"),
        before_first=False,
    )
    return versioned.select(
        "customer_id",
        "as_of",
        "customer_key",
        F.coalesce(F.col("segment"), F.lit(UNKNOWN)).alias("segment"),
        F.coalesce(F.col("country"), F.lit(UNKNOWN)).alias("country"),
        days_between("first_order_on", "as_of").alias("tenure_days"),
        days_between("last_order_on", "as_of").alias("recency_days"),
        "orders",
        "voided_orders",
        "orders_90d",
        "units",
        "revenue_eur",
        "revenue_90d_eur",
        "average_order_eur",
        F.when(F.col("label_known_on") <= F.col("newest_order"), F.col("later_orders") == 0).alias("churned"),
    )


def _told(placed: DataFrame, amounts: DataFrame) -> DataFrame:
    """Return one row per order (``is_order``), and one per order and day on which part of its amount was reported."""
    order = placed.select(
        "customer_id",
        "placed_on",
        "ended_on",
        F.lit(True).alias("is_order"),
        F.col("placed_on").alias("told_on"),
        F.lit(0).cast("bigint").alias("more_units"),
        F.lit("0").cast("decimal(28,2)").alias("more_eur"),
    )
    day = placed.join(amounts, F.col("order_id") == F.col("told_order")).select(
        "customer_id", "placed_on", "ended_on", F.lit(False).alias("is_order"), "told_on", "more_units", "more_eur"
    )
    return order.unionByName(day)


def _count(condition: Column) -> Column:
    return F.sum(F.when(condition, 1).otherwise(0)).cast("bigint")


def _averaged(rows: DataFrame) -> DataFrame:
    """Return ``rows`` with the average amount of the counted orders, null where no order counts."""
    dividing = rows.withColumn("divisor", F.when(F.col("orders") > 0, F.col("orders")))
    return with_average(dividing, "average_order_eur", total="revenue_eur", count="divisor")
