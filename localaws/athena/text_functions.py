"""Functions of texts, JSON paths and bits that DuckDB lacks, for one value at a time.

https://trino.io/docs/current/functions/json.html#json-path-language, …/functions/conversion.html#format
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from localaws.athena import formats

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-+ 0,(#]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])")
_MOST_FORMATTED = 100_000


def _bad(text: str) -> ValueError:
    return ValueError(f"INVALID_FUNCTION_ARGUMENT: {text}")


def shift_left(value: int, by: int, bits: int) -> int:
    """Return a whole number of so many bits shifted to the left; what does not fit is lost."""
    return _signed(value << by, bits) if 0 <= by < bits else 0


def shift_right(value: int, by: int, bits: int) -> int:
    """Return a whole number shifted to the right, filled with zeros."""
    return _signed((value % (1 << bits)) >> by, bits) if 0 <= by < bits else 0


def shift_right_arithmetic(value: int, by: int, bits: int) -> int:
    """Return a whole number shifted to the right, filled with its sign."""
    return value >> by if 0 <= by < bits else -1 if value < 0 else 0


def _signed(value: int, bits: int) -> int:
    value %= 1 << bits
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def bit_count(value: int, bits: int) -> int:
    """Return how many of the bits of a number are set, in two's complement."""
    if not 2 <= bits <= 64:
        raise _bad(f"Bits specified in bit_count must be between 2 and 64, got {bits}")
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise _bad(
            f"Number must be representable with the bits specified. {value} cannot be represented with {bits} bits"
        )
    return (value % (1 << bits)).bit_count()


def to_base(value: int, radix: int) -> str:
    """Return a number in another base."""
    _check_radix(radix)
    digits, rest = "", abs(value)
    while rest or not digits:
        rest, digit = divmod(rest, radix)
        digits = _DIGITS[digit] + digits
    return f"{'-' * (value < 0)}{digits}"


def from_base(text: str, radix: int) -> int:
    """Return the number that a text is in another base."""
    _check_radix(radix)
    if not re.fullmatch(r"[+-]?[0-9A-Za-z]+", text):
        raise _bad(f"Not a valid base-{radix} number: {text}")
    try:
        return int(text, radix)
    except ValueError:
        raise _bad(f"Not a valid base-{radix} number: {text}") from None


def _check_radix(radix: int) -> None:
    if not 2 <= radix <= 36:
        raise _bad("Radix must be between 2 and 36")


def strpos(text: str, part: str, instance: int) -> int:
    """Return where the so-and-so-many-th ``part`` begins, from the end where the number is negative; 0 for nowhere."""
    if instance == 0:
        raise _bad("'instance' must not be a zero number.")
    if not part:
        return 1
    place = -1 if instance > 0 else len(text)
    for _ in range(abs(instance)):
        place = text.find(part, place + 1) if instance > 0 else text.rfind(part, 0, place + len(part) - 1)
        if place < 0:
            return 0
    return place + 1


def format_values(pattern: str, values: list[str | None], kinds: str) -> str:
    """Return texts of values in a pattern of Java's; ``kinds`` has a letter for the type of each."""
    taken = iter(range(len(values)))

    def one(found: re.Match[str]) -> str:
        place, flags, width, digits, letter = found.groups()
        if int(width or 0) > _MOST_FORMATTED or int(digits or 0) > _MOST_FORMATTED:
            raise _bad(f"Invalid format string: {pattern}")
        if letter in "%n":
            text = "%" if letter == "%" else "\n"
        else:
            index = int(place) - 1 if place else next(taken, len(values))
            if not 0 <= index < len(values):
                raise _bad(f"Invalid format string: {pattern} (Format specifier '{found[0]}')")
            text = _formatted((values[index], kinds[index]), flags, digits, letter)
            if set(flags) & {"(", "#"} or ("0" in flags and values[index] is None):
                raise ValueError(f"NOT_SUPPORTED: the flags of '{found[0]}' are not supported by the local Athena yet")
            if "0" in flags and letter in "dfexX":
                sign = text[:1] if text[:1] in ("-", "+", " ") else ""
                return sign + text[len(sign) :].rjust(int(width or 0) - len(sign), "0")
        return text.ljust(int(width or 0)) if "-" in flags else text.rjust(int(width or 0))

    if "%" in _SPECIFIER.sub("", pattern):
        raise _bad(f"Invalid format string: {pattern}")
    return _SPECIFIER.sub(one, pattern)


