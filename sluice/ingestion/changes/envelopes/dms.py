"""Decodes AWS DMS's JSON for Kinesis targets.

A change that moved a row to another key holds the old key in ``before-image`` (the endpoint's ``BeforeImageSettings``)
or in columns with the prefix ``BI_`` (the ``add-before-image-columns`` rule); other names for them are not recognized.
``IncludeTransactionDetails`` adds the log position, so turn it on; without it DMS's own clock orders the changes.

https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import Raw

from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.ingestion.changes.change import Change, Envelope, Operation, Refused
from sluice.ingestion.changes.position import EPOCH, by_log, by_time, number, padded
from sluice.ingestion.changes.rows import ChangePlan, Row, one_line, plan_of, read_row

_ROWS: dict[str, Operation] = {"load": "read", "insert": "insert", "update": "update", "delete": "delete"}
_CONTROLS: dict[str, Operation] = {
    "truncate-table": "truncate",
    "truncate": "truncate",
    **dict.fromkeys(
        (
            "create-table",
            "drop-table",
            "rename-table",
            "add-column",
            "drop-column",
            "rename-column",
            "change-columns",
            "change-column-type",
            "column-type-change",
        ),
        "schema",
    ),
}
_BEFORE = "BI_"
_MICROSECOND = timedelta(microseconds=1)
_NONE = Raw()


class Metadata(msgspec.Struct, rename="kebab"):
    """The metadata that DMS adds to a record."""

    timestamp: str | None = None
    record_type: str | None = None
    operation: str | None = None
    schema_name: str | None = None
    table_name: str | None = None
    transaction_id: Any = None
    transaction_record_id: Any = None
    commit_timestamp: str | None = None
    stream_position: str | None = None


class Record(msgspec.Struct, rename="kebab"):
    """A record as DMS sends it."""

    metadata: Metadata
    data: Raw = _NONE
    before_image: Raw = _NONE


_decode_record = json_decoder(Record)


def decode_dms(raw: bytes, contract: Contract) -> Change:
    """Return the change that ``raw`` holds; raise ``Refused``, saying why, when it holds none."""
    try:
        record = _decode_record(raw)
    except msgspec.DecodeError as error:
        raise Refused("malformed_record", f"not a record of DMS: {error}") from error
    name = record.metadata.operation or ""
    control = _CONTROLS.get(name)
    if control is not None:
        return _change(control, record, None, raw.decode().strip())
    operation = _ROWS.get(name)
    if operation is None or record.metadata.record_type == "control":
        known = ", ".join((*_ROWS, *_CONTROLS))
        kind = record.metadata.record_type or "record"
        raise Refused("unknown_operation", f"the {kind}'s operation {name!r} is not one of {known}", value=name)
    row = read_row(record.data, "data")
    if row is None:
        raise Refused("missing_row", f"a {name} of DMS without data")
    plan = plan_of(contract)
    before = _before(record, row, plan) if operation == "update" else None
    previous_key = plan.previous_key(row, before, b"") if before else None
    plan.convert(row, b"")
    return _change(operation, record, one_line(row), None, previous_key)


def _before(record: Record, row: Row, plan: ChangePlan) -> Row | None:
    """Return the known columns of the row before its change, or None when none is known."""
    image = read_row(record.before_image, "before-image")
    if image is not None:
        return image
    prefixed = ((name, _BEFORE + name) for name in plan.key)
    return {name: row[early] for name, early in prefixed if early in row and early not in plan.columns}


def _change(
    operation: Operation, record: Record, row: bytes | None, control: str | None, previous_key: bytes | None = None
) -> Change:
    metadata = record.metadata
    made = _time(metadata.timestamp, "timestamp")
    committed = _time(metadata.commit_timestamp, "commit-timestamp") or made
    order = number(metadata.transaction_record_id, "metadata.transaction-record-id")
    snapshot = operation == "read"
    if metadata.stream_position:
        parts = padded(metadata.stream_position, "metadata.stream-position")
        position = by_log(parts, snapshot=snapshot, order=order)
    else:
        position = by_time(_nanoseconds(committed), _nanoseconds(made), snapshot=snapshot, order=order)
    transaction = None if metadata.transaction_id is None else str(metadata.transaction_id)
    table = ".".join(part for part in (metadata.schema_name, metadata.table_name) if part) or None
    return Change(operation, position, committed, transaction, table, row, control, (), previous_key)


def _time(text: str | None, what: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise Refused("unparseable", f"metadata.{what} is not a time", value=text) from error


def _nanoseconds(time: datetime | None) -> int:
    return 0 if time is None else (time - EPOCH) // _MICROSECOND * 1_000


ENVELOPE = Envelope(decode=decode_dms)
