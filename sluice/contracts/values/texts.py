"""Reads text as each of the contract's types: every value by itself and exactly, null where it is not of the type.

Arrow's casts are used where they are right for every value. Where they are not (a decimal with too many digits becomes
another number, one bad value fails the whole column), the shape of the values is matched first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Column
from sluice.contracts.values.lossless import FIRST_DAY, LAST_DAY
from sluice.contracts.values.patterns import cast_by_patterns, patterns_of

#: How many units of a numeric timestamp make a second, by a column's ``format``; text is ISO 8601 beside it.
EPOCH_FORMATS = {
    "epoch_seconds": 1,
    "epoch_millis": 1_000,
    "epoch_micros": 1_000_000,
    "epoch_nanos": 1_000_000_000,
}
#: Digits that 64 bits always hold.
_SAFE_DIGITS = 18
_MOST_DIGITS = 38
_NUMBER = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\z"
_EXPONENT = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,6}\z"
_BOOLEAN = r"\A(?i:true|false|0|1)\z"
_DAY = (
    r"(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_ZONE = r"(?:Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_TIME = r"(?:[01][0-9]|2[0-3])(?::[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?)?"
_DATE = rf"\A{_DAY}\z"
_LOCAL = rf"\A{_DAY}(?:[T ]{_TIME})?\z"
_ZONED = rf"\A{_DAY}[T ]{_TIME}{_ZONE}\z"
_ENDS_IN_ZONE = re.compile(_ZONE + r"\Z")
#: Every whole number below is one of the float's.
_EXACT_BELOW = {pa.float32(): 2.0**24, pa.float64(): 2.0**53}
_NAIVE, _UTC = pa.timestamp("us"), pa.timestamp("us", "UTC")


def text_cast(column: Column, target: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """Return a function that reads text as values of type ``target``, null where the text is no such value."""
    if column.format in EPOCH_FORMATS:
        return partial(_epochs, units=EPOCH_FORMATS[str(column.format)])
    if column.format is not None and column.type.name in ("date", "timestamp"):
        return partial(cast_by_patterns, patterns=patterns_of(column), target=target)
    casts: dict[str, Callable[[pa.Array], pa.Array]] = {
        "int": partial(_integers, target=target),
        "bigint": partial(_integers, target=target),
        "float": partial(_floats, target=target),
        "double": partial(_floats, target=target),
        "decimal": partial(_decimals, target=target),
        "boolean": partial(_fitting, shape=_BOOLEAN, target=target),
        "date": partial(_fitting, shape=_DATE, target=target),
        "timestamp": _timestamps,
    }
    return casts.get(column.type.name, lambda values: values.cast(target))


def _only(values: pa.Array, mask: pa.Array) -> pa.Array:
    """Return the values where ``mask`` is true, null elsewhere."""
    return pc.if_else(pc.fill_null(mask, False), values, pa.scalar(None, values.type))


def _like(values: pa.Array, shape: str) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(values, shape), False)


def _fitting(values: pa.Array, shape: str, target: pa.DataType) -> pa.Array:
    try:
        return values.cast(target)
    except pa.ArrowInvalid:
        return _only(values, _like(values, shape)).cast(target)


def _each(values: pa.Array, mask: pa.Array, read: Callable[[str], object], target: pa.DataType) -> pa.Array:
    """Return ``read`` of each of the few values where ``mask`` is true, null elsewhere."""
    places = pc.indices_nonzero(mask)
    found = pa.array([read(text) for text in values.take(places).to_pylist()], target)
    return pc.replace_with_mask(pa.nulls(len(values), target), mask, found)


def _integers(values: pa.Array, target: pa.DataType) -> pa.Array:
    # Arrow takes hexadecimal, too, which no contract means.
    if not any(pc.any(pc.match_substring(values, letter)).as_py() for letter in "xX"):
        try:
            return values.cast(target)
        except pa.ArrowInvalid:
            pass
    short = _like(values, rf"\A-?0*[0-9]{{1,{_SAFE_DIGITS}}}\z")
    found = _only(values, short).cast(pa.int64())
    long = pc.and_(_like(values, r"\A-?[0-9]+\z"), pc.invert(short))
    if pc.any(long).as_py():
        found = pc.coalesce(found, _each(values, long, _int64, pa.int64()))
    if pa.types.is_int32(target):
        found = _only(found, pc.and_(pc.greater_equal(found, -(2**31)), pc.less(found, 2**31)))
    return found.cast(target)


def _int64(text: str) -> int | None:
    # Of digits without zeros before them: Python reads no number of thousands.
    digits = text.lstrip("-").lstrip("0")
    number = int(digits or "0") if len(digits) <= _SAFE_DIGITS + 1 else 2**64
    number = -number if text.startswith("-") else number
    return number if -(2**63) <= number < 2**63 else None


def _floats(values: pa.Array, target: pa.DataType) -> pa.Array:
    found = _fitting(values, _NUMBER, target)
    lost = pc.fill_null(pc.equal(found, 0), False)
    if pc.any(lost).as_py():  # less than the least above zero
        lost = pc.and_(lost, _like(values, r"\A[+-]?[0.]*[1-9]"))
    large = pc.and_(pc.greater_equal(pc.abs(found), _EXACT_BELOW[target]), pc.is_finite(found))
    whole = pc.fill_null(large, False)
    if pc.any(whole).as_py():
        whole = pc.and_(whole, _like(values, r"\A[+-]?[0-9]+(?:\.0*)?\z"))
        another = _each(values, whole, partial(_is_another, target=target), pa.bool_())
        lost = pc.or_(lost, pc.fill_null(another, False))
    return _only(found, pc.invert(lost)) if pc.any(lost).as_py() else found


def _is_another(text: str, target: pa.DataType) -> bool:
    """Return whether a whole number is neither equal to the float it is read as, nor that float's shortest spelling."""
    number = pa.array([text]).cast(target)
    kept, exponent = _digits(text)
    shortest = _digits(number.cast(pa.string())[0].as_py())
    return (kept, exponent) != shortest and int(kept) * 10**exponent != abs(int(number[0].as_py()))


