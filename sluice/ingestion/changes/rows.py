"""Prepares the rows of changes: converts their values, finds values that were not sent, and finds changed keys.

A source may leave out a large value that did not change (PostgreSQL's TOAST); Debezium then sends a placeholder. The
value is taken from the image before the change if that has it; else the column is null and named in ``unavailable``.
Only Debezium's default placeholder is recognized, not another ``unavailable.value.placeholder`` of a connector:
https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-toasted-values
"""

from __future__ import annotations

import base64
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import Raw

from sluice.contracts import Contract
from sluice.decoding import decode_text, json_decoder
from sluice.ingestion.changes.change import Refused
from sluice.ingestion.changes.columns import Field, converter
from sluice.ingestion.changes.values import Convert
from sluice.ingestion.readers.json_keys import key_problem

Row = dict[str, Raw]

_PLACEHOLDER = b"__debezium_unavailable_value"
_ENCODED = base64.b64encode(_PLACEHOLDER)
_UNAVAILABLE = frozenset(
    form.replace(b"%", text)
    for text in (_PLACEHOLDER, _ENCODED)
    for form in (b'"%"', b'["%"]', b'[ "%" ]', b'{"%":"%"}', b'{"%": "%"}')
)
_NULL = Raw(b"null")
_decode_row = json_decoder(Row)
_decode_field = json_decoder(Field)
_exact = msgspec.json.Decoder(float_hook=Decimal).decode
#: Plans by the contract's identity; the contract is kept with its plan, so that the identity stays its own.
_plans: dict[int, ChangePlan] = {}
_MAX_PLANS = 1_000


class ChangePlan:
    """What a contract needs of its changes' rows: names, key, and the conversions under each schema."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.columns = {column.header or column.name: column for column in contract.columns}
        headers = {column.name: header for header, column in self.columns.items()}
        self.key = tuple(headers[name] for name in contract.key if name in headers)
        self.converters = lru_cache(maxsize=256)(self._converters)

    def _converters(self, schema: bytes) -> tuple[tuple[str, Convert], ...]:
        """Return the columns to convert under an envelope's schema, each with its function; no schema is empty."""
        fields = _fields(schema)
        found = ((header, converter(column, fields.get(header))) for header, column in self.columns.items())
        return tuple((header, convert) for header, convert in found if convert is not None)

    def convert(self, row: Row, schema: bytes) -> None:
        """Convert the row's values in place."""
        for header, convert in self.converters(schema):
            value = row.get(header)
            if value is None:
                continue
            text = bytes(value)
            if text == b"null":
                continue
            try:
                converted = convert(text)
            except ValueError as error:
                name = self.columns[header].name
                raise Refused("unparseable", f"{name} {error}", name, text.decode()) from error
            if converted is not text:
                row[header] = Raw(converted)

    def fill(self, row: Row, before: Row | None) -> tuple[str, ...]:
        """Take values that were not sent from the image before the change; return the columns that it lacks too."""
        missing = []
        for header, value in row.items():
            if bytes(value) not in _UNAVAILABLE:
                continue
            earlier = before.get(header) if before is not None else None
            if earlier is not None and bytes(earlier) not in _UNAVAILABLE:
                row[header] = earlier
                continue
            row[header] = _NULL
            if header in self.columns:
                missing.append(self.columns[header].name)
        return tuple(missing)

    def previous_key(self, row: Row, before: Row, schema: bytes) -> bytes | None:
        """Return the key before the change as JSON, or None when it is the same; neither row has been converted yet.

        A key column that the earlier image does not have counts as unchanged.
        """
        old = {header: _known(before, header) or row.get(header, _NULL) for header in self.key}
        new = {header: row.get(header, _NULL) for header in self.key}
        if all(bytes(old[header]) == bytes(new[header]) for header in self.key):
            return None
        self.convert(old, schema)
        self.convert(new, schema)
        same = all(self._value(header, old) == self._value(header, new) for header in self.key)
        return None if same else one_line(old)

    def _value(self, header: str, row: Row) -> object:
        """Return a key column's value in one spelling, so that two spellings of one number are equal."""
        value = _exact(row[header])
        if self.columns[header].type.name != "decimal" or not isinstance(value, str):
            return value
        try:
            return Decimal(value)
        except ArithmeticError:
            return value


def plan_of(contract: Contract) -> ChangePlan:
    """Return the plan of ``contract``, which is made once and kept."""
    plan = _plans.get(id(contract))
    if plan is None or plan.contract is not contract:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        plan = _plans[id(contract)] = ChangePlan(contract)
    return plan


def has_placeholder(raw: bytes) -> bool:
    """Return whether the record may hold Debezium's placeholder for a value that was not sent."""
    return _PLACEHOLDER in raw or _ENCODED in raw


def read_row(image: Raw, what: str) -> Row | None:
    """Return a row image, or None when there is none; MongoDB's is JSON inside a string."""
    text = bytes(image)
    if text in (b"", b"null"):
        return None
    try:
        if text[:1] == b'"':
            text = decode_text(text).encode()
            if problem := key_problem(text):
                raise Refused(problem.code, f"{what}: {problem.message}")
        return _decode_row(text)
    except msgspec.DecodeError as error:
        raise Refused("malformed_record", f"{what} is no row: {error}") from error


def one_line(row: Row) -> bytes:
    """Return the row as JSON without a line break."""
    text = msgspec.json.encode(row)
    return msgspec.json.format(text, indent=-1) if b"\n" in text or b"\r" in text else text


def _known(row: Row, header: str) -> Raw | None:
    value = row.get(header)
    return None if value is None or bytes(value) in _UNAVAILABLE or bytes(value) == b"null" else value


def _fields(schema: bytes) -> dict[str, Field]:
    """Return the fields of the row that a Kafka Connect schema describes."""
    if schema in (b"", b"null"):
        return {}
    try:
        envelope = _decode_field(schema)
    except msgspec.DecodeError as error:
        raise Refused("malformed_record", f"schema is no Kafka Connect schema: {error}") from error
    images = {field.field: field.fields for field in envelope.fields or ()}
    return {field.field: field for field in images.get("after") or images.get("before") or () if field.field}
