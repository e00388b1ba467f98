"""Picks one record of each key; the choice never depends on the order in which records arrived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def latest_by_key(rows: DataFrame, key: Iterable[str], *, newest: str) -> DataFrame:
    """Return one row per key: the one with the latest value of ``newest``, then with the greatest other values.

    The columns that Sluice adds are dropped, but for a stream's ``_late``: it is true when all records of the key are
    late.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    own, order = _ranking(rows, keys, newest)
    late = ["_late"] if "_late" in rows.columns else []
    ranked = rows.withColumn("_rank", F.row_number().over(Window.partitionBy(*keys).orderBy(*order, *late)))
    for name in late:
        ranked = ranked.withColumn(name, F.min(name).over(Window.partitionBy(*keys)))
    return ranked.where(F.col("_rank") == 1).select(*dict.fromkeys((*keys, newest)), *own, *late)


def conflicting(rows: DataFrame, key: Iterable[str], *, newest: str) -> DataFrame:
    """Return the rows whose values differ from those of the row that ``latest_by_key`` picks for their key."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    _, order = _ranking(rows, keys, newest)
    # The order covers all of a record's own columns, so rank 1 has every row with the same values as the picked one.
    ranked = rows.withColumn("_rank", F.dense_rank().over(Window.partitionBy(*keys).orderBy(*order)))
    return ranked.where(F.col("_rank") > 1).drop("_rank")


def _ranking(rows: DataFrame, keys: list[str], newest: str) -> tuple[list[str], list[Any]]:
    """Return the columns beside key and ``newest``, and the order of the rows of one key, the picked one first."""
    from pyspark.sql import functions as F

    own = [name for name in rows.columns if not name.startswith("_") and name not in (*keys, newest)]
    return own, [F.col(newest).desc_nulls_last(), *(F.col(name).desc_nulls_last() for name in own)]
