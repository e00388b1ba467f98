"""Turns delivered values into the contract's types, a whole column at a time.

A column that converts as a whole costs one cast. Only when that fails are the values that cannot be meant by the type
set aside, first by a regular expression over the column, then by halving.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import JSON_TEXT, Column, ColumnType
from sluice.ingestion.held import held
from sluice.ingestion.lossless import as_bytes, as_json, is_bytes, is_text
from sluice.ingestion.patterns import cast_by_patterns, patterns_of
from sluice.ingestion.spelling import as_declared
from sluice.ingestion.typed import as_plain, by_digits, cast_typed

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
_DAY_OF_YEAR = r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
#: What a value of a type can look like; the few that look right and are not (29 February) are found by halving.
_SHAPES = {
    "int": r"^-?0*[0-9]{1,10}$",
    "bigint": r"^-?0*[0-9]{1,19}$",
    "float": _NUMBER,
    "double": _NUMBER,
    "boolean": r"^(?i:true|false|0|1)$",
    "date": rf"^[0-9]{{4}}-{_DAY_OF_YEAR}$",
    "timestamp": rf"^[0-9]{{4}}-{_DAY_OF_YEAR}([T ]{_TIME}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})?)?$",
}
#: How many units of a numeric timestamp make a second, by a column's ``format``; text is ISO 8601 beside it.
EPOCH_FORMATS = {
    "epoch_seconds": 1,
    "epoch_millis": 1_000,
    "epoch_micros": 1_000_000,
    "epoch_nanos": 1_000_000_000,
}
_ZONED = r"(Z|[+-][0-9]{2}:?[0-9]{2})$"
Cast = Callable[[pa.Array], pa.Array]


def arrow_type(kind: ColumnType) -> pa.DataType:
    """Return the Arrow type that carries ``kind``."""
    return pa.decimal128(kind.precision, kind.scale) if kind.name == "decimal" else _SIMPLE[kind.name]


def convert(values: pa.Array, column: Column) -> tuple[pa.Array, pa.Array | None]:
    """Return ``values`` in the column's type, and a mask of those that could not be converted (none: all could).

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
    cast = _text_cast(column, target) if text else partial(cast_typed, target=target)
    try:
        converted = cast(values)
    except pa.ArrowNotImplementedError:
        converted = pa.nulls(len(values), target)
    except pa.ArrowInvalid:
        converted = _cast_dirty_text(values, cast, column, target) if text else _halves(values, cast, target)
    bad = pc.and_(pc.is_valid(values), pc.is_null(converted))
    converted, unheld = held(converted)
    if unheld is not None:
        bad = pc.or_(bad, unheld)
    return converted, bad if pc.any(bad).as_py() else None


def _shape(kind: ColumnType) -> str | None:
    if kind.name != "decimal":
        return _SHAPES.get(kind.name)
    whole = rf"0*[0-9]{{0,{kind.precision - kind.scale}}}"
    plain = rf"{whole}(\.[0-9]{{0,{kind.scale}}}0*)?"
    return rf"^[+-]?({plain}|[0-9.]+[eE][+-]?[0-9]+)$"


