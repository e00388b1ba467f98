"""Scalar functions of Trino's that are plain functions of values here: their forms, their types and what they compute.

One table is behind the forms that are allowed, the types that are inferred, and what DuckDB is given.
https://trino.io/docs/current/functions/list.html
"""

from __future__ import annotations

import base64
import hmac
import math
import re
import struct
import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import mmh3
from sqlglot import exp

from localaws.athena.typing import DType


class Plain(NamedTuple):
    """One form of a function.

    ``takes`` has a letter for each argument, as the table of signatures has, and ``gives`` one for the result;
    ``function`` is given values that are not NULL, and what it raises as ``ValueError`` fails the query.
    """

    takes: str
    gives: str
    function: Callable[..., Any]


#: DuckDB's types of what the letters stand for.
DUCKDB: Final = {
    "I": "BIGINT", "i": "INTEGER", "N": "DOUBLE", "F": "DOUBLE", "f": "FLOAT", "T": "VARCHAR",
    "V": "BLOB", "B": "BOOLEAN", "d": "DECIMAL(38,0)", "M": "MAP(VARCHAR, VARCHAR[])",
}  # fmt: skip
#: Athena's types of results.
RESULTS: Final[dict[str, exp.DataType]] = {
    "I": exp.DataType(this=DType.BIGINT), "i": exp.DataType(this=DType.INT), "F": exp.DataType(this=DType.DOUBLE),
    "f": exp.DataType(this=DType.FLOAT), "T": exp.DataType(this=DType.VARCHAR), "B": exp.DataType(this=DType.BOOLEAN),
    "V": exp.DataType(this=DType.VARBINARY), "d": exp.DataType.build("decimal(38,0)"),
    "M": exp.DataType.build("map<varchar, array<varchar>>", dialect="hive"),
}  # fmt: skip


def _bad(why: str) -> ValueError:
    return ValueError(f"INVALID_FUNCTION_ARGUMENT: {why}")


_SOUNDS: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))


def soundex(text: str) -> str:
    """Return how an English word sounds: its first letter and three digits; H and W between two sounds part none."""
    letters = [letter for letter in text.upper() if letter.isalpha()]
    for letter in letters:
        if letter not in _SOUNDS:
            raise _bad(f"The character is not mapped: {letter} (index={ord(letter) - ord('A')})")
    if not letters:
        return ""
    found, last = letters[0], _SOUNDS[letters[0]]
    for letter in letters[1:]:
        sound = _SOUNDS[letter]
        if letter in "HW":
            continue
        if sound not in ("0", last):
            found += sound
        last = sound
    return found[:4].ljust(4, "0")


def luhn_check(text: str) -> bool:
    """Return whether the digits of a number, as of a card, end with the one that checks the others."""
    if not text:
        return False
    if not (text.isascii() and text.isdigit()):
        raise _bad("Input contains non-digit character")
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(text))]
    return sum(each - 9 * (each > 9) for each in doubled) % 10 == 0


def normalize(text: str, form: str) -> str:
    """Return a text in one of Unicode's four normal forms."""
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def split_to_multimap(text: str, between: str, within: str) -> dict[str, list[str]]:
    """Return the pairs that a text lists, with all values of each key."""
    if not between or not within:
        raise _bad(f"{'entryDelimiter' if not between else 'keyValueDelimiter'} is empty")
    if between == within:
        raise _bad("entryDelimiter and keyValueDelimiter must not be the same")
    found: dict[str, list[str]] = {}
    for entry in text.removesuffix(between).split(between) if text else []:
        parts = entry.split(within)
        if len(parts) != 2:
            raise _bad(f"Key-value delimiter must appear exactly once in each entry. Bad input: {entry}")
        found.setdefault(parts[0], []).append(parts[1])
    return found


def _hmac(digest: str) -> Callable[[bytes, bytes], bytes]:
    def function(data: bytes, key: bytes) -> bytes:
        if not key:
            raise ValueError("GENERIC_INTERNAL_ERROR: Empty key")
        return hmac.digest(key, data, digest)

    return function


def _packed(form: str) -> Callable[[Any], bytes]:
    return lambda value: struct.pack(form, value)


def _unpacked(form: str, told: str) -> Callable[[bytes], Any]:
    def function(data: bytes) -> Any:
        if len(data) != struct.calcsize(form):
            raise _bad(told.format(size=struct.calcsize(form), given=len(data)))
        return struct.unpack(form, data)[0]

    return function


_WHOLE: Final = "expected {size}-byte input, but got instead: {given}"
_REAL: Final = "Input floating-point value must be exactly {size} bytes long"


