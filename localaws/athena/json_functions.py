"""Functions of JSON that DuckDB lacks, or answers otherwise, for one value at a time.

https://trino.io/docs/current/functions/json.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Final

from localaws.athena import formats

_STEP = re.compile(r"\s*(?:\.\s*([A-Za-z_]\w*|\*)|\.\s*\"([^\"]*)\"|\[\s*(\d+|\*)\s*\])")
#: The exponent of a double is no greater.
_MOST_DIGITS = 400
#: No whole number is as large.
_LARGEST: Final = 2**63


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _json_value(text: str, path: str, number: Callable[[str], Any] | None = None) -> Any:
    """Return the value at a path, None where there is none; numbers are made by ``number`` of their texts."""
    try:
        value = json.loads(text, parse_float=number, parse_int=number, parse_constant=_no_number)
    except ValueError:
        return None
    for step in _json_steps(path):
        if isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        elif isinstance(value, dict) and str(step) in value:
            value = value[str(step)]
        else:
            return None
    return _JSON_NULL if value is None else value


#: The null that is written in a text, where None says that nothing is there.
_JSON_NULL = object()


@lru_cache(maxsize=256)
def _json_steps(path: str) -> tuple[str | int, ...]:
    if not re.fullmatch(r"\$(\.[\w\-]+|\[\d+\]|\[\"[^\"]*\"\]|\['[^']*'\]|\.\"[^\"]*\")*", path):
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Invalid JSON path: '{path}'")
    steps: list[str | int] = []
    for dotted, index, quoted in re.findall(r"\.([\w\-]+)|\[(\d+)\]|(?:\.|\[)[\"']([^\"']*)[\"']\]?", path):
        steps.append(int(index) if index else dotted or quoted)
    return tuple(steps)


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_varchar(text: str) -> str | None:
    """Return a JSON value as ``CAST(json AS varchar)`` does: a text without its quotes, NULL for null."""
    value = json.loads(text)
    if isinstance(value, dict | list):
        raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast '{text}' to varchar")
    if isinstance(value, float):
        return formats.double_text(value)
    return value if value is None or isinstance(value, str) else _json_text(value)


def _json_extract_scalar(text: str, path: str) -> str | None:
    value = _json_value(text, path, str)  # a number as it is written there
    if value is None or value is _JSON_NULL or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else _json_text(value)


def _json_extract(text: str, path: str) -> str | None:
    value = _json_value(text, path)
    return None if value is None else "null" if value is _JSON_NULL else _json_text(value)


def _json_parse(text: str) -> str:
    try:
        # Trino keeps what it has parsed with the keys of objects in order.
        found = json.loads(text, parse_constant=_no_number)
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{text}'") from None


def _json_array_length(text: str) -> int | None:
    value = _json_value(text, "$")
    return len(value) if isinstance(value, list) else None


def _json_size(text: str, path: str) -> int | None:
    value = _json_value(text, path)
    return None if value is None else len(value) if isinstance(value, dict | list) else 0


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
        items = [json.loads(text, parse_float=Decimal, parse_constant=_no_number)]
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
    if isinstance(value, int) and abs(value) >= _LARGEST:
        return None
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
    found = _scalar(items, whole)
    if found is None and items[0] is not None:  # a number that is too large
        if error_fails:
            raise ValueError(f"JSON_VALUE_RESULT_ERROR: cannot extract SQL/JSON scalar from JSON by {path!r}")
        return ["error", None]
    return ["value", found]


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
            raise ValueError("INVALID_FUNCTION_ARGUMENT: null value passed for JSON object key to JSON_OBJECT function")
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
        return formats.double_text(float(value))
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


def json_elements(text: str, kind: str) -> list[str] | None:
    """Return the JSON of each element of an array that is cast to a type; None of null."""
    value = _whole(text)
    return None if value is None else [_compact(each) for each in _expected(value, list, "array", kind)]


def json_entries(text: str, kind: str) -> dict[str, str] | None:
    """Return the JSON of each value of an object that is cast to a type; None of null."""
    value = _whole(text)
    if value is None:
        return None
    return {key: _compact(each) for key, each in _expected(value, dict, "object", kind).items()}


def _expected(value: Any, form: type[Any], name: str, kind: str) -> Any:
    if isinstance(value, form):
        return value
    got = "[" if isinstance(value, list) else "{" if isinstance(value, dict) else value
    got = got if isinstance(got, str) else _compact(got)
    raise ValueError(f"INVALID_CAST_ARGUMENT: Cannot cast to {kind}. Expected a json {name}, but got {got}")


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_json_scalar(text: str) -> bool:
    """Return whether a JSON text is neither array nor object."""
    try:
        return not isinstance(json.loads(text, parse_constant=_no_number), dict | list)
    except ValueError:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: Invalid JSON value: {text}") from None


def _whole(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return None


_TEXT: Final = "VARCHAR"
#: By the name without ``athena_``: the function, the types of its arguments and of its result.
JSON: Final[dict[str, tuple[Callable[..., Any], list[str], str]]] = {
    "json_size": (_json_size, [_TEXT, _TEXT], "BIGINT"),
    "json_extract_scalar": (_json_extract_scalar, [_TEXT, _TEXT], _TEXT),
    "json_extract": (_json_extract, [_TEXT, _TEXT], _TEXT),
    "json_parse": (_json_parse, [_TEXT], _TEXT),
    "json_array_length": (_json_array_length, [_TEXT], "BIGINT"),
    "json_varchar": (_json_varchar, [_TEXT], _TEXT),
    "json_string": (_json_text, [_TEXT], _TEXT),
    "json_exists": (json_exists, [_TEXT, _TEXT], "BOOLEAN"),
    "json_value": (json_value, [_TEXT, _TEXT, "BOOLEAN"], _TEXT),
    "json_object": (json_object, ["VARCHAR[]", "VARCHAR[]", "BOOLEAN"], _TEXT),
    "json_outcome": (json_outcome, [_TEXT, _TEXT, "BOOLEAN", "BOOLEAN", "BOOLEAN"], "VARCHAR[]"),
    "json_query": (json_query, [_TEXT, _TEXT, _TEXT], _TEXT),
    "json_array_contains": (json_array_contains, [_TEXT, _TEXT], "BOOLEAN"),
    "json_array_get": (json_array_get, [_TEXT, "BIGINT"], _TEXT),
    "json_field": (json_field, [_TEXT, _TEXT, "BIGINT", "BIGINT"], _TEXT),
    "json_elements": (json_elements, [_TEXT, _TEXT], "VARCHAR[]"),
    "json_entries": (json_entries, [_TEXT, _TEXT], "MAP(VARCHAR, VARCHAR)"),
    "is_json_scalar": (is_json_scalar, [_TEXT], "BOOLEAN"),
}
