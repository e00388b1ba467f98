"""``gold.daily_metrics``: sales of each day, and of the week and the four weeks that end with it."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from glue_jobs.days import every_day
from glue_jobs.sales import totals
from sluice.transforms import transform

_MEASURES = {"orders": "bigint", "units": "bigint", "revenue_eur": "decimal(28,2)"}


@transform(lines="gold.fact_order_line")
def daily_metrics(lines: DataFrame) -> DataFrame:
    """Return every day from the first sale to the last, also days without sales, so that trailing sums cover days."""
    sales = lines.where(F.col("is_sale"))
    sold = sales.groupBy(F.col("order_date").alias("sold_on")).agg(*totals())
    span = sales.agg(F.min("order_date").alias("first_sale"), F.max("order_date").alias("last_sale"))
    days = every_day(span, "first_sale", "last_sale").join(sold, F.col("day") == F.col("sold_on"), "left")
    filled = days.select(
        F.col("day").alias("date"),
        *(F.coalesce(F.col(name), F.lit(0).cast(kind)).alias(name) for name, kind in _MEASURES.items()),
    )
    return filled.select(
        "date",
        F.col("date").cast("string").alias("date_key"),
        *_MEASURES,
        *(_trailing(name, days).alias(f"{name}_{days}d") for days in (7, 28) for name in ("orders", "revenue_eur")),
    )


def _trailing(name: str, days: int) -> Column:
    rows = Window.orderBy("date").rowsBetween(-(days - 1), Window.currentRow)
    return F.round(F.sum(name).over(rows), 2).cast(_MEASURES[name])