def _as_text(values: pa.Array, column: Column, target: pa.DataType) -> pa.Array:
    """Return values as text when they are, or are read by way of, text; null for what is none. Else as they are."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if is_text(kind) or (is_bytes(kind) and not pa.types.is_binary(target)):
        return _halves(as_bytes(values), lambda some: some.cast(pa.large_string()).cast(pa.string()), pa.string())
    if pa.types.is_nested(kind) and column.format == JSON_TEXT:
        texts = [None if value is None else orjson.dumps(value).decode() for value in as_json(values)]
        return pa.array(texts, pa.string())
    if by_digits(kind, target) or (pa.types.is_integer(kind) and column.format in EPOCH_FORMATS):
        return (values.cast(pa.float32()) if pa.types.is_float16(kind) else values).cast(pa.string())
    return values


def _text_cast(column: Column, target: pa.DataType) -> Cast:
    if column.format in EPOCH_FORMATS:
        return lambda values: _cast_epochs(values, EPOCH_FORMATS[str(column.format)])
    if column.format is not None:
        return partial(cast_by_patterns, patterns=patterns_of(column), target=target)
    if column.type.name == "timestamp":
        return _cast_timestamps
    if column.type.name in ("int", "bigint"):
        return lambda values: _cast_integers(values, target)
    return lambda values: values.cast(target)


def _cast_integers(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast to integers; Arrow would also take hexadecimal, which no contract means."""
    if any(pc.any(pc.match_substring(values, letter)).as_py() for letter in "xX"):
        raise pa.ArrowInvalid("hexadecimal")
    return values.cast(target)


def _cast_timestamps(values: pa.Array) -> pa.Array:
    """Cast ISO 8601 text of one spelling, all with a zone or all without, to UTC; no zone means UTC."""
    naive, zoned = pa.timestamp("us"), pa.timestamp("us", "UTC")
    sample = values.drop_null()[:1].to_pylist()
    if sample and re.search(_ZONED, sample[0][10:]):
        return values.cast(zoned).cast(naive)
    return values.cast(naive)


def _cast_mixed_timestamps(values: pa.Array) -> pa.Array:
    """Cast ISO 8601 text to UTC, whichever values have a zone."""
    try:
        return _cast_timestamps(values)
    except pa.ArrowInvalid:
        pass  # mixed spellings: the two kinds are cast apart
    naive, zoned = pa.timestamp("us"), pa.timestamp("us", "UTC")
    with_zone = pc.fill_null(pc.match_substring_regex(values, r"[0-9]" + _ZONED), False)
    dates = pc.fill_null(pc.equal(pc.utf8_length(values), 10), False)
    with_zone = pc.and_(with_zone, pc.invert(dates))
    none = pa.scalar(None, values.type)
    return pc.coalesce(
        pc.if_else(with_zone, values, none).cast(zoned).cast(naive),
        pc.if_else(with_zone, none, values).cast(naive),
    )


def _cast_epochs(values: pa.Array, units: int) -> pa.Array:
    """Cast numbers of ``units`` a second since 1970, and ISO 8601 text, to UTC."""
    numeric = pc.fill_null(pc.match_substring_regex(values, r"^-?[0-9]{1,19}$"), False)
    none = pa.scalar(None, values.type)
    numbers = pc.if_else(numeric, values, none).cast(pa.int64())
    scaled = pc.divide(numbers, units // 10**6) if units > 10**6 else pc.multiply_checked(numbers, 10**6 // units)
    return pc.coalesce(scaled.cast(pa.timestamp("us")), _cast_mixed_timestamps(pc.if_else(numeric, none, values)))


def _cast_dirty_text(values: pa.Array, cast: Cast, column: Column, target: pa.DataType) -> pa.Array:
    """Cast what can be cast, null for the rest; a value that repeats is looked at once."""
    encoded = values.dictionary_encode()
    repeating = len(encoded.dictionary) * 2 <= len(values)
    distinct = encoded.dictionary if repeating else values
    shape = None if column.format else _shape(column.type)
    if shape is not None:
        fits = pc.fill_null(pc.match_substring_regex(distinct, shape), True)
        distinct = pc.if_else(fits, distinct, pa.scalar(None, values.type))
        if column.type.name == "timestamp":
            cast = _cast_mixed_timestamps
    converted = _halves(distinct, cast, target)
    return converted.take(encoded.indices) if repeating else converted


def _halves(values: pa.Array, cast: Cast, target: pa.DataType) -> pa.Array:
    try:
        return cast(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(values) == 1:
            return pa.nulls(1, target)
    middle = len(values) // 2
    return pa.concat_arrays([_halves(values[:middle], cast, target), _halves(values[middle:], cast, target)])
