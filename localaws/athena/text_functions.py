"""Functions of texts, JSON paths and bits that DuckDB lacks, for one value at a time.

https://trino.io/docs/current/functions/json.html#json-path-language, …/functions/conversion.html#format
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from localaws.athena import formats

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_STEP = re.compile(r"\s*(?:\.\s*([A-Za-z_]\w*|\*)|\.\s*\"([^\"]*)\"|\[\s*(\d+|\*)\s*\])")
_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-+ 0,(#]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])")
_MOST_FORMATTED = 100_000
#: The exponent of a double is no greater.
_MOST_DIGITS = 400
#: No whole number is as large.
_LARGEST: Final = Decimal(10) ** 25


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


@lru_cache(maxsize=256)
def _path(path: str) -> tuple[bool, tuple[str | int | None, ...]]:
    """Return whether a path is lax, and its steps: a name, a number, None for each."""
    written = re.fullmatch(r"\s*(lax|strict)\s+\$(.*)", path, re.DOTALL)
    if written is None:
        raise ValueError(f"INVALID_PATH: the JSON path {path!r} begins with neither 'lax $' nor 'strict $'")
    steps: list[str | int | None] = []
    rest = written[2].rstrip()
    while rest:
        found = _STEP.match(rest)
        if found is None or found[1] == "*":
            raise ValueError(f"NOT_SUPPORTED: the JSON path {path!r} is not supported by the local Athena yet")
        steps.append(found[1] or found[2] if found[3] is None else None if found[3] == "*" else int(found[3]))
        rest = rest[found.end() :]
    return written[1] == "lax", tuple(steps)


def _items(text: str, path: str) -> list[Any] | None:
    """Return what a path leads to; None where it fails."""
    lax, steps = _path(path)
    try:
        items = [json.loads(text, parse_float=Decimal)]
    except ValueError:
        return None
    for step in steps:
        following: list[Any] = []
        for item in items:
            if isinstance(step, str):
                for each in item if lax and isinstance(item, list) else [item]:
                    if isinstance(each, dict) and step in each:
                        following.append(each[step])
                    elif not lax:
                        return None
                continue
            if not (isinstance(item, list) or lax):
                return None
            array = item if isinstance(item, list) else [item]
            if step is None:
                following += array
            elif step < len(array):
                following.append(array[step])
            elif not lax:
                return None
        items = following
    return items


def json_exists(text: str, path: str) -> bool:
    """Return whether a path leads to something."""
    return bool(_items(text, path))


def json_value(text: str, path: str, whole: bool) -> str | None:
    """Return the one plain value that a path leads to, None for none, for several, and for an array or object.

    ``whole`` says that it is read as a whole number, to which a number with a fraction is rounded.
    """
    return _scalar(_items(text, path), whole)


def _scalar(items: list[Any] | None, whole: bool) -> str | None:
    if items is None or len(items) != 1 or items[0] is None or isinstance(items[0], dict | list):
        return None
    value = items[0]
    if whole and isinstance(value, Decimal):
        return str(value.quantize(Decimal(1), ROUND_HALF_UP)) if abs(value) < _LARGEST else None
    return value if isinstance(value, str) else _json(value)


def json_outcome(text: str, path: str, empty_fails: bool, error_fails: bool, whole: bool) -> list[str | None]:
    """Return what a path leads to, and its value: one plain ``value``, or NULL; nothing, ``empty``; or an ``error``.

    ``whole`` is as of ``json_value``.
    """
    items = _items(text, path)
    if items is not None and not items:
        if empty_fails:
            raise ValueError("JSON_VALUE_RESULT_ERROR: cannot extract SQL/JSON scalar from JSON: no value found")
        return ["empty", None]
    if items is None or len(items) != 1 or isinstance(items[0], dict | list):
        if error_fails:
            raise ValueError(f"JSON_VALUE_RESULT_ERROR: cannot extract SQL/JSON scalar from JSON by {path!r}")
        return ["error", None]
    return ["value", _scalar(items, whole)]


def json_query(text: str, path: str, wrapper: str) -> str | None:
    """Return the JSON that a path leads to, in an array if the wrapper says so."""
    items = _items(text, path)
    if not items:
        return None
    if wrapper == "WITH" or (wrapper == "CONDITIONAL" and (len(items) > 1 or not isinstance(items[0], dict | list))):
        return _json(items)
    return _json(items[0]) if len(items) == 1 else None


def json_object(names: list[str | None], values: list[str | None], absent: bool) -> str:
    """Return the object of JSON texts under names; ``absent`` says that those that are NULL are left out."""
    parts: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        if name is None:
            raise _bad("null value passed for JSON object key to JSON_OBJECT function")
        if value is None and absent:
            continue
        if name in parts:
            raise ValueError("NOT_SUPPORTED: cannot construct a JSON object with duplicate key")
        parts[name] = "null" if value is None else value
    return "{" + ",".join(f"{_json(name)}:{value}" for name, value in parts.items()) + "}"


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        if abs(value.adjusted()) > _MOST_DIGITS:
            raise ValueError(f"NOT_SUPPORTED: the number {value} in JSON is not supported by the local Athena")
        return format(value, "f")
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(key)}:{_json(each)}" for key, each in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def json_array_contains(text: str, wanted: str) -> bool | None:
    """Return whether an array has the value of a JSON text; None for what is no array."""
    array = _whole(text)
    return any(type(each) is type(json.loads(wanted)) and each == json.loads(wanted) for each in array) if isinstance(
        array, list
    ) else None  # fmt: skip


def json_array_get(text: str, index: int) -> str | None:
    """Return the JSON of an element, counted from 0, and from the end where the number is negative."""
    array = _whole(text)
    if not isinstance(array, list) or not -len(array) <= index < len(array):
        return None
    return _compact(array[index])


def json_field(text: str, name: str, place: int, count: int) -> str | None:
    """Return the JSON of a row's field: of an object by its name in any case, of an array by its place."""
    value = _whole(text)
    if isinstance(value, list):
        if len(value) != count:
            raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast a JSON array of {len(value)} to a row of {count}")
        return _compact(value[place])
    found = [each for key, each in value.items() if key.lower() == name.lower()] if isinstance(value, dict) else []
    if len(found) > 1:
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast a JSON object with several fields {name} to a row")
    return _compact(found[0]) if found else None


