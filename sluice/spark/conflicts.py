"""Records that contradict another one of the same key: into quarantine, each once, as ``sluice.refresh.conflicts``.

Which engine found a record does not show: both write the same rows and know by the same columns what is there.
"""

from __future__ import annotations

import logging

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DateType, DecimalType, TimestampNTZType, TimestampType

from sluice.errors import CommitConflict
from sluice.spark.branch import Branch, drop_leftovers
from sluice.spark.lake import Lake
from sluice.spark.narrow import without_values
from sluice.spark.shipped import Dataset

log = logging.getLogger(__name__)
CODE = "conflict"
_ATTEMPTS = 20
#: What tells one record from another, where a table has it.
_IDENTITY = ("_delivery_id", "_source", "_position", "_sequence")
_VALUE_CHARACTERS = 200


def quarantine_conflicts(lake: Lake, losers: DataFrame, dataset: Dataset, *, maker: str, run_id: str) -> int:
    """Append ``losers`` of the dataset to its quarantine; return how many were new there."""
    table = f"quarantine.{dataset.name}"
    columns = lake.spark.table(lake.name(table)).columns
    identity = [name for name in _IDENTITY if name in columns]
    found = as_rejected(losers, dataset, columns).persist()
    try:
        for _ in range(_ATTEMPTS):
            head = lake.head(table)
            drop_leftovers(lake, table, head, maker=maker)
            held = lake.rows(table, head.main).where(F.col("reason") == CODE)
            new = without_values(found, identity, held, identity)
            if not (count := new.count()):
                return 0
            try:
                _add(lake, table, new, maker=maker, at=head.main, summary=_summary(run_id, count))
            except CommitConflict as conflict:
                log.info("%s", conflict)
            else:
                return count
    finally:
        found.unpersist()
    raise CommitConflict(
        f"{table}: {_ATTEMPTS} commits in a row met another writer.",
        safe="nothing was published; readers still see the previous snapshot.",
        next_step="the next refresh tries again.",
    )


def _add(lake: Lake, table: str, rows: DataFrame, *, maker: str, at: str, summary: dict[str, str]) -> None:
    """Append by way of a branch, since Spark's own append asserts no snapshot: a faster run's rows would be doubled."""
    branch = Branch(lake, table, maker=maker, at=at)
    try:
        branch.append(rows, summary)
        branch.publish()
    finally:
        branch.drop()


def _summary(run_id: str, rows: int) -> dict[str, str]:
    return {"sluice.run-id": run_id, "sluice.rows": str(rows)}


def as_rejected(losers: DataFrame, dataset: Dataset, columns: list[str]) -> DataFrame:
    """Return ``losers`` as rows of the quarantine table."""
    key = ", ".join(dataset.key)
    parts = [part for name in dataset.key for part in (F.lit(", "), F.col(name).cast("string"))][1:]
    reason = F.struct(
        F.lit(CODE).alias("code"),
        F.lit(key).alias("column"),
        F.substring(F.concat(*parts), 1, _VALUE_CHARACTERS).alias("value"),
        F.lit(f"({key}) names another record too, with other content; that one was picked").alias("message"),
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
    """Return a column as it stands in a record's JSON, spelled as DuckDB spells it."""
    column = F.col(name)
    if isinstance(kind, DateType | TimestampType | TimestampNTZType):
        column = column.cast("string")
    elif isinstance(kind, DecimalType):
        column = column.cast("double")
    return column.alias(name)
