"""Writes Arrow values as JSON without losing anything: for rejected Parquet rows, and for nested values stored as text.

``true``, integers, finite numbers, text and null are what they are in JSON; a list is an array, a struct an object, a
map an array of pairs. Decimals, dates, times and timestamps are strings with all their digits. Anything else is an
object with one or two keys: ``{"$base64": "/w=="}`` for bytes and for text that is not UTF-8, ``{"$float": "NaN"}`` for
NaN and infinities, ``{"$type": "duration[ns]", "$value": 5}`` for other types, the value being the number stored in the
file. ``{"$unreadable": "why"}`` stands for a value that Arrow cannot read and no contract asks for.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

#: 0001-01-01 and 9999-12-31, in days since 1970: what every engine can hold.
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
#: What ``orjson`` writes takes far more room before it is written than the values do: so many at a time.
_CELLS_AT_ONCE = 20_000
_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def rows_as_json(columns: dict[str, pa.Array]) -> list[bytes]:
    """Return each row as a JSON object of its columns."""
    rows = len(next(iter(columns.values()), ()))
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(columns)))
    written: list[bytes] = []
    for start in range(0, rows, at_once):
        values = [as_json(column.slice(start, at_once)) for column in columns.values()]
        lines = (orjson.dumps(dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True))
        # A copy: what orjson returns takes some 8 kB of memory, however short it is (3.13.0).
        written += [bytes(memoryview(line)) for line in lines]
    return written


def as_json(values: pa.Array) -> list[Any]:
    """Return the values as plain Python values that ``orjson`` can write."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return as_json(values.storage)
    if pa.types.is_dictionary(kind):
        return as_json(values.dictionary_decode())
    if pa.types.is_temporal(kind):
        return _temporal(values)
    if pa.types.is_nested(kind):
        return [_nested(value) for value in values]
    return _plain(values)


def _plain(values: pa.Array) -> list[Any]:
    kind = values.type
    if pa.types.is_floating(kind):
        return [_number(value) for value in values.cast(pa.float64()).to_pylist()]
    if is_bytes(kind) or is_text(kind):
        return [_text(value, text=is_text(kind)) for value in as_bytes(values).to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if value is None else format(value, "f") for value in values.to_pylist()]
    return list(values.to_pylist())


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of this type are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether values of this type are bytes, of variable or fixed length."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def as_bytes(values: pa.Array) -> pa.Array:
    """Return text or bytes as bytes, without validating them."""
    return values.cast(pa.large_binary())


def _number(value: float | None) -> Any:
    if value is None or math.isfinite(value):
        return value
    return {"$float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}


def _text(value: bytes | None, *, text: bool) -> Any:
    if value is None:
        return None
    if text:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass  # kept as bytes
    return {"$base64": base64.b64encode(value).decode()}


def _temporal(values: pa.Array) -> list[Any]:
    """Return values of the years 1 to 9999 as ISO 8601, others as their number and type."""
    kind = values.type
    width = pa.int32() if kind.bit_width == 32 else pa.int64()
    spelled: Iterable[Any]
    if pa.types.is_interval(kind):
        return [None if value is None else {"$type": str(kind), "$value": list(value)} for value in values.to_pylist()]
    numbers = values.view(width)
    if pa.types.is_duration(kind):
        inside = pc.is_null(numbers)
        spelled = [None] * len(values)
    else:
        per_day = 1 if pa.types.is_date32(kind) else _PER_DAY[kind.unit] if hasattr(kind, "unit") else _PER_DAY["ms"]
        first, end = (0, per_day) if pa.types.is_time(kind) else (FIRST_DAY * per_day, (LAST_DAY + 1) * per_day)
        if width == pa.int64():
            first, end = max(first, -(2**63)), min(end, 2**63 - 1)
        inside = pc.and_(pc.greater_equal(numbers, first), pc.less(numbers, end))
        if pa.types.is_date64(kind):
            whole = pc.equal(pc.multiply(pc.divide(numbers, _PER_DAY["ms"]), _PER_DAY["ms"]), numbers)
            inside = pc.and_(inside, whole)
        none = pa.scalar(None, kind)
        spelled = _spelled(pc.if_else(pc.fill_null(inside, False), values, none))
    return [
        text if text is not None or number is None else {"$type": str(kind), "$value": number}
        for text, number in zip(spelled, numbers.to_pylist(), strict=True)
    ]


def _spelled(values: pa.Array) -> list[str | None]:
    if pa.types.is_timestamp(values.type) and values.type.tz:
        # The zone's name is the column's, not the value's: the instant is what is kept.
        utc = values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.timestamp(values.type.unit))
        return [None if text is None else f"{text}Z" for text in utc.cast(pa.string()).to_pylist()]
    return list(values.cast(pa.string()).to_pylist())


def _nested(value: pa.Scalar) -> Any:
    if not value.is_valid:
        return None
    kind = value.type
    if pa.types.is_map(kind):
        entries = value.values
        return [list(pair) for pair in zip(as_json(entries.field(0)), as_json(entries.field(1)), strict=True)]
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        found = [as_json(_alone(value, number))[0] for number in range(len(names))]
        # Two fields of one name are pairs: an object would lose one.
        pairs = list(zip(names, found, strict=True))
        return dict(pairs) if len(set(names)) == len(names) else [list(pair) for pair in pairs]
    if isinstance(value, pa.UnionScalar):
        return {"$type": str(kind), "$value": str(value)}
    return as_json(value.values)


def _alone(value: pa.StructScalar, number: int) -> pa.Array:
    field = value[number]
    return pa.repeat(field, 1)
