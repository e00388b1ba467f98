"""Captured changes as the rows they leave: what a table of the source looks like now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_KEY_SEPARATOR = "\x1f"  # as in sluice.tables.arrow, which a Glue job need not load
_ROWS = ("insert", "update", "read", "delete")


def current_rows(changes: DataFrame, key: Iterable[str], *, deleted: bool = False) -> DataFrame:
    """Return one row per key of a change log: its own columns, and when its last change was made (``_changed_at``).

    The source's log decides what is last, and the order in its shard where positions are equal. Columns that an update
    left out keep the value before it; a row that a change moved to another key is gone from the old one; a truncate
    ends all rows before it. With ``deleted``, keys that ended are there too, with ``_deleted`` true.
    """
    from pyspark.sql import functions as F

    keys = list(key)
    own = [name for name in changes.columns if not name.startswith("_") and name not in keys]
    order = F.concat_ws(
        "/",
        F.coalesce(F.col("_log_position"), F.lit("")),
        F.lpad(F.col("_sequence"), 64, "0"),
        F.lpad(F.col("_position").cast("string"), 8, "0"),
    )
    log = changes.withColumn("_order", order)
    rows = log.where(F.col("_operation").isin(*_ROWS)).select(
        "_order", "_changed_at", *keys, *own, "_unavailable", (F.col("_operation") != "delete").alias("_kept")
    )
    ended = rows.unionByName(_moved(log, keys, own))
    truncated = log.where(F.col("_operation") == "truncate").agg(F.max("_order").alias("_truncated"))
    kept = ended.crossJoin(truncated).where(F.col("_truncated").isNull() | (F.col("_order") > F.col("_truncated")))
    last = kept.groupBy(*keys).agg(
        F.max(F.struct("_order", "_kept", "_changed_at")).alias("_last"), *(_latest(name) for name in own)
    )
    state = last.select(
        *keys,
        *(F.col(name).getField("value").alias(name) for name in own),
        F.col("_last").getField("_changed_at").alias("_changed_at"),
        (~F.col("_last").getField("_kept")).alias("_deleted"),
    )
    return state if deleted else state.where(~F.col("_deleted")).drop("_deleted")


def _latest(name: str) -> Column:
    """Return the column's latest value that its source sent, with its place in the log."""
    from pyspark.sql import functions as F

    left_out = F.array_contains(F.split(F.coalesce(F.col("_unavailable"), F.lit("")), ","), name)
    return F.max(F.when(~left_out, F.struct("_order", F.col(name).alias("value")))).alias(name)


def _moved(log: DataFrame, keys: list[str], own: list[str]) -> DataFrame:
    """Return the end of each row that a change moved to another key."""
    from pyspark.sql import functions as F

    values = F.split("_previous_key", _KEY_SEPARATOR)
    types = {field.name: field.dataType for field in log.schema.fields}
    return log.where(F.col("_previous_key").isNotNull()).select(
        "_order",
        "_changed_at",
        *(values.getItem(place).cast(types[name]).alias(name) for place, name in enumerate(keys)),
        *(F.lit(None).cast(types[name]).alias(name) for name in own),
        F.lit(",".join(own)).alias("_unavailable"),
        F.lit(False).alias("_kept"),
    )
