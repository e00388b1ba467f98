"""Finds the column type for values that have a type already, as Parquet's do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pyarrow as pa

from sluice.contracts import JSON_TEXT, ColumnType
from sluice.contracts.values.convert import convert
from sluice.profiling.guesses import TEXT, Guess

_WIDTHS = {8: "int", 16: "int", 32: "int", 64: "bigint"}


def guess_typed(parts: Callable[[], Iterable[pa.Array]], name: str) -> Guess | None:
    """Return the type that holds all values of a typed column, None when there is none."""
    first = next((part.type for part in parts() if not pa.types.is_null(part.type)), pa.string())
    text = replace(TEXT, note=f"Text, since some value of the file's {first} is none that a table can hold.")
    for guess in (_of(first), text):
        if guess is not None and not any(convert(part, guess.column(name, name))[1] is not None for part in parts()):
            return guess
    return None


def _of(kind: pa.DataType) -> Guess | None:
    """Return the column type that means the same as an Arrow type."""
    types = pa.types
    if types.is_dictionary(kind):
        return _of(kind.value_type)
    if types.is_nested(kind):
        listed = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        return Guess(format=JSON_TEXT, logical="array" if listed else "object")
    if types.is_integer(kind):
        return _whole(kind)
    if types.is_decimal(kind):
        fits = kind.precision <= 38 and 0 <= kind.scale <= kind.precision
        return Guess(ColumnType("decimal", kind.precision, kind.scale), logical="number") if fits else None
    plain = (
        (types.is_boolean, "boolean", "boolean"),
        (types.is_float64, "double", "number"),
        (types.is_floating, "float", "number"),
        (types.is_date, "date", "date"),
        (types.is_timestamp, "timestamp", "timestamp"),
        (types.is_binary, "binary", ""),
        (types.is_large_binary, "binary", ""),
        (types.is_fixed_size_binary, "binary", ""),
    )
    return next((Guess(ColumnType(name), logical=logical) for holds, name, logical in plain if holds(kind)), TEXT)


def _whole(kind: pa.DataType) -> Guess:
    if pa.types.is_unsigned_integer(kind) and kind.bit_width >= 32:
        if kind.bit_width == 64:
            return Guess(ColumnType("decimal", 20, 0), logical="number")
        return Guess(ColumnType("bigint"), logical="integer")
    return Guess(ColumnType(_WIDTHS[kind.bit_width]), logical="integer")
