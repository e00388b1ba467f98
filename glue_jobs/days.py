"""Days and months, the same on both engines."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_MONDAY = "1970-01-05"


def whole(number: Column) -> Column:
    """Return a number of days or the like as an int."""
    # DuckDB's is a bigint, which SQLFrame does not know: it would leave out a plain cast to int.
    return number.cast("bigint").cast("int")


def days_between(first: str, last: str) -> Column:
    """Return the number of days from the column ``first`` to the column ``last``."""
    return whole(F.datediff(F.col(last), F.col(first)))


def days_later(day: str, days: Column) -> Column:
    """Return the column ``day`` and so many days."""
    # DuckDB's result is a timestamp, which SQLFrame does not know: it would leave out a plain cast to date.
    return F.date_add(F.col(day), days.cast("int")).cast("timestamp").cast("date")


def first_of_month(day: str) -> Column:
    """Return the first day of the month of the column ``day``."""
    return F.trunc(F.col(day), "MM")


def day_of_week(day: str) -> Column:
    """Return 1 for a Monday to 7 for a Sunday."""
    since = F.datediff(F.col(day), F.lit(_MONDAY).cast("date"))
    return whole(((since % 7) + 7) % 7 + 1)


def every_day(span: DataFrame, first: str, last: str) -> DataFrame:
    """Return each ``day`` from ``first`` to ``last`` of the one row of ``span``, no row when these are null.

    A filter of these days must follow a grouping: SQLFrame would move it to where DuckDB takes none.
    """
    known = span.where(F.col(first).isNotNull() & F.col(last).isNotNull())
    later = F.explode(F.sequence(F.lit(0), days_between(first, last))).alias("later")
    return known.select(F.col(first).alias("first_day"), later).select(
        days_later("first_day", F.col("later")).alias("day")
    )
