"""Chooses how a contract's columns are converted: by the envelope's schema if there is one, else by the contract.

Without a schema, an integer in a ``date`` column counts days since 1970; in a ``timestamp`` column it counts the unit
that the column's ``format`` names (``epoch_seconds``, ``epoch_millis``, ``epoch_micros``, ``epoch_nanos``), or
milliseconds when it names none of these. A decimal is then a string or a number, not base64.

Logical types: https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-data-types
"""

from __future__ import annotations

from typing import Any

import msgspec

from sluice.contracts import Column
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.ingestion.changes import values
from sluice.ingestion.changes.values import Convert

_DAYS = ("io.debezium.time.Date", "org.apache.kafka.connect.data.Date")
_INSTANTS = {
    "io.debezium.time.Timestamp": 1_000,
    "io.debezium.time.MicroTimestamp": 1_000_000,
    "io.debezium.time.NanoTimestamp": 1_000_000_000,
    "org.apache.kafka.connect.data.Timestamp": 1_000,
}
_TIMES = {
    "io.debezium.time.Time": 1_000,
    "io.debezium.time.MicroTime": 1_000_000,
    "io.debezium.time.NanoTime": 1_000_000_000,
    "org.apache.kafka.connect.data.Time": 1_000,
}
_DECIMAL = "org.apache.kafka.connect.data.Decimal"
_SCALED = "io.debezium.data.VariableScaleDecimal"
#: How a value is read without a schema, by the column's type.
_BY_TYPE: dict[str, Convert] = {
    "date": values.as_day,
    "decimal": values.as_scaled(values.quoted_number),
    "string": values.as_text,
    "boolean": values.as_truth,
}


class Field(msgspec.Struct):
    """One field of a Kafka Connect schema; ``name`` is its logical type, ``field`` its name in the record."""

    type: str = ""
    name: str | None = None
    field: str | None = None
    fields: list[Field] | None = None
    parameters: dict[str, Any] | None = None


def converter(column: Column, field: Field | None) -> Convert | None:
    """Return the function that converts a value to the form that ``column`` reads; None when it needs no conversion."""
    logical = _logical(column, field) if field is not None and field.name else None
    if logical is not None:
        return logical
    if column.type.name == "timestamp":
        return values.as_instant(EPOCH_FORMATS.get(str(column.format), 1_000))
    return _BY_TYPE.get(column.type.name)


def _logical(column: Column, field: Field) -> Convert | None:
    """Return the function that reads the field's logical type; None when the contract alone decides."""
    kind, name = column.type.name, field.name or ""
    quote = values.quoted_number if kind in ("decimal", "string") else values.plain
    found: Convert | None = None
    if name == _DECIMAL:
        found = values.as_unscaled(_scale(field), quote)
    elif name == _SCALED:
        found = values.as_scaled(quote)
    elif kind in ("int", "bigint"):
        pass  # the contract wants the count itself
    elif name in _DAYS:
        found = values.as_day
    elif name in _INSTANTS:
        found = values.as_instant(_INSTANTS[name], day=kind == "date")
    elif name in _TIMES:
        found = values.as_time(_TIMES[name])
    return found


def _scale(field: Field) -> int:
    scale = str((field.parameters or {}).get("scale", "0"))
    return int(scale) if scale.removeprefix("-").isdecimal() and len(scale) < 6 else 0
