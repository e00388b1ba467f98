"""What is counted of order lines wherever they are summed."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F


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