def _decimals(values: pa.Array, target: pa.DataType) -> pa.Array:
    scale = target.scale
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    # Beyond 38 digits in all, and with exponents, Arrow stores other numbers without a word.
    if longest + scale <= _MOST_DIGITS and not any(pc.any(pc.match_substring(values, e)).as_py() for e in "eE"):
        try:
            return values.cast(target)
        except pa.ArrowInvalid:
            pass
    whole = target.precision - scale
    plain = pc.and_(_like(values, rf"\A[+-]?0*[0-9]{{0,{whole}}}(?:\.[0-9]{{0,{scale}}}0*)?\z"), _like(values, "[0-9]"))
    short = pc.and_(plain, pc.less_equal(pc.fill_null(pc.binary_length(values), 0), _MOST_DIGITS))
    found = _only(values, short).cast(target)
    others = pc.or_(pc.and_(plain, pc.invert(short)), _like(values, _EXPONENT))
    if not pc.any(others).as_py():
        return found
    return pc.coalesce(found, _each(values, others, partial(_decimal, target=target), target))


def _decimal(text: str, target: pa.DataType) -> Decimal | None:
    """Return ``text`` as a decimal, null where it has more digits before or after the point than ``target``."""
    kept, exponent = _digits(text)
    if not kept:
        return Decimal((0, (0,), -target.scale))
    if exponent < -target.scale or len(kept) + exponent > target.precision - target.scale:
        return None
    unscaled = kept + "0" * (exponent + target.scale)
    return Decimal((int(text.startswith("-")), tuple(map(int, unscaled)), -target.scale))


def _digits(text: str) -> tuple[str, int]:
    """Return a number's digits without zeros around them (empty for zero), and the power of ten of the last digit.

    The digits stay text, because a ``Decimal`` takes a hundred times as long for a number of several megabytes.
    """
    mantissa, _, power = text.lower().partition("e")
    whole, _, fraction = mantissa.lstrip("+-").partition(".")
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    return kept, int(power or "0") - len(fraction) + len(digits) - len(kept)


def _timestamps(values: pa.Array) -> pa.Array:
    """Return ISO 8601 texts as UTC times; a text without a zone is in UTC."""
    sample = values.drop_null()[:1].to_pylist()
    try:
        if sample and _ENDS_IN_ZONE.search(sample[0][10:]):
            return values.cast(_UTC).cast(_NAIVE)
        return values.cast(_NAIVE)
    except pa.ArrowInvalid:
        pass  # mixed spellings, or some that are none
    zoned = _only(values, _like(values, _ZONED)).cast(_UTC).cast(_NAIVE)
    return pc.coalesce(zoned, _only(values, _like(values, _LOCAL)).cast(_NAIVE))


def _epochs(values: pa.Array, units: int) -> pa.Array:
    """Return whole numbers of ``units`` a second since 1970, and ISO 8601 text, as UTC times; no digits are cut off."""
    numeric = _like(values, r"\A-?[0-9]+\z")
    numbers = _integers(_only(values, numeric), pa.int64())
    first, end = FIRST_DAY * 86_400, (LAST_DAY + 1) * 86_400
    least, most = max(first * units, -(2**63)), min(end * units - 1, 2**63 - 1)
    numbers = _only(numbers, pc.and_(pc.greater_equal(numbers, least), pc.less_equal(numbers, most)))
    if units > 10**6:
        scaled = pc.divide(numbers, units // 10**6)
        scaled = _only(scaled, pc.equal(pc.multiply(scaled, units // 10**6), numbers))
    else:
        scaled = pc.multiply(numbers, 10**6 // units)
    return pc.coalesce(scaled.cast(_NAIVE), _timestamps(_only(values, pc.invert(numeric))))
