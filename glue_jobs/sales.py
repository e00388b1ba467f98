"""Sums over order lines that several tables share."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.money import in_eur, with_eur_rate
from sluice.transforms import latest_by_key


def totals() -> tuple[Column, Column, Column]:
    """Return the sums over lines of ``gold.fact_order_line``: orders, units and euros.

    A line without a rate counts as an order and as units, and brings no euros.
    """
    return (
        F.count_distinct("order_id").cast("bigint").alias("orders"),
        F.sum("quantity").cast("bigint").alias("units"),
        euros(F.col("net_amount_eur")).alias("revenue_eur"),
    )


def euros(amount: Column) -> Column:
    """Return the sum of ``amount``, 0 when there is none."""
    return F.coalesce(F.round(F.sum(amount), 2).cast("decimal(28,2)"), F.lit("0").cast("decimal(28,2)"))


def net_amount() -> Column:
    """Return what a line of ``bronze.order_lines`` costs after its discount, in its currency and to the cent."""
    kept = F.lit(100).cast("decimal(5,2)") - F.coalesce(F.col("discount_pct"), F.lit(0).cast("decimal(5,2)"))
    pieces = F.col("quantity").cast("decimal(10,0)")
    cents = F.lit("0.01").cast("decimal(3,2)")
    return F.round(F.col("unit_price") * kept * pieces * cents, 2).cast("decimal(18,2)")


def amounts_by_day_told(order_lines: DataFrame, orders: DataFrame, rates: DataFrame) -> DataFrame:
    """Return, by order and day, the change of the order's amounts reported on that day: ``more_units``, ``more_eur``.

    The order is in ``told_order``, the day in ``told_on``. ``order_lines`` is ``bronze.order_lines``, so a corrected
    line counts twice: as first reported, and on the day of its correction with the difference. The sum up to a day is
    what was known on it; the sum over all days is what ``silver.order_lines`` has. Lines of unknown orders are left
    out.
    """
    key = ("order_id", "line_number")
    placed = orders.select(F.col("order_id").alias("told_order"), F.col("order_date").alias("placed_on"))
    versions = latest_by_key(order_lines, (*key, "updated_at"), newest="updated_at")
    dated = versions.join(placed, F.col("order_id") == F.col("told_order")).withColumn("net_amount", net_amount())
    in_time = Window.partitionBy(*key).orderBy("updated_at")
    told = with_eur_rate(dated, rates, currency="currency", day="placed_on").select(
        "told_order",
        F.greatest(F.col("updated_at").cast("date"), F.col("placed_on")).alias("told_on"),
        F.col("quantity").cast("bigint").alias("units"),
        F.coalesce(in_eur("net_amount"), F.lit("0").cast("decimal(18,2)")).alias("eur"),
        F.lag(F.col("quantity").cast("bigint")).over(in_time).alias("units_before"),
        F.lag(F.coalesce(in_eur("net_amount"), F.lit("0").cast("decimal(18,2)"))).over(in_time).alias("eur_before"),
    )
    zero = F.lit("0").cast("decimal(18,2)")
    return told.groupBy("told_order", "told_on").agg(
        F.sum(F.col("units") - F.coalesce(F.col("units_before"), F.lit(0).cast("bigint")))
        .cast("bigint")
        .alias("more_units"),
        euros(F.col("eur") - F.coalesce(F.col("eur_before"), zero)).alias("more_eur"),
    )