def _formatted(given: tuple[str | None, str], flags: str, digits: str | None, letter: str) -> str:
    value, kind = given
    if letter in "bB":
        text = "false" if value is None else value if kind == "b" else "true"
    elif value is None:
        text = "null"
    elif letter in "sS":
        text = formats.double_text(float(value)) if kind == "f" else value
        text = text[: int(digits)] if digits is not None else text
    elif letter in "dxXo" and kind == "i" and digits is None and not (letter != "d" and value.startswith("-")):
        number = int(value)
        text = format(number, ("," * ("," in flags) + "d") if letter == "d" else letter.lower())
        text = f"{'+' * ('+' in flags and number >= 0)}{' ' * (' ' in flags and number >= 0)}{text}"
    elif letter in "fe" and kind in "fd" and Decimal(value).is_finite():
        text = _fraction(Decimal(value), flags, int(digits if digits is not None else 6), letter)
    else:
        raise _bad(f"Invalid format string: %{letter} of a value of this type")
    return text.upper() if letter in "SXB" else text


def _fraction(value: Decimal, flags: str, digits: int, letter: str) -> str:
    if letter == "e":
        text = f"{float(value):.{digits}e}"
    else:
        rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) if digits < 20 else value
        text = format(rounded, f"{',' * (',' in flags)}.{digits}f")
    return f"{'+' * ('+' in flags and value >= 0)}{' ' * (' ' in flags and value >= 0)}{text}"


def parse_datetime(text: str, pattern: str) -> datetime:
    """Return the time in UTC that a text spells in a Joda pattern."""
    found = _joda(pattern).fullmatch(text)
    if found is None:
        raise _bad(f'Invalid format: "{text}"')
    given = found.groupdict()
    month = given.get("month_name")
    number = formats.month_of(month) if month else int(given.get("M") or 1)
    hour = int(given.get("H") or 0)
    if given.get("h") is not None:
        hour = int(given["h"]) % 12 + 12 * ((given.get("a") or "AM").upper() == "PM")
    zone = given.get("Z")
    try:
        moment = datetime(int(given.get("y") or 1970), number, int(given.get("d") or 1), hour, int(given.get("m") or 0),
                          int(given.get("s") or 0))  # fmt: skip
    except ValueError as error:
        raise _bad(f'Cannot parse "{text}": {error}') from None
    if zone and zone.replace(":", "") not in ("Z", "UTC", "+0000", "-0000"):
        raise ValueError(f"NOT_SUPPORTED: the zone of {text} is not supported by the local Athena yet")
    return moment + timedelta(microseconds=int((given.get("S") or "0").ljust(6, "0")[:6]))


@lru_cache(maxsize=256)
def _joda(pattern: str) -> re.Pattern[str]:
    runs = [(letter, len(list(run))) for letter, run in groupby(re.sub("'[^']*'", lambda m: "\0" * len(m[0]), pattern))]
    result, at = "", 0
    for number, (letter, count) in enumerate(runs):
        written = pattern[at : at + count]
        at += count
        beside = number + 1 < len(runs) and runs[number + 1][0] in "yMdHhmsS"
        if letter == "\0":
            result += re.escape(written.replace("''", "\0").replace("'", "").replace("\0", "'"))
        elif letter == "M" and count > 2:
            result += r"(?P<month_name>[A-Za-z]+)"
        elif letter in "yMdHhms" and not (letter == "y" and count == 2):
            most = 9 if letter == "y" else max(count, 2)
            result += rf"(?P<{letter}>\d{{{count if beside else f'1,{most}'}}})"
        elif letter == "S":
            result += rf"(?P<S>\d{{1,{count}}})"
        elif letter == "a":
            result += r"(?P<a>[AaPp][Mm])"
        elif letter == "E":
            result += r"[A-Za-z]+"
        elif letter in "Zz":
            result += r"(?P<Z>Z|UTC|[+-]\d\d:?\d\d)"
        elif letter.isalpha():
            raise ValueError(
                f"NOT_SUPPORTED: '{letter}' in a pattern of parse_datetime is not supported by the local Athena"
            )
        else:
            result += re.escape(written)
    return re.compile(result)


_TEXT: Final = "VARCHAR"
#: By the name without ``athena_``: the function, the types of its arguments and of its result.
PYTHON: Final[dict[str, tuple[Callable[..., Any], list[str], str]]] = {
    "shift_left": (shift_left, ["BIGINT", "BIGINT", "INTEGER"], "BIGINT"),
    "shift_right": (shift_right, ["BIGINT", "BIGINT", "INTEGER"], "BIGINT"),
    "shift_right_arithmetic": (shift_right_arithmetic, ["BIGINT", "BIGINT", "INTEGER"], "BIGINT"),
    "bit_count": (bit_count, ["BIGINT", "BIGINT"], "BIGINT"),
    "to_base": (to_base, ["BIGINT", "BIGINT"], _TEXT),
    "from_base": (from_base, [_TEXT, "BIGINT"], "BIGINT"),
    "strpos": (strpos, [_TEXT, _TEXT, "BIGINT"], "BIGINT"),
    "format": (format_values, [_TEXT, "VARCHAR[]", _TEXT], _TEXT),
    "parse_datetime": (parse_datetime, [_TEXT, _TEXT], "TIMESTAMP"),
}