def json_array_of(text: str, kind: str) -> str:
    """Return the JSON of an array, or null, that is cast to a type."""
    if not isinstance(_whole(text), list | None):
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast {text} to {kind}")
    return text


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_json_scalar(text: str) -> bool:
    """Return whether a JSON text is neither array nor object."""
    try:
        return not isinstance(json.loads(text), dict | list)
    except ValueError:
        raise _bad(f"Invalid JSON value: {text}") from None


def _whole(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


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
    "json_exists": (json_exists, [_TEXT, _TEXT], "BOOLEAN"),
    "json_value": (json_value, [_TEXT, _TEXT, "BOOLEAN"], _TEXT),
    "json_object": (json_object, ["VARCHAR[]", "VARCHAR[]", "BOOLEAN"], _TEXT),
    "json_outcome": (json_outcome, [_TEXT, _TEXT, "BOOLEAN", "BOOLEAN", "BOOLEAN"], "VARCHAR[]"),
    "json_query": (json_query, [_TEXT, _TEXT, _TEXT], _TEXT),
    "json_array_contains": (json_array_contains, [_TEXT, _TEXT], "BOOLEAN"),
    "json_array_get": (json_array_get, [_TEXT, "BIGINT"], _TEXT),
    "json_field": (json_field, [_TEXT, _TEXT, "BIGINT", "BIGINT"], _TEXT),
    "json_array_of": (json_array_of, [_TEXT, _TEXT], _TEXT),
    "is_json_scalar": (is_json_scalar, [_TEXT], "BOOLEAN"),
    "format": (format_values, [_TEXT, "VARCHAR[]", _TEXT], _TEXT),
    "parse_datetime": (parse_datetime, [_TEXT, _TEXT], "TIMESTAMP"),
}
