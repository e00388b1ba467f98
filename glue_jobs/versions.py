"""Versions of dimensions: their keys, the member for what is unknown, and which version a fact belongs to."""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

#: The key of the dimension row that stands for an unknown member.
UNKNOWN = "unknown"
_MOMENT_DIGITS = 20


def keyed(versions: DataFrame, by: str, name: str) -> DataFrame:
    """Return ``versions`` with their key in the column ``name``, without those equal to the version before.

    There is one per value of ``by`` and ``valid_from``. The key is made of both, so it is the same wherever and
    whenever it is computed.
    """
    said = [column for column in versions.columns if column not in (by, "valid_from")]
    in_time = Window.partitionBy(by).orderBy("valid_from")
    seen = versions.select(
        by,
        "valid_from",
        *said,
        F.row_number().over(in_time).alias("version_number"),
        *(F.lag(column).over(in_time).alias(f"before_{column}") for column in said),
    )
    same = reduce(and_, (F.col(column).eqNullSafe(F.col(f"before_{column}")) for column in said))
    changed = seen.where((F.col("version_number") == 1) | ~same)
    return changed.select(version_key(F.col(by), F.col("valid_from")).alias(name), by, *said, "valid_from")


def version_key(natural: Column, valid_from: Column) -> Column:
    """Return the key of a version: what it is of, and the digits of the moment from which it holds."""
    digits = F.regexp_replace(valid_from.cast("string"), "[^0-9]", "")
    return F.concat(natural, F.lit("@"), F.rpad(digits, _MOMENT_DIGITS, "0"))


def one_row(rows: DataFrame) -> DataFrame:
    """Return a table of one row, whatever ``rows`` has: what constant members are selected from."""
    return rows.agg(F.count(F.lit(1)).alias("rows_counted"))


def with_version(
    facts: DataFrame,
    versions: DataFrame,
    *,
    of: str,
    key: str,
    at: str,
    told: tuple[str, ...] = (),
    before_first: bool = True,
) -> DataFrame:
    """Return ``facts`` with the column ``key``: the key of the version of ``of`` that was valid at ``at``.

    ``of`` is a column of both tables. A fact before the first version gets the first (with ``before_first``), a fact
    after a deletion the last, and a fact without any version the unknown member. Every fact is returned once. ``told``
    are columns of the version to add.
    """
    in_time = Window.partitionBy(of).orderBy("valid_from")
    spans = versions.select(
        F.col(of).alias("version_of"),
        F.col(key).alias("version_key"),
        F.col("valid_from").alias("version_from"),
        F.lead("valid_from").over(in_time).alias("version_until"),
        F.row_number().over(in_time).alias("version_number"),
        *told,
    )
    begun = F.col(at) >= F.col("version_from")
    if before_first:
        begun = begun | (F.col("version_number") == 1)
    held = begun & (F.col("version_until").isNull() | (F.col(at) < F.col("version_until")))
    joined = facts.join(spans, (F.col(of) == F.col("version_of")) & held, "left")
    return joined.withColumn(key, F.coalesce(F.col("version_key"), F.lit(UNKNOWN))).drop(
        "version_of", "version_key", "version_from", "version_until", "version_number"
    )


def with_country_key(facts: DataFrame, countries: DataFrame, *, country: str) -> DataFrame:
    """Return ``facts`` with ``geography_key``: their ``country``, or the unknown place when no such one is known."""
    known = countries.select(F.col("country_code").alias("geography_country"))
    joined = facts.join(known, F.col(country) == F.col("geography_country"), "left")
    return joined.withColumn("geography_key", F.coalesce(F.col("geography_country"), F.lit(UNKNOWN))).drop(
        "geography_country"
    )
