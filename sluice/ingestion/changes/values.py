"""Converts values as sources send them to the text that the columns' conversion reads.

Both sides are the JSON text of one value. A value that needs no conversion is passed on unchanged, and no number is
converted through a binary float.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from sluice.decoding import decode_text, json_decoder
from sluice.ingestion.changes.position import EPOCH

#: From the JSON of a value as it came to the JSON that the column reads; ``ValueError`` says what is wrong with it.
Convert = Callable[[bytes], bytes]

_QUOTE = ord('"')
_NUMERIC = b"-0123456789"
_DAY_OFFSET = date(1970, 1, 1).toordinal()
#: Fractions of a second beyond microseconds, which no column holds.
_FINER = re.compile(rb"(\.[0-9]{6})[0-9]+")
_MAX_EXPONENT = 100


class ScaledValue(msgspec.Struct):
    """A decimal with a scale of its own."""

    scale: int
    value: str


def integer(value: bytes) -> int | None:
    """Return the number, or None when the value is no integer."""
    try:
        return int(value)
    except ValueError:
        return None


_decode_scaled = json_decoder(ScaledValue)


def text_of(value: bytes) -> str:
    """Return the text of a JSON string."""
    return decode_text(value) if b"\\" in value else value[1:-1].decode()


def quoted(text: str) -> bytes:
    """Return ``text``, which holds nothing that JSON escapes, as a JSON string."""
    return b'"%s"' % text.encode()


def iso_day(days: int) -> str:
    """Return a day, counted since 1970-01-01, as ISO 8601."""
    try:
        return date.fromordinal(_DAY_OFFSET + days).isoformat()
    except (ValueError, OverflowError) as error:
        raise ValueError("is a day outside the years 1 to 9999") from error


def iso_instant(value: int, per_second: int) -> str:
    """Return a time, counted since 1970, as ISO 8601 in UTC; fractions below a microsecond are cut off."""
    try:
        seconds, rest = divmod(value, per_second)
        return (EPOCH + timedelta(seconds=seconds, microseconds=rest * 1_000_000 // per_second)).isoformat()
    except OverflowError as error:
        raise ValueError("is a time outside the years 1 to 9999; is the column's format the right unit?") from error


def time_of_day(value: int, per_second: int) -> str:
    """Return a time, which may be negative or longer than a day, as ``HH:MM:SS``."""
    seconds, rest = divmod(abs(value), per_second)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{rest:0{len(str(per_second)) - 1}}" if rest else ""
    return f"{'-' if value < 0 else ''}{hour:02}:{minute:02}:{second:02}{fraction}"


def unscaled(encoded: str, scale: int) -> str:
    """Return a decimal from the base64 of a big-endian two's complement; ``scale`` counts its fractional digits."""
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not a decimal in base64") from error
    if not 0 < len(content) <= 256 or abs(scale) > 1000:
        raise ValueError("is not a decimal in base64")
    value = int.from_bytes(content, "big", signed=True)
    if scale <= 0:
        return str(value * 10**-scale)
    digits = str(abs(value)).zfill(scale + 1)
    return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def plain(value: bytes) -> bytes:
    """Return a JSON number without an exponent."""
    if b"e" not in value and b"E" not in value:
        return value
    try:
        exact = Decimal(value.decode())
    except ArithmeticError as error:
        raise ValueError("is a number of more than 100 digits") from error
    if abs(exact.adjusted()) > _MAX_EXPONENT:
        raise ValueError("is a number of more than 100 digits")
    return f"{exact:f}".encode()


def as_day(value: bytes) -> bytes:
    """Return an integer, which counts days since 1970-01-01, as an ISO 8601 date."""
    days = integer(value)
    return value if days is None else quoted(iso_day(days))


def as_instant(per_second: int, *, day: bool = False) -> Convert:
    """Return a function that reads an integer as a time since 1970 in that unit; with ``day``, midnight as a date."""

    def convert(value: bytes) -> bytes:
        count = integer(value)
        if count is None:
            return timestamp_text(value)
        text = iso_instant(count, per_second)
        return quoted(text.removesuffix("T00:00:00") if day else text)

    return convert


def as_time(per_second: int) -> Convert:
    """Return a function that reads an integer as a time of day in that unit."""

    def convert(value: bytes) -> bytes:
        count = integer(value)
        return value if count is None else quoted(time_of_day(count, per_second))

    return convert


def as_unscaled(scale: int, quote: Convert) -> Convert:
    """Return a function that reads base64 as a decimal of that scale; a JSON number stays as it is."""

    def convert(value: bytes) -> bytes:
        return quote(unscaled(text_of(value), scale).encode() if value[0] == _QUOTE else value)

    return convert


def as_scaled(quote: Convert) -> Convert:
    """Return a function that reads a structure of scale and base64 as a decimal."""

    def convert(value: bytes) -> bytes:
        if value[:1] != b"{":
            return quote(value)
        try:
            found = _decode_scaled(value)
        except msgspec.ValidationError as error:
            raise ValueError("is not a decimal with a scale") from error
        return quote(unscaled(found.value, found.scale).encode())

    return convert


def quoted_number(value: bytes) -> bytes:
    """Return a JSON number between quotes, its digits unchanged."""
    return b'"%s"' % plain(value) if value[0] in _NUMERIC else value


def as_text(value: bytes) -> bytes:
    """Return a value as a JSON string: a number's digits, ``true`` or ``false``, a structure's JSON."""
    if value[0] == _QUOTE:
        return value
    return msgspec.json.encode(value.decode()) if value[0] in b"{[" else b'"%s"' % value


def as_truth(value: bytes) -> bytes:
    """Return 0 and 1, which MySQL sends for booleans, as ``false`` and ``true``."""
    return {b"0": b"false", b"1": b"true"}.get(value, value)


def timestamp_text(value: bytes) -> bytes:
    """Return a timestamp with its fraction cut to microseconds."""
    return _FINER.sub(rb"\1", value, count=1) if len(value) > 28 else value
