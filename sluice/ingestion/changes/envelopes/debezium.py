"""Decodes Debezium's JSON, with and without the schema envelope.

A record that holds only the row (flattened by ``ExtractNewRecordState``) lacks the operation and its time, and is
refused. Debezium sends a changed primary key as a delete and a create; an update whose image before the change has
another value in the contract's key also moves the row.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from sluice.contracts import Contract
from sluice.decoding import json_decoder
from sluice.ingestion.changes.change import Change, Envelope, Operation, Refused
from sluice.ingestion.changes.position import LAYOUTS, by_log, by_time, moment, number
from sluice.ingestion.changes.rows import has_placeholder, one_line, plan_of, read_row

_ROWS: dict[str, Operation] = {"c": "insert", "u": "update", "d": "delete", "r": "read"}
_CONTROLS: dict[str, Operation] = {"t": "truncate", "m": "heartbeat"}
_TRANSACTION = frozenset(("status", "id", "event_count", "data_collections", "ts_ms", "ts_us", "ts_ns"))
_BOUNDARIES = (b'"BEGIN"', b'"END"')
_HEARTBEAT = frozenset(("ts_ms", "ts_us", "ts_ns"))
_NONE = Raw()


class DebeziumSource(msgspec.Struct):
    """Where a change comes from; has the fields of all connectors."""

    connector: str | None = None
    db: str | None = None
    schema: str | None = None
    table: str | None = None
    collection: str | None = None
    snapshot: Any = None
    ts_ms: int | None = None
    ts_us: int | None = None
    ts_ns: int | None = None
    sequence: Any = None
    lsn: Any = None
    transaction: Any = msgspec.field(default=None, name="txId")
    gtid: Any = None
    file: Any = None
    pos: Any = None
    row: Any = None
    commit_lsn: Any = None
    change_lsn: Any = None
    event_serial_no: Any = None
    scn: Any = None
    commit_scn: Any = None
    rs_id: Any = None
    lcr_position: Any = None
    ssn: Any = None
    ord: Any = None
    tord: Any = None


class Transaction(msgspec.Struct):
    """The transaction of a change, and the change's order within it."""

    id: Any = None
    total_order: int | None = None


class Event(msgspec.Struct):
    """A change as Debezium sends it, or the schema envelope around one."""

    op: str | None = None
    before: Raw = _NONE
    after: Raw = _NONE
    source: DebeziumSource | None = None
    ts_ms: int | None = None
    ts_us: int | None = None
    ts_ns: int | None = None
    transaction: Transaction | None = None
    payload: Raw = _NONE
    envelope: Raw = msgspec.field(default=_NONE, name="schema")


_decode_event = json_decoder(Event)
_decode_object = json_decoder(dict[str, Raw])


def decode_debezium(raw: bytes, contract: Contract) -> Change:
    """Return the change that ``raw`` holds; raise ``Refused``, saying why, when it holds none."""
    if raw.strip() in (b"", b"null"):
        return _tombstone()
    try:
        event = _decode_event(raw)
        body: bytes | Raw = raw
        schema = b""
        if event.op is None and bytes(event.payload):
            if bytes(event.payload) == b"null":
                return _tombstone()
            body, schema = event.payload, bytes(event.envelope)
            event = _decode_event(body)
    except msgspec.DecodeError as error:
        raise Refused("malformed_record", f"not a Debezium change: {error}") from error
    if event.op is None:
        return _without_operation(event, body, raw)
    if event.op in _CONTROLS:
        return _control(_CONTROLS[event.op], event, raw)
    operation = _ROWS.get(event.op)
    if operation is None:
        known = ", ".join((*_ROWS, *_CONTROLS))
        raise Refused("unknown_operation", f"op {event.op!r} is not one of {known}", value=event.op)
    return _row_change(operation, event, raw, schema, contract)


