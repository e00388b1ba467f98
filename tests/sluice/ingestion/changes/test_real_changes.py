"""Real events of Debezium and DMS, replayed in the order of their positions."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sluice.contracts import LandingContract
from sluice.ingestion.changes import Change, decode
from tests.real_data import real_data
from tests.sluice.ingestion.changes.changing import typed
from tests.sluice.ingestion.reading import column, contract

pytestmark = pytest.mark.real_data

#: What the sources' schema came to: columns added, and ``age`` widened from a number to text.
PRODUCTS = contract(
    column("id", "bigint", required=True),
    column("name"),
    column("description"),
    column("weight", "double"),
    column("age"),
    column("address"),
    key=("id",),
    stream=True,
)
COMPUTED = contract(column("_id", "bigint"), column("_date", "date"), key=("_id",), stream=True)
DATED = contract(column("id", "bigint"), column("date", "date"), key=("id",), stream=True)
VALUES = contract(column("id", "bigint"), column("value"), key=("id",), stream=True)
NESTED = contract(column("id", "bigint"), column("name"), column("row"), key=("id",), stream=True)
SERIES: dict[str, LandingContract] = {
    "aws-dms/table/schemaevolution": PRODUCTS,
    "aws-dms/table/startupmode": PRODUCTS,
    "aws-dms/table/watermark": PRODUCTS,
    "aws-dms/table/computedcolumn": COMPUTED,
    "aws-dms/table/metadatacolumn": COMPUTED,
    "debezium/table/schemaevolution": PRODUCTS,
    "debezium/table/startupmode": PRODUCTS,
    "debezium/table/watermark": PRODUCTS,
    "debezium/table/computedcolumn": COMPUTED,
    "debezium/table/metadatacolumn": COMPUTED,
    "debezium/table/nullvalue": VALUES,
    "debezium/table/nestedtype": NESTED,
    "debezium/table/schema/schemaevolution": PRODUCTS,
    "debezium/table/schema/computedcolumn": DATED,
    "debezium/table/schema/include": PRODUCTS,
}
AS_SENT: dict[str, Callable[[Any], Any]] = {
    "_date": date.fromisoformat,
    "age": str,
    "weight": float,
    "date": date.fromisoformat,
    "row": lambda value: json.dumps(value, separators=(",", ":")),
}


@pytest.fixture
def events() -> Path:
    return real_data("cdc-paimon-debezium-dms")


def _records(folder: Path) -> list[bytes]:
    """Return a folder's events in the order of its files; some begin with their licence."""
    lines = [line for file in sorted(folder.glob("*.txt")) for line in file.read_bytes().splitlines()]
    return [line for line in lines if line.startswith(b"{")]


def _decoded(record: bytes, folder: str, declared: LandingContract) -> Change:
    found = decode(record, "dms" if folder.startswith("aws-dms") else "debezium", declared)
    assert isinstance(found, Change), found
    return found


def _expected(records: list[bytes], declared: LandingContract) -> dict[int, dict[str, Any]]:
    """Return the table that the events imply, found without the decoder: by their own times, then as they came."""
    key = declared.key[0]
    steps = []
    for arrival, record in enumerate(records):
        event = json.loads(record)
        event = event.get("payload", event)
        if "metadata" in event:
            metadata = event["metadata"]
            kind, row, time = metadata["operation"], event["data"], metadata["timestamp"]
        else:
            kind, row = event["op"], event["after"] or event["before"]
            time = f"{event['source']['ts_ms']:020}"
        steps.append((time, arrival, kind in ("d", "delete"), row))
    table: dict[int, dict[str, Any]] = {}
    for _, _, removed, row in sorted(steps, key=lambda step: step[:2]):
        table.pop(row[key], None)
        if not removed:
            values = {c.name: row.get(c.name) for c in declared.columns}
            table[row[key]] = {
                name: AS_SENT.get(name, lambda same: same)(value) if value is not None else None
                for name, value in values.items()
            }
    return table


