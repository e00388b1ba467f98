"""Days and months, the same on both engines."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def days_between(first: str, last: str) -> Column:
    """Return the number of days from the column ``first`` to the column ``last``."""
    return F.datediff(F.col(last), F.col(first))


def first_of_month(day: str) -> Column:
    """Return the first day of the month of the column ``day``."""
    return F.trunc(F.col(day), "MM")


def day_of_week(day: str) -> Column:
    """Return 1 for a Monday to 7 for a Sunday."""
    return F.weekday(F.col(day)) + 1


def every_day(span: DataFrame, first: str, last: str) -> DataFrame:
    """Return each ``day`` from ``first`` to ``last`` of the one row of ``span``, no row when these are null.

    A filter of these days must follow a grouping: SQLFrame would move it to where DuckDB takes none.
    """
    known = span.where(F.col(first).isNotNull() & F.col(last).isNotNull())
    later = F.explode(F.sequence(F.lit(0), days_between(first, last))).alias("later")
    days = known.select(F.col(first).alias("first_day"), later).select(
        F.date_add("first_day", F.col("later")).alias("day")
    )
    return days.distinct()  # they are: said so that windows may be ordered by them