def _row_change(operation: Operation, event: Event, raw: bytes, schema: bytes, contract: Contract) -> Change:
    plan = plan_of(contract)
    before = read_row(event.before, "before") if operation in ("update", "delete") else None
    row = before if operation == "delete" else read_row(event.after, "after")
    if row is None:
        image, what = ("before", "REPLICA IDENTITY or pre-images") if operation == "delete" else ("after", "full rows")
        raise Refused("missing_row", f"a Debezium {operation} without {image}; the source must send {what}")
    unavailable = plan.fill(row, before) if has_placeholder(raw) else ()
    previous_key = plan.previous_key(row, before, schema) if operation == "update" and before else None
    plan.convert(row, schema)
    return Change(
        operation,
        _position(event),
        _changed_at(event),
        _transaction(event),
        _table(event.source),
        one_line(row),
        None,
        unavailable,
        previous_key,
    )


def _without_operation(event: Event, body: bytes | Raw, raw: bytes) -> Change:
    """Return the control record that a record without an operation is; raise ``Refused`` when it is of no known kind.

    Every field of each kind is compared, so that a row of a table is never taken for a control record.
    """
    fields = _decode_object(body)
    names = fields.keys()
    if names <= _HEARTBEAT and event.ts_ms is not None:
        return _control("heartbeat", event, raw)
    if names <= _TRANSACTION and {"id", "event_count"} <= names and bytes(fields.get("status", _NONE)) in _BOUNDARIES:
        return _control("transaction", event, raw, transaction=fields["id"])
    if {"source", "ddl"} <= names or {"source", "tableChanges"} <= names:
        return _control("schema", event, raw)
    raise Refused(
        "flattened_record",
        "there is no op: a flattened record (ExtractNewRecordState) does not say what happened; send the whole change",
    )


def _control(operation: Operation, event: Event, raw: bytes, transaction: Raw | None = None) -> Change:
    identity = _transaction(event)
    if transaction is not None:
        identity = _identity(msgspec.json.decode(transaction))
    position = _position(event) if event.source is not None else None
    text = raw.decode().strip()
    return Change(operation, position, _changed_at(event), identity, _table(event.source), None, text)


def _tombstone() -> Change:
    return Change("tombstone", None, None, None, None, None, "")


def _position(event: Event) -> str:
    source = event.source or DebeziumSource()
    total_order = event.transaction.total_order if event.transaction is not None else None
    order = number(total_order, "transaction.total_order")
    snapshot = event.op == "r" or source.snapshot not in (None, False, "false")
    layout = LAYOUTS.get(source.connector or "")
    parts = layout(source) if layout is not None else None
    if parts is not None:
        return by_log(parts, snapshot=snapshot, order=order)
    return by_time(_nanoseconds(source), _nanoseconds(event), snapshot=snapshot, order=order)


def _nanoseconds(times: DebeziumSource | Event) -> int:
    """Return the most precise of a record's times in nanoseconds since 1970; 0 when it has none."""
    found = times.ts_ns or (times.ts_us or 0) * 1_000 or (times.ts_ms or 0) * 1_000_000
    return found if found < 2**64 else number(found, "ts_ms")


def _changed_at(event: Event) -> Any:
    """Return when the source made the change or, for a snapshot that does not know it, when the row was read."""
    found = (_nanoseconds(event.source) if event.source is not None else 0) or _nanoseconds(event)
    return moment(found, "ts_ms") if found else None


def _transaction(event: Event) -> str | None:
    if event.transaction is not None and event.transaction.id is not None:
        return _identity(event.transaction.id)
    source = event.source
    return (
        _identity(source.transaction if source.transaction is not None else source.gtid) if source is not None else None
    )


def _identity(value: Any) -> str | None:
    return None if value is None else str(value)


def _table(source: DebeziumSource | None) -> str | None:
    if source is None:
        return None
    parts = (source.db, source.schema, source.table or source.collection)
    return ".".join(part for part in parts if part) or None


ENVELOPE = Envelope(decode=decode_debezium)
