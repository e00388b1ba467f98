"""``gold.dim_date``: every day of the years that any fact has."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from glue_jobs.days import day_of_week, every_day
from glue_jobs.versions import UNKNOWN, one_row
from sluice.transforms import transform

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMBERS = ("year", "quarter", "month", "day_of_month", "day_of_year", "iso_year", "iso_week", "day_of_week")


@transform(
    orders="silver.orders",
    order_lines="silver.order_lines",
    clicks="silver.clickstream",
    spend="silver.ad_spend",
    readings="silver.stock_readings",
)
def dim_date(
    orders: DataFrame, order_lines: DataFrame, clicks: DataFrame, spend: DataFrame, readings: DataFrame
) -> DataFrame:
    """Return each day from 1 January of the first year that any fact has to 31 December of the last one."""
    spans = (
        _span(orders, "order_date")
        .unionByName(_span(order_lines, "order_date"))
        .unionByName(_span(clicks, "event_date"))
        .unionByName(_span(spend, "spend_date"))
        .unionByName(_span(readings, "measured_on"))
    )
    years = spans.agg(F.min("first").alias("first"), F.max("last").alias("last")).select(
        _in_year("first", "-01-01").alias("new_year"), _in_year("last", "-12-31").alias("year_end")
    )
    dated = every_day(years, "new_year", "year_end").select(
        F.col("day").alias("date"),
        F.year("day").alias("year"),
        F.month("day").alias("month"),
        F.dayofmonth("day").alias("day_of_month"),
        F.dayofyear("day").alias("day_of_year"),
        F.weekofyear("day").alias("iso_week"),
        day_of_week("day").alias("day_of_week"),
    )
    # The first days of January may belong to the old year's last week, the last of December to the new year's first.
    iso_year = F.col("year") + F.when((F.col("month") == 1) & (F.col("iso_week") > 50), -1).when(
        (F.col("month") == 12) & (F.col("iso_week") == 1), 1
    ).otherwise(0)
    named = dated.select(
        F.col("date").cast("string").alias("date_key"),
        "date",
        "year",
        F.quarter("date").alias("quarter"),
        "month",
        _name("month", _MONTHS).alias("month_name"),
        "day_of_month",
        "day_of_year",
        iso_year.alias("iso_year"),
        "iso_week",
        "day_of_week",
        _name("day_of_week", _DAYS).alias("day_name"),
        (F.col("day_of_week") > 5).alias("is_weekend"),
    )
    unknown = one_row(orders).select(
        *(F.lit(UNKNOWN).alias(name) for name in ("date_key", "month_name", "day_name")),
        *(F.lit(None).cast("int").alias(name) for name in _NUMBERS),
        F.lit(None).cast("date").alias("date"),
        F.lit(None).cast("boolean").alias("is_weekend"),
    )
    return named.unionByName(unknown)


def _span(rows: DataFrame, day: str) -> DataFrame:
    return rows.agg(F.min(day).alias("first"), F.max(day).alias("last"))


def _in_year(day: str, rest: str) -> Column:
    return F.concat(F.substring(F.col(day).cast("string"), 1, 4), F.lit(rest)).cast("date")


def _name(number: str, names: tuple[str, ...]) -> Column:
    return F.coalesce(*(F.when(F.col(number) == at, F.lit(name)) for at, name in enumerate(names, start=1)))
