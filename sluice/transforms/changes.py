"""Turns a log of captured changes into the present rows of the source's table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_KEY_SEPARATOR = "\x1f"  # the same as in sluice.tables.arrow, which the Glue job does not have
_ROWS = ("insert", "update", "read", "delete")


def current_rows(changes: DataFrame, key: Iterable[str], *, deleted: bool = False) -> DataFrame:
    """Return the present row of each key in a change log, with the time of its last change in ``_changed_at``.

    Changes are ordered by their position in the source's log, and by their order in the Kinesis shard where positions
    are equal. A column that an update left out keeps its earlier value, a change of the key ends the row under the old
    key, and a truncate ends all earlier rows. With ``deleted``, ended rows are returned, too, with ``_deleted`` true.
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
        *own,
        F.col("_last").getField("_changed_at").alias("_changed_at"),
        (~F.col("_last").getField("_kept")).alias("_deleted"),
    )
    return state if deleted else state.where(~F.col("_deleted")).drop("_deleted")


def _latest(name: str) -> Column:
    """Return an aggregate: the column's latest value that the source sent."""
    from pyspark.sql import functions as F

    left_out = F.array_contains(F.split(F.coalesce(F.col("_unavailable"), F.lit("")), ","), name)
    return latest_sent(~left_out, F.col("_order"), F.col(name)).alias(name)


def latest_sent(sent: Column, order: Column, value: Column) -> Column:
    """Return an aggregate: the value at the greatest ``order`` among those that were sent, a boolean.

    No two rows have the same order, so that values are never compared. ``sluice check`` knows this as one function
    (``sluice.transforms.functions.recorded``), of values that the greatest struct may not have in general.
    """
    from pyspark.sql import functions as F

    return F.max(F.when(sent, F.struct(order.alias("order"), value.alias("value")))).getField("value")


def _moved(log: DataFrame, keys: list[str], own: list[str]) -> DataFrame:
    """Return a deletion under the old key for each change that moved a row to another key."""
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
