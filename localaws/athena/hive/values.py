"""Values of Hive's types: read from text as Hive's SerDes read them, spelled as they write them.

https://docs.aws.amazon.com/athena/latest/ug/serde-reference.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from functools import lru_cache
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.formats import double_text, real_text
from localaws.athena.typing import DType

BINARY: Final = frozenset({DType.BINARY, DType.VARBINARY})
NESTED: Final = frozenset({DType.ARRAY, DType.MAP, DType.STRUCT})
INTEGER_BITS: Final = {DType.TINYINT: 8, DType.SMALLINT: 16, DType.INT: 32, DType.BIGINT: 64}
#: A number with decimals is cut to a whole one.
_INTEGER: Final = re.compile(r"([+-]?(?=\.?[0-9])[0-9]{0,40})(?:\.[0-9]*)?")
_FLOAT: Final = re.compile(r"([+-]?(?:NaN|Infinity|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?))[fFdD]?")
_DECIMAL: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_MOMENT: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2}) ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,9}))?"
)
_DAYS: Final = re.compile(r"-?[0-9]{1,7}")
_MILLISECONDS: Final = re.compile(r"-?[0-9]{1,15}")
_EPOCH: Final = datetime(1970, 1, 1)
#: The power of ten that no number of milliseconds since 1970 reaches.
_LONGEST: Final = 15


def parsed(text: str, kind: exp.DataType) -> Any:  # noqa: PLR0911  one branch a type
    """Return the value that Hive's text SerDes read ``text`` as; None for what is none of the type."""
    this = kind.this
    if this in types.TEXT:
        return text
    if this in BINARY:
        return _bytes(text)
    if this in INTEGER_BITS:
        return _integer(text, INTEGER_BITS[this])
    if this in types.FLOATS:
        found = _FLOAT.fullmatch(text.strip())
        return float(found[1]) if found else None
    if this == DType.DECIMAL:
        return decimal_of(text, kind)
    if this == DType.BOOLEAN:
        return {"true": True, "false": False}.get(text.lower())
    if this == DType.DATE:
        return _date(text)
    if this in types.TIMESTAMPS:
        return _moment(text)
    raise not_supported(f"the type {types.trino_name(kind)} in a text file")


def strict(text: str, kind: exp.DataType, field: int) -> Any:
    """Return the value that the OpenCSV SerDe reads: dates as days and timestamps as milliseconds since 1970.

    Raises HIVE_BAD_DATA for what is none of the type, the empty text of a number included.
    https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
    """
    if kind.this == DType.BOOLEAN:
        return text.lower() == "true"
    found: Any = None
    try:
        if kind.this == DType.DATE:
            found = date(1970, 1, 1) + timedelta(int(text)) if _DAYS.fullmatch(text) else None
        elif kind.this in types.TIMESTAMPS:
            found = _EPOCH + timedelta(milliseconds=int(text)) if _MILLISECONDS.fullmatch(text) else None
        else:
            found = parsed(text, kind)
    except OverflowError:
        found = None
    if found is None:
        raise QueryFailed(
            "HIVE_BAD_DATA", f"Error parsing field value '{text}' for field {field}: For input string: \"{text}\""
        )
    return found


def decimal_of(text: str | Decimal, kind: exp.DataType) -> Decimal | None:
    """Return a number with the scale of its type, rounded half up; None where it has more digits than the type."""
    precision, scale = types.as_decimal(kind) or (38, 0)
    if isinstance(text, str) and not _DECIMAL.fullmatch(text):
        return None
    with localcontext(prec=80):
        try:
            found = Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        except InvalidOperation:
            return None
        return found + 0 if abs(found) < Decimal(10) ** (precision - scale) else None  # and no zero has a sign


def spelled(value: Any, kind: exp.DataType) -> str:
    """Return a value, which is not None and not nested, as Hive's text SerDes write it."""
    speller = _SPELLERS.get(kind.this, str)
    return speller(value)


def partition_text(value: Any, kind: exp.DataType) -> str:
    """Return the value of a partition key as its folder and the catalog have it; NULL is Hive's default partition."""
    if value is None:
        return DEFAULT_PARTITION
    text = spelled(value, kind)
    if text == DEFAULT_PARTITION:
        raise QueryFailed(
            "HIVE_INVALID_PARTITION_VALUE",
            f"the text {text!r} stands for NULL in a partition's key, and would be read back as that; nothing was "
            "written. Leave these rows out, or give the key another value",
        )
    if any(not " " <= character <= "~" for character in text):
        raise QueryFailed(
            "HIVE_INVALID_PARTITION_VALUE",
            "Hive partition keys can only contain printable ASCII characters (0x20 - 0x7E). Invalid value: "
            + " ".join(f"{byte:02X}" for byte in text.encode()),
        )
    return text or DEFAULT_PARTITION


#: What stands for NULL and for the empty text in a partition's folder and values.
DEFAULT_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"


def _moment_text(value: datetime) -> str:
    whole = value.replace(tzinfo=None).isoformat(" ", "seconds")
    return f"{whole}.{f'{value.microsecond:06d}'.rstrip('0')}" if value.microsecond else whole


_SPELLERS: Final[dict[DType, Callable[[Any], str]]] = {
    DType.BOOLEAN: lambda value: "true" if value else "false",
    DType.DOUBLE: double_text,
    DType.FLOAT: real_text,
    DType.DECIMAL: lambda value: f"{value:f}",
    **dict.fromkeys(BINARY, lambda value: base64.b64encode(value).decode()),
    **dict.fromkeys(types.TIMESTAMPS, _moment_text),
}


def _integer(text: str, bits: int) -> int | None:
    found = _INTEGER.fullmatch(text)
    if not found:
        return None
    value = int(found[1]) if found[1][-1:].isdigit() else 0
    return value if -(1 << bits - 1) <= value < 1 << bits - 1 else None


@lru_cache(maxsize=65536)
def _date(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    found = _MOMENT.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, int((found[7] or "0").ljust(6, "0")[:6]))
    except ValueError:
        return None


def of_epoch(count: int | str, *, seconds: bool = False) -> datetime | None:
    """Return the moment so many milliseconds or seconds after 1970; None where there is none such."""
    try:
        number = Decimal(count)
        if not number.is_finite() or number.adjusted() > _LONGEST:  # to make it a whole number could take for ever
            return None
        return _EPOCH + timedelta(microseconds=int(number * (1_000_000 if seconds else 1000)))
    except (ArithmeticError, ValueError):
        return None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
