"""Converts typed values (of Parquet files): exactly, or not at all.

A number becomes a decimal through its digits, as text of a delimited file does, so that a value is accepted or rejected
alike in every format. Types of different meaning are not converted: an integer is no date, a duration no number.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts.values.lossless import is_bytes


def as_plain(values: pa.Array) -> pa.Array:
    """Return the values without an extension type or a dictionary around them."""
    if isinstance(values.type, pa.BaseExtensionType):
        return as_plain(values.storage)
    return as_plain(values.dictionary_decode()) if pa.types.is_dictionary(values.type) else values


def by_digits(source: pa.DataType, target: pa.DataType) -> bool:
    """Return whether values of ``source`` become ``target`` through their digits as text."""
    number = pa.types.is_integer(source) or pa.types.is_floating(source)
    return bool(
        (pa.types.is_decimal(target) and number)
        or (pa.types.is_boolean(target) and pa.types.is_integer(source))
        or (pa.types.is_floating(target) and pa.types.is_decimal(source))
    )


def cast_typed(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Return values converted to ``target``; raise ``ArrowInvalid`` when the conversion would change one of them.

    Raise ``ArrowNotImplementedError`` when no value of the one type can be a value of the other.
    """
    source = values.type
    if not _means(source, target):
        raise pa.ArrowNotImplementedError(f"{source} is no {target}")
    if pa.types.is_timestamp(source) and source.tz:
        values = values.cast(pa.timestamp(source.unit, "UTC")).cast(pa.timestamp(source.unit))
    if pa.types.is_float16(source):
        values = values.cast(pa.float32())
    found = values.cast(target)
    if pa.types.is_date(source) or pa.types.is_date(target):
        # Arrow cuts a time off, and a millisecond of a date64, without a word.
        back = found.cast(values.type)
        if not pc.all(pc.equal(back, values)).as_py():
            raise pa.ArrowInvalid("a date with a time of day")
    return found


def _means(source: pa.DataType, target: pa.DataType) -> bool:
    """Return whether values of one type can be values of the other at all."""
    types = pa.types
    number = types.is_integer(source) or types.is_floating(source)
    day = types.is_date(source) or types.is_timestamp(source)
    unfit = types.is_nested(source) or types.is_duration(source) or types.is_interval(source)
    meant = (
        (types.is_string, not unfit),
        (types.is_integer, number or types.is_decimal(source)),
        (types.is_floating, number),
        (types.is_decimal, types.is_decimal(source)),
        (types.is_date, day),
        (types.is_timestamp, day),
        (types.is_binary, is_bytes(source)),
        (types.is_boolean, types.is_boolean(source)),
    )
    return bool(types.is_null(source) or any(fits for is_kind, fits in meant if is_kind(target)))