def from_base32(text: str) -> bytes:
    """Return the bytes that a text in base 32 stands for; padding may be left out."""
    given = text.rstrip("=")
    try:
        return base64.b32decode(given.ljust(-(-len(given) // 8) * 8, "="))
    except ValueError as error:
        raise _bad(f"'{text}' is no text in base 32: {error}") from None


def from_base64url(text: str) -> bytes:
    """Return the bytes that a text in the form of base 64 for addresses stands for; padding may be left out."""
    given = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", given) or len(given) % 4 == 1:
        raise _bad(f"'{text}' is no text in base 64 for addresses")
    return base64.urlsafe_b64decode(given.ljust(-(-len(given) // 4) * 4, "="))


def human_readable_seconds(seconds: float) -> str:
    """Return a span of time in weeks, days, hours, minutes and seconds."""
    if not math.isfinite(seconds):
        raise _bad(f"Invalid argument found: {'NaN' if math.isnan(seconds) else 'Infinity'}")
    left, parts = math.floor(abs(seconds) + 0.5), list[str]()
    for name, size in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count or (name == "second" and not parts):
            parts.append(f"{count} {name}{'s' * (count != 1)}")
    return ", ".join(parts)


_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)(B|kB|MB|GB|TB|PB|EB|ZB|YB)")


def parse_data_size(text: str) -> Decimal:
    """Return how many bytes a size such as ``1.5kB`` is."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise _bad(f"Invalid data size: '{text}'")
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
    bytes_ = Decimal(found[1]) * 1024 ** units.index(found[2])
    if bytes_ >= 10**38:
        raise ValueError(f"NUMERIC_VALUE_OUT_OF_RANGE: Value out of range: '{text}'")
    return Decimal(int(bytes_))


_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")
_UNITS: Final = {"ns": "1e-6", "us": "1e-3", "ms": "1", "s": "1000", "m": "60000", "h": "3600000", "d": "86400000"}


def duration(text: str) -> int:
    """Return how many milliseconds a span of time such as ``3.81 d`` is."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise _bad(f"duration is not a valid data duration string: {text}")
    if found[2] not in _UNITS:
        raise _bad(f"Unknown time unit: {found[2]}")
    return int((Decimal(found[1]) * Decimal(_UNITS[found[2]])).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def normal_cdf(mean: float, deviation: float, value: float) -> float:
    """Return how likely a normally distributed number is not above a value."""
    if not deviation > 0:
        raise _bad("standardDeviation must be > 0")
    return 0.5 * math.erfc((mean - value) / (deviation * math.sqrt(2)))


def inverse_normal_cdf(mean: float, deviation: float, share: float) -> float:
    """Return the value below which a normally distributed number is so likely."""
    if not 0 < share < 1:
        raise _bad("p must be 0 > p > 1")
    if not deviation > 0:
        raise _bad("sd must be > 0")
    return NormalDist(mean, deviation).inv_cdf(share)


def _wilson(sign: int) -> Callable[[int, int, float], float]:
    def function(successes: int, trials: int, z: float) -> float:
        if successes < 0:
            raise _bad("number of successes must not be negative")
        if trials <= 0:
            raise _bad("number of trials must be positive")
        if successes > trials:
            raise _bad("number of successes must not be larger than number of trials")
        if z < 0:
            raise _bad("z-score must not be negative")
        share, squared = successes / trials, z * z
        middle = share + squared / (2 * trials)
        spread = z * math.sqrt(share * (1 - share) / trials + squared / (4 * trials * trials))
        return (middle + sign * spread) / (1 + squared / trials)

    return function


def format_number(value: float) -> str:
    """Return the whole part of a number with three digits and a letter for thousands, millions and on."""
    whole = 0 if math.isnan(value) else int(max(-(2**63), min(2**63 - 1, value)))
    size, unit = Decimal(abs(whole)), 0
    while size >= 1000 and unit < 5:
        size, unit = size / 1000, unit + 1
    places = Decimal(1).scaleb(-max(0, 2 - size.adjusted()) if size else 0)
    text = f"{size.quantize(places, ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{'-' * (whole < 0)}{text}{['', 'K', 'M', 'B', 'T', 'Q'][unit]}"


PLAIN: Final[dict[str, Plain]] = {
    "soundex": Plain("T", "T", soundex),
    "luhn_check": Plain("T", "B", luhn_check),
    "split_to_multimap": Plain("TTT", "M", split_to_multimap),
    **{f"hmac_{name}": Plain("VV", "V", _hmac(name)) for name in ("md5", "sha1", "sha256", "sha512")},
    "to_big_endian_64": Plain("I", "V", _packed(">q")),
    "to_big_endian_32": Plain("i", "V", _packed(">i")),
    "from_big_endian_64": Plain("V", "I", _unpacked(">q", _WHOLE)),
    "from_big_endian_32": Plain("V", "i", _unpacked(">i", _WHOLE)),
    "to_ieee754_64": Plain("N", "V", _packed(">d")),
    "to_ieee754_32": Plain("f", "V", _packed(">f")),
    "from_ieee754_64": Plain("V", "F", _unpacked(">d", _REAL)),
    "from_ieee754_32": Plain("V", "f", _unpacked(">f", _REAL)),
    "to_base32": Plain("V", "T", lambda data: base64.b32encode(data).decode()),
    "from_base32": Plain("T", "V", from_base32),
    "to_base64url": Plain("V", "T", lambda data: base64.urlsafe_b64encode(data).decode()),
    "from_base64url": Plain("T", "V", from_base64url),
    "murmur3": Plain("V", "V", lambda data: mmh3.hash_bytes(data, 0, True)),
    "human_readable_seconds": Plain("N", "T", human_readable_seconds),
    "parse_data_size": Plain("T", "d", parse_data_size),
    "parse_presto_data_size": Plain("T", "d", parse_data_size),
    "normal_cdf": Plain("NNN", "F", normal_cdf),
    "inverse_normal_cdf": Plain("NNN", "F", inverse_normal_cdf),
    "wilson_interval_lower": Plain("IIN", "F", _wilson(-1)),
    "wilson_interval_upper": Plain("IIN", "F", _wilson(1)),
    "format_number": Plain("N", "T", format_number),
}
