"""Builds records of change capture, decodes them, and reads the rows that come out as the ingestor does."""

from __future__ import annotations

import json
from typing import Any

from sluice.contracts import LandingContract
from sluice.ingestion.changes import Change, decode
from sluice.ingestion.check import check_block
from sluice.ingestion.readers.json_records import parse_records
from sluice.ingestion.records import Reason
from tests.sluice.ingestion.reading import column, contract

PARCELS = contract(
    column("id", "bigint", required=True),
    column("label"),
    column("weight", "decimal(12,3)"),
    column("sent_on", "date"),
    column("seen_at", "timestamp"),
    key=("id",),
    format="debezium",
    stream=True,
)
POSTGRES = {
    "connector": "postgresql",
    "db": "shop",
    "schema": "public",
    "table": "parcels",
    "snapshot": "false",
    "ts_ms": 1_700_000_000_123,
    "txId": 77,
    "lsn": 500,
    "sequence": '["400","500"]',
}


def debezium(op: str | None, *, before: Any = None, after: Any = None, **other: Any) -> dict[str, Any]:
    """Return a change as Debezium sends it without an envelope; ``source`` adds to a PostgreSQL source."""
    source = {**POSTGRES, **other.pop("source", {})}
    event = {"before": before, "after": after, "source": source, "op": op, "ts_ms": 1_700_000_000_456}
    return {**event, "transaction": None, **other}


def enveloped(payload: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Return ``payload`` in an envelope; ``fields`` are the row's columns: a type, or a whole field."""
    described = [{"field": name, **({"type": f} if isinstance(f, str) else f)} for name, f in fields.items()]
    images = [{"type": "struct", "field": image, "fields": described} for image in ("before", "after")]
    return {"schema": {"type": "struct", "name": "shop.Envelope", "fields": images}, "payload": payload}


def dms(operation: str, data: Any = None, *, record: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """Return a record as DMS sends it to Kinesis; underscores of ``metadata`` stand for hyphens."""
    said = {
        "timestamp": "2024-07-29T00:58:17.983670Z",
        "record-type": "data",
        "operation": operation,
        "schema-name": "public",
        "table-name": "parcels",
        **{name.replace("_", "-"): value for name, value in metadata.items()},
    }
    return {**({} if data is None else {"data": data}), "metadata": said, **(record or {})}


def change(record: Any, declared: LandingContract = PARCELS, change_format: str = "debezium") -> Change:
    """Decode a record that holds a change."""
    found = decode(json.dumps(record).encode(), change_format, declared)
    assert isinstance(found, Change), found
    return found


def reason(record: Any, declared: LandingContract = PARCELS, change_format: str = "debezium") -> Reason:
    """Decode a record, or its bytes, that holds none."""
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    found = decode(raw, change_format, declared)
    assert isinstance(found, Reason), found
    return found


def row(found: Change) -> Any:
    """Return the change's row as JSON says it."""
    assert found.row is not None
    return json.loads(found.row)


def typed(rows: list[bytes | None], declared: LandingContract) -> list[dict[str, Any]]:
    """Return the rows in the contract's types, as bronze would hold them; none may be rejected."""
    present = [found for found in rows if found is not None]
    listed: dict[int, dict[str, Any]] = {}
    for block in parse_records(present, declared, 0):
        checked = check_block(block, declared)
        assert checked.rejected.num_rows == 0, checked.rejected.to_pylist()
        listed |= dict(zip(checked.positions.to_pylist(), checked.accepted.to_pylist(), strict=True))
    assert len(listed) == len(present)
    return [listed[position] for position in sorted(listed)]


def one(value: Any, kind: str, field: Any = None, fmt: str | None = None) -> Any:
    """Return one value in the contract's type: sent bare, or under a schema's ``field``."""
    declared = contract(column("value", kind, fmt=fmt), format="debezium", stream=True)
    record: Any = debezium("c", after={"value": value})
    plain = contract(column("value", kind), format="debezium", stream=True)
    found = change(enveloped(record, {"value": field}) if field else record, declared)
    return typed([found.row], plain)[0]["value"]
