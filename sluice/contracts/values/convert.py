"""Converts delivered values to the contract's types, a whole column at a time.

Text is read value by value (``texts``). Typed values are cast together; when the cast fails, the invalid values are
found by halving the column.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import JSON_TEXT, Column, ColumnType
from sluice.contracts.values.held import held
from sluice.contracts.values.lossless import as_bytes, as_json, is_bytes, is_text
from sluice.contracts.values.spelling import as_declared
from sluice.contracts.values.texts import EPOCH_FORMATS, text_cast
from sluice.contracts.values.typed import as_plain, by_digits, cast_typed

_SIMPLE = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "binary": pa.binary(),
}
Cast = Callable[[pa.Array], pa.Array]


def arrow_type(kind: ColumnType) -> pa.DataType:
    """Return the Arrow type of a column type."""
    return pa.decimal128(kind.precision, kind.scale) if kind.name == "decimal" else _SIMPLE[kind.name]


def convert(values: pa.Array, column: Column) -> tuple[pa.Array, pa.Array | None]:
    """Return ``values`` in the column's type, and a mask of those that could not be converted, None if all could.

    A value that could not be converted is null in the result.
    """
    if column.spelling is not None and pa.types.is_string(values.type):
        respelled, wrong = as_declared(values, column.spelling)
        converted, bad = convert(respelled, msgspec.structs.replace(column, spelling=None))
        return converted, wrong if bad is None else bad if wrong is None else pc.or_(bad, wrong)
    target = arrow_type(column.type)
    if values.type == target and not pa.types.is_string(target):
        return held(values)
    delivered, values = values, _as_text(as_plain(values), column, target)
    text = pa.types.is_string(values.type)
    if text and not pa.types.is_string(delivered.type):
        # What is no text (bytes that are not UTF-8) is null by now, and stays the value that was delivered.
        converted, wrong = convert(values, column)
        lost = pc.and_(pc.is_valid(delivered), pc.is_null(values))
        wrong = lost if wrong is None else pc.or_(wrong, lost)
        return converted, wrong if pc.any(wrong).as_py() else None
    if values.type == target:
        return values, None
    if text:
        converted = text_cast(column, target)(values)
    else:
        converted = _halves(values, partial(cast_typed, target=target), target)
    bad = pc.and_(pc.is_valid(values), pc.is_null(converted))
    converted, unheld = held(converted)
    if unheld is not None:
        bad = pc.or_(bad, unheld)
    return converted, bad if pc.any(bad).as_py() else None


def _as_text(values: pa.Array, column: Column, target: pa.DataType) -> pa.Array:
    """Return the values as text where they are text or are converted through text; null where they are not UTF-8.

    Other values are returned unchanged.
    """
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if is_text(kind) or (is_bytes(kind) and not pa.types.is_binary(target)):
        return _decoded(as_bytes(values))
    if pa.types.is_nested(kind) and column.format == JSON_TEXT:
        texts = [None if value is None else orjson.dumps(value).decode() for value in as_json(values)]
        return pa.array(texts, pa.string())
    if by_digits(kind, target) or (pa.types.is_integer(kind) and column.format in EPOCH_FORMATS):
        return (values.cast(pa.float32()) if pa.types.is_float16(kind) else values).cast(pa.string())
    return values


def _decoded(values: pa.Array) -> pa.Array:
    """Return bytes as text, null where they are not UTF-8."""
    try:
        return values.cast(pa.large_string()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array(map(_text_of, values.to_pylist()), pa.string())


def _text_of(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _halves(values: pa.Array, cast: Cast, target: pa.DataType) -> pa.Array:
    try:
        return cast(values)
    except pa.ArrowNotImplementedError:
        return pa.nulls(len(values), target)
    except pa.ArrowInvalid:
        if len(values) == 1:
            return pa.nulls(1, target)
    middle = len(values) // 2
    return pa.concat_arrays([_halves(values[:middle], cast, target), _halves(values[middle:], cast, target)])