def _replayed(records: list[bytes], folder: str, declared: LandingContract) -> dict[int, dict[str, Any]]:
    """Return the table after the decoded changes, sorted by position; equal ones keep the order of arrival."""
    key = declared.key[0]
    changes = [(arrival, _decoded(record, folder, declared)) for arrival, record in enumerate(records)]
    random.Random(7).shuffle(changes)
    changes.sort(key=lambda entry: (entry[1].position or "", entry[0]))
    rows = typed([found.row for _, found in changes], declared)
    table: dict[int, dict[str, Any]] = {}
    for (_, found), row in zip(changes, rows, strict=True):
        assert found.previous_key is None
        table.pop(row[key], None)
        if found.operation != "delete":
            table[row[key]] = row
    return table


@pytest.mark.parametrize("folder", SERIES)
def test_replaying_the_events_gives_the_tables_that_they_imply(events: Path, folder: str) -> None:
    records = _records(events / folder)
    assert records
    found = _replayed(records, folder, SERIES[folder])
    assert found == _expected(records, SERIES[folder])
    assert found


def test_the_tables_are_those_that_a_person_reads_in_the_events(events: Path) -> None:
    for folder in ("aws-dms/table/schemaevolution", "debezium/table/schemaevolution"):
        table = _replayed(_records(events / folder), folder, PRODUCTS)
        assert sorted(table) == [102, 103, 104, 105, 107]
        assert table[105]["address"] == "Beijing"
    enveloped = "debezium/table/schema/schemaevolution"
    table = _replayed(_records(events / enveloped), enveloped, PRODUCTS)
    assert sorted(table) == [103, 104, 105]
    assert table[105] == {
        "id": 105,
        "name": "hammer",
        "description": "12oz carpenter's hammer",
        "weight": 0.75,
        "age": "24",
        "address": None,
    }


def test_every_event_there_is_decodes(events: Path) -> None:
    folders = sorted({file.parent.relative_to(events).as_posix() for file in events.rglob("*.txt")})
    assert set(folders) == {*SERIES, "debezium/table/schema/alltype"}
    decoded = [_decoded(record, folder, PRODUCTS) for folder in folders for record in _records(events / folder)]
    assert len(decoded) == 46
    assert {found.operation for found in decoded} == {"insert", "update", "delete", "read"}


def test_a_row_of_every_type_is_exact(events: Path) -> None:
    expected: dict[tuple[str, str], Any] = {
        ("_id", "bigint"): 1,
        ("pt", "decimal(2,1)"): Decimal("1.1"),
        ("_bit1", "boolean"): True,
        ("_boolean", "boolean"): True,
        ("_bool", "boolean"): False,
        ("_bigint_unsigned", "decimal(20,0)"): Decimal(20000000000),
        ("_serial", "bigint"): 40000000000,
        ("_numeric_unsigned_zerofill", "decimal(8,3)"): Decimal("12345.330"),
        ("_fixed", "decimal(38,3)"): Decimal("123456789876543212345678987654321.110"),
        ("_big_decimal", "decimal(38,10)"): Decimal("2222222222222222300000001111.1234567890"),
        ("_date", "date"): date(2023, 3, 23),
        ("_datetime", "timestamp"): datetime(2023, 3, 23, 14, 30, 5),
        ("_datetime3", "timestamp"): datetime(2023, 3, 23, 14, 30, 5, 123000),
        ("_datetime6", "timestamp"): datetime(2023, 3, 23, 14, 30, 5, 123456),
        ("_datetime_p2", "timestamp"): datetime(2023, 3, 24, 14, 30, 5, 120000),
        ("_timestamp", "timestamp"): datetime(2023, 3, 23, 22, 0, 10, 123456),
        ("_timestamp0", "timestamp"): datetime(2023, 3, 23, 7, 10),
        ("_char", "string"): "Paimon",
        ("_varbin", "string"): "bW9yZSBieXRlcw==",
        ("_json", "string"): '{"a": "b"}',
        ("_enum", "string"): "value1",
        ("_set", "string"): "a,b",
        ("_year", "int"): 2023,
        ("_time", "string"): "10:13:23",
    }
    declared = contract(*(column(name, kind) for name, kind in expected), key=("_id",), stream=True)
    folder = "debezium/table/schema/alltype"
    (record,) = _records(events / folder)
    found = _decoded(record, folder, declared)
    assert found.table == "paimon_sync_table.all_types_table"
    assert typed([found.row], declared) == [{name: value for (name, _), value in expected.items()}]
