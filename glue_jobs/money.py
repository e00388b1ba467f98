"""Converts amounts of money to euros at a day's rate."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


def with_eur_rate(rows: DataFrame, rates: DataFrame, *, currency: str, day: str) -> DataFrame:
    """Return ``rows`` with ``eur_rate``, the euros for one unit of their ``currency`` on ``day``; null when unknown.

    ``rates`` is ``silver.exchange_rates``. A day after the last known rate has that rate until its own arrives. Every
    row is returned.
    """
    last = rates.agg(F.max("rate_date").alias("_last_day"))
    known = rates.select(
        F.col("rate_date").alias("_rate_date"),
        F.col("currency").alias("_rate_currency"),
        F.col("eur_per_unit").alias("eur_rate"),
    )
    dated = rows.crossJoin(last).withColumn("_rate_day", F.least(F.col(day), F.col("_last_day")))
    return dated.join(
        known, (F.col("_rate_day") == F.col("_rate_date")) & (F.col(currency) == F.col("_rate_currency")), "left"
    ).drop("_rate_date", "_rate_currency", "_rate_day", "_last_day")


def in_eur(amount: str) -> Column:
    """Return the column ``amount`` in euros, to the cent, at the row's ``eur_rate``."""
    wide = F.col(amount).cast("decimal(20,2)")
    return F.round(wide * F.col("eur_rate"), 2).cast("decimal(18,2)")


def with_average(rows: DataFrame, name: str, *, total: str, count: str) -> DataFrame:
    """Return ``rows`` with ``name``: ``total``, a decimal(28,2), per ``count``, to the cent and rounded half up.

    The count has at most 9 digits, so that the quotient, exact to 12 places, fits the 38 digits of a decimal.
    """
    quotient = F.col(total).cast("decimal(28,2)") / F.col(count).cast("decimal(9,0)")
    return rows.withColumn(name, F.round(quotient, 2).cast("decimal(28,2)"))
