"""Quarantines conflicts on Spark, each once, with the same rows as ``sluice.refresh.duckdb.conflicts`` writes.

Both engines recognise by the same columns a conflict that the quarantine table already holds.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DateType, DecimalType, TimestampNTZType, TimestampType

from sluice.conflicts import until_committed
from sluice.refresh.run import QUARANTINES
from sluice.refresh.spark.branch import Branch, drop_leftovers
from sluice.refresh.spark.lake import Lake
from sluice.refresh.spark.project import Dataset
from sluice.refresh.spark.relations import without_values

CODE = "conflict"
#: The columns that identify a record, as far as its table has them.
_IDENTITY = ("_delivery_id", "_source", "_position", "_sequence")
_VALUE_CHARACTERS = 200


def quarantine_conflicts(lake: Lake, losers: DataFrame, dataset: Dataset, *, maker: str, run_id: str) -> int:
    """Append ``losers``, records that were not picked for their key, to quarantine; return how many were new there."""
    table = f"quarantine.{dataset.name}"
    columns = lake.spark.table(lake.name(table)).columns
    identity = [name for name in _IDENTITY if name in columns]
    found = as_rejected(losers, dataset, columns).persist()
    try:
        return until_committed(
            lambda: _quarantine_once(lake, found, table, identity, maker=maker, run_id=run_id), table, **QUARANTINES
        )
    finally:
        found.unpersist()


def _quarantine_once(lake: Lake, found: DataFrame, table: str, identity: list[str], *, maker: str, run_id: str) -> int:
    head = lake.head(table)
    drop_leftovers(lake, table, head, maker=maker)
    held = lake.rows(table, head.main).where(F.col("reason") == CODE)
    new = without_values(found, identity, held, identity)
    if count := new.count():
        _add(lake, table, new, maker=maker, at=head.main, summary=_summary(run_id, count))
    return count


def _add(lake: Lake, table: str, rows: DataFrame, *, maker: str, at: str, summary: dict[str, str]) -> None:
    """Append through a branch: Spark's append asserts no snapshot and would add again what a faster run just added."""
    branch = Branch(lake, table, maker=maker, at=at)
    try:
        branch.append(rows, summary)
        branch.publish()
    finally:
        branch.drop()


def _summary(run_id: str, rows: int) -> dict[str, str]:
    return {"sluice.run-id": run_id, "sluice.rows": str(rows)}


def as_rejected(losers: DataFrame, dataset: Dataset, columns: list[str]) -> DataFrame:
    """Return ``losers``, records that contradict the one picked for their key, as rows of the quarantine table.

    ``columns`` are that table's columns, in order.
    """
    key = ", ".join(dataset.key)
    parts = [part for name in dataset.key for part in (F.lit(", "), F.col(name).cast("string"))][1:]
    reason = F.struct(
        F.lit(CODE).alias("code"),
        F.lit(key).alias("column"),
        F.substring(F.concat(*parts), 1, _VALUE_CHARACTERS).alias("value"),
        F.lit(f"another record with the same ({key}) has other content and was picked").alias("message"),
    )
    types = {field.name: field.dataType for field in losers.schema.fields}
    record = F.struct(*(_in_json(name, types[name]) for name in dataset.columns))
    made = {
        "reason": F.lit(CODE),
        "reasons": F.array(reason),
        "record": F.to_json(record, {"ignoreNullFields": "false"}).cast("binary"),
        "record_pointer": F.lit(None).cast("string"),
    }
    return losers.select(*(made.get(name, F.col(name)).alias(name) for name in columns))


def _in_json(name: str, kind: DataType) -> Column:
    """Return a column in the form in which DuckDB writes it to a record's JSON."""
    column = F.col(name)
    if isinstance(kind, DateType | TimestampType | TimestampNTZType):
        column = column.cast("string")
    elif isinstance(kind, DecimalType):
        column = column.cast("double")
    return column.alias(name)
