"""A record that lost stands in quarantine alike, whichever engine put it there."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from sluice.contracts import Arrival, Column, LandingContract, parse_type
from sluice.refresh.duckdb.conflicts import _as_rejected
from sluice.refresh.spark.conflicts import as_rejected
from sluice.refresh.spark.project import Dataset
from sluice.tables.arrow import data_arrow, quarantine_arrow

pytestmark = pytest.mark.spark
TYPES = {
    "id": "string",
    "at": "timestamp",
    "n": "int",
    "big": "bigint",
    "price": "decimal(10,2)",
    "share": "double",
    "on_day": "date",
    "sure": "boolean",
}
THINGS = LandingContract(
    "things",
    "bronze",
    tuple(Column(name, parse_type(kind)) for name, kind in TYPES.items()),
    key=("id", "at"),
    arrival=Arrival("ndjson"),
)
NOON = datetime(2026, 1, 2, 12)
ROWS = [
    {"id": "a", "at": NOON, "n": 1, "big": 1 << 40, "price": Decimal("1.50"), "share": 0.25, "on_day": NOON.date()},
    {"id": 'é"\\\n/', "at": datetime(2026, 1, 2, 12, 0, 0, 120000), "sure": True, "price": Decimal("-0.05")},
    {"id": "x" * 300, "at": datetime(1969, 1, 2, 0, 0, 0, 1), "sure": False, "on_day": date(1999, 12, 31)},
    {"id": None, "at": None},
]


def test_both_engines_write_the_same_row(spark: SparkSession) -> None:
    origin = {"_delivery_id": "d", "_source": "s", "_ingested_at": NOON}
    schema = data_arrow(THINGS)
    losers = pa.Table.from_pylist([{**row, **origin, "_position": at} for at, row in enumerate(ROWS)], schema)
    with duckdb.connect() as connection:
        connection.register("losers", losers)
        by_duckdb = connection.sql(_as_rejected("FROM losers", THINGS)).to_arrow_table()
    ddl = ", ".join(f"`{c.name}` {str(c.type).replace('timestamp', 'timestamp_ntz')}" for c in THINGS.columns)
    ddl += ", _delivery_id string, _source string, _position bigint, _ingested_at timestamp_ntz"
    frame = spark.createDataFrame([tuple(row.values()) for row in losers.to_pylist()], ddl)
    dataset = Dataset("things", tuple(TYPES), THINGS.key, "things.yaml")
    found = as_rejected(frame, dataset, quarantine_arrow(THINGS).names).collect()
    by_spark = [{**row.asDict(recursive=True), "record": bytes(row["record"])} for row in found]
    expected = by_duckdb.cast(quarantine_arrow(THINGS)).to_pylist()
    assert [row["record"].decode() for row in by_spark] == [row["record"].decode() for row in expected]
    assert by_spark == expected
