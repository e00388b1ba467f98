"""Dates and numbers as Trino reads and writes them: Joda patterns, MySQL patterns, Java's doubles."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from itertools import groupby

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_PLAIN_MIN, _PLAIN_MAX = 1e-3, 1e7

_Part = Callable[[datetime], str]

_JODA: dict[str, Callable[[datetime, int], str]] = {
    "y": lambda t, n: f"{t.year % 100:02d}" if n == 2 else f"{t.year:0{n}d}",
    "Y": lambda t, n: f"{t.year % 100:02d}" if n == 2 else f"{t.year:0{n}d}",
    "x": lambda t, n: f"{t.isocalendar().year:0{n}d}",
    "M": lambda t, n: f"{t.month:0{n}d}" if n < 3 else _MONTHS[t.month - 1][: 3 if n == 3 else None],
    "d": lambda t, n: f"{t.day:0{n}d}",
    "D": lambda t, n: f"{t.timetuple().tm_yday:0{n}d}",
    "w": lambda t, n: f"{t.isocalendar().week:0{n}d}",
    "e": lambda t, n: f"{t.isoweekday():0{n}d}",
    "E": lambda t, n: _DAYS[t.weekday()][: 3 if n < 4 else None],
    "a": lambda t, n: "AM" if t.hour < 12 else "PM",
    "H": lambda t, n: f"{t.hour:0{n}d}",
    "k": lambda t, n: f"{t.hour or 24:0{n}d}",
    "K": lambda t, n: f"{t.hour % 12:0{n}d}",
    "h": lambda t, n: f"{t.hour % 12 or 12:0{n}d}",
    "m": lambda t, n: f"{t.minute:0{n}d}",
    "s": lambda t, n: f"{t.second:0{n}d}",
    "S": lambda t, n: f"{t.microsecond // 1000:03d}000000"[:n],
    "Z": lambda t, n: "+0000" if n == 1 else "+00:00" if n == 2 else "UTC",
    "z": lambda t, n: "UTC" if n < 4 else "Coordinated Universal Time",
}

_MYSQL: dict[str, _Part] = {
    "Y": lambda t: f"{t.year:04d}",
    "y": lambda t: f"{t.year % 100:02d}",
    "m": lambda t: f"{t.month:02d}",
    "c": lambda t: str(t.month),
    "d": lambda t: f"{t.day:02d}",
    "e": lambda t: str(t.day),
    "H": lambda t: f"{t.hour:02d}",
    "k": lambda t: str(t.hour),
    "h": lambda t: f"{t.hour % 12 or 12:02d}",
    "I": lambda t: f"{t.hour % 12 or 12:02d}",
    "l": lambda t: str(t.hour % 12 or 12),
    "i": lambda t: f"{t.minute:02d}",
    "s": lambda t: f"{t.second:02d}",
    "S": lambda t: f"{t.second:02d}",
    "f": lambda t: f"{t.microsecond:06d}",
    "p": lambda t: "AM" if t.hour < 12 else "PM",
    "M": lambda t: _MONTHS[t.month - 1],
    "b": lambda t: _MONTHS[t.month - 1][:3],
    "W": lambda t: _DAYS[t.weekday()],
    "a": lambda t: _DAYS[t.weekday()][:3],
    "j": lambda t: f"{t.timetuple().tm_yday:03d}",
    "v": lambda t: f"{t.isocalendar().week:02d}",
    "x": lambda t: f"{t.isocalendar().year:04d}",
    "T": lambda t: f"{t:%H:%M:%S}",
    "r": lambda t: f"{t:%I:%M:%S} {'AM' if t.hour < 12 else 'PM'}",
    "%": lambda t: "%",
}
#: What Python's strptime calls the MySQL specifiers that ``date_parse`` knows.
_PARSE = {
    "Y": "%Y", "y": "%y", "m": "%m", "c": "%m", "d": "%d", "e": "%d", "H": "%H", "k": "%H", "h": "%I", "I": "%I",
    "l": "%I", "i": "%M", "s": "%S", "S": "%S", "f": "%f", "p": "%p", "M": "%B", "b": "%b", "a": "%a", "W": "%A",
    "j": "%j", "T": "%H:%M:%S", "r": "%I:%M:%S %p", "%": "%%",
}  # fmt: skip


def format_datetime(moment: datetime, pattern: str) -> str:
    """Return ``moment`` in a Joda pattern (``yyyy-MM-dd HH:mm``)."""
    return "".join(part(moment) for part in _joda_parts(pattern))


def date_format(moment: datetime, pattern: str) -> str:
    """Return ``moment`` in a MySQL pattern (``%Y-%m-%d``)."""
    return re.sub("%(.)", lambda match: _mysql(match[1])(moment), pattern)


def month_of(name: str) -> int:
    """Return the number of a month by its name or its first three letters; ``ValueError`` in Trino's words if none."""
    for number, month in enumerate(_MONTHS, 1):
        if name.lower() in (month.lower(), month[:3].lower()):
            return number
    raise ValueError(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{name}"')


def date_parse(text: str, pattern: str) -> datetime:
    """Return the timestamp that ``text`` spells in a MySQL pattern; ``ValueError`` in Trino's words if it does not."""
    try:
        found = datetime.strptime(text, _strptime_pattern(pattern))
    except ValueError:
        raise ValueError(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{text}"') from None
    letters = re.findall("%.", pattern)  # %% is a percent sign
    if "%y" in letters and found.year == 1969:  # Trino's years of two digits are 1970 to 2069, Python's 1969 to 2068
        return found.replace(year=2069)
    return found if {"%Y", "%y"} & {*letters} else found.replace(year=1970)


def double_text(value: float) -> str:
    """Return a double as Java spells it: ``1.0E10``, ``0.1``, ``NaN``, ``Infinity``."""
    return _java_text(value, repr(value))


def real_text(value: float) -> str:
    """Return a 32-bit float as Java spells it."""
    shortest = next(
        text for digits in range(1, 10) if _as_float(text := f"{value:.{digits}g}") == _as_float(repr(value))
    ) if math.isfinite(value) else repr(value)  # fmt: skip
    return _java_text(value, shortest)


def timestamp_text(moment: datetime, precision: int) -> str:
    """Return a timestamp as ``2024-01-31 10:00:00.000``, with as many decimals as the type has."""
    whole = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d} {moment:%H:%M:%S}"
    return f"{whole}.{moment.microsecond:06d}"[: 20 + precision] if precision else whole


def to_utc(moment: datetime) -> datetime:
    """Return a timestamp with a zone as a plain UTC timestamp."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _java_text(value: float, shortest: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "-0.0" if math.copysign(1, value) < 0 else "0.0"
    sign, digits, exponent = Decimal(shortest).as_tuple()
    text = "".join(map(str, digits)).rstrip("0") or "0"
    point = len(digits) + int(exponent)  # digits before the decimal point
    if _PLAIN_MIN <= abs(value) < _PLAIN_MAX:
        padded = "0" * (1 - point) + text if point < 1 else text.ljust(point, "0")
        cut = max(point, 1)
        plain = f"{padded[:cut]}.{padded[cut:] or '0'}"
    else:
        plain = f"{text[0]}.{text[1:] or '0'}E{point - 1}"
    return f"-{plain}" if sign else plain


def _as_float(text: str) -> float:
    found: float = struct.unpack("f", struct.pack("f", float(text)))[0]
    return found


@lru_cache(maxsize=256)
def _joda_parts(pattern: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    for piece in re.findall(r"'(?:[^']|'')*'|[^']+", pattern):
        if piece == "''":
            parts.append(lambda t: "'")
        elif piece.startswith("'"):
            parts.append(partial(_fixed, piece[1:-1].replace("''", "'")))
        else:
            parts.extend(_joda_letters(piece))
    return tuple(parts)


def _fixed(text: str, moment: datetime) -> str:
    return text


def _joda_letters(piece: str) -> list[_Part]:
    parts: list[_Part] = []
    for letter, run in groupby(piece):
        count = len(list(run))
        if not letter.isalpha():
            parts.append(partial(_fixed, letter * count))
        elif letter in _JODA:
            parts.append(lambda t, write=_JODA[letter], n=count: write(t, n))  # type: ignore[misc]
        else:
            raise ValueError(f"NOT_SUPPORTED: format_datetime pattern letter {letter!r}")
    return parts


def _mysql(letter: str) -> _Part:
    if letter in _MYSQL:
        return _MYSQL[letter]
    if letter in "DUuVwX":
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: %{letter} not supported in date format string")
    return lambda t: letter


@lru_cache(maxsize=256)
def _strptime_pattern(pattern: str) -> str:
    def specifier(match: re.Match[str]) -> str:
        if match[1] not in _PARSE:
            raise ValueError(f"NOT_SUPPORTED: date_parse specifier %{match[1]}")
        return _PARSE[match[1]]

    return re.sub("%(.)", specifier, pattern)
