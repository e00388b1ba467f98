"""Of several records of one key, the one that counts; the choice never depends on the order in which they arrived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def latest_by_key(rows: DataFrame, key: Iterable[str], *, newest: str) -> DataFrame:
    """Return one row per key, the one with the latest ``newest``; equal ones are decided by the rows' own values.

    The winner never depends on the order in which records arrived. ``_late``, of a stream, is true when every record of
    the key was late.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    own, order = _ranking(rows, keys, newest)
    ranked = rows.withColumn("_rank", F.row_number().over(Window.partitionBy(*keys).orderBy(*order)))
    late = ["_late"] if "_late" in rows.columns else []
    for name in late:
        ranked = ranked.withColumn(name, F.min(name).over(Window.partitionBy(*keys)))
    return ranked.where(F.col("_rank") == 1).select(*keys, newest, *own, *late)


def conflicting(rows: DataFrame, key: Iterable[str], *, newest: str) -> DataFrame:
    """Return the rows whose content differs from the one that ``latest_by_key`` picks for their key."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    _, order = _ranking(rows, keys, newest)
    # The order covers all of a record's own columns: rank 1 has every row that says the same as the winner.
    ranked = rows.withColumn("_rank", F.dense_rank().over(Window.partitionBy(*keys).orderBy(*order)))
    return ranked.where(F.col("_rank") > 1).drop("_rank")


def _ranking(rows: DataFrame, keys: list[str], newest: str) -> tuple[list[str], list[Any]]:
    """Return the columns beside key and ``newest``, and the order in which rows of one key compete."""
    from pyspark.sql import functions as F

    own = [name for name in rows.columns if not name.startswith("_") and name not in (*keys, newest)]
    return own, [F.col(newest).desc_nulls_last(), *(F.col(name).desc_nulls_last() for name in own)]
