"""The forms of Trino's functions: which calls Athena refuses itself, and in which words.

``trino_forms.json`` has by each function's name what Trino 435 answers that it expected.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any, Final

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.typing import DType

_FILE: Final = Path(__file__).parent / "trino_forms.json"
#: Those that take any number of their last argument.
_VARIADIC: Final = frozenset({"concat", "concat_ws", "greatest", "least", "map_concat"})
_NUMBERS: Final = {*types.INTEGERS, *types.FLOATS, DType.DECIMAL}
_TIMESTAMPS: Final = {*types.TIMESTAMPS, DType.DATE}
#: What is given to an argument of a type without being cast.
_TAKES: Final[dict[str, set[Any]]] = {
    **{name: {each for each, size in types.INTEGERS.items() if size <= types.INTEGERS[kind]} for name, kind in {
        "tinyint": DType.TINYINT, "smallint": DType.SMALLINT, "integer": DType.INT, "bigint": DType.BIGINT,
    }.items()},
    "real": {*_NUMBERS} - {DType.DOUBLE},
    "double": _NUMBERS,
    "decimal": {*types.INTEGERS, DType.DECIMAL},
    "boolean": {DType.BOOLEAN},
    "varchar": set(types.TEXT),
    "char": {DType.CHAR},
    **{name: set(types.TEXT) for name in ("jsonpath", "joniregexp", "codepoints")},
    "varbinary": {DType.VARBINARY, DType.BINARY},
    "json": {DType.JSON},
    "date": {DType.DATE},
    "timestamp": _TIMESTAMPS,
    "timestamp with time zone": {*_TIMESTAMPS, DType.TIMESTAMPTZ},
    "time": {DType.TIME},
    "time with time zone": {DType.TIME, DType.TIMETZ},
    "interval day to second": {DType.INTERVAL},
    "interval year to month": {DType.INTERVAL},
    "array": {DType.ARRAY},
    "map": {DType.MAP},
    "row": {DType.STRUCT},
    "function": {DType.USERDEFINED},
}  # fmt: skip
_LENGTHS: Final = re.compile(r"\([^()]*\)")
_ANY: Final = re.compile(r"[A-Za-z]\d?")
_ALWAYS: Final = {DType.NULL, DType.UNKNOWN}


@functools.cache
def _forms() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(_FILE.read_text())
    return found


def is_one_of_trinos(name: str, kinds: list[Any]) -> bool:
    """Return whether Trino may have a form of a function for arguments of these types; None is a type not known.

    It may also where the function is none that is looked up by its arguments' types.
    """
    if name not in _forms():
        return True
    return any(_fits(name, _arguments(form), kinds) for form in _forms()[name])


def unexpected(name: str, given: list[str], position: str) -> QueryFailed:
    """Return Trino's error for a call of a function with arguments of these types."""
    expected = ", ".join(_forms()[name])
    reason = f"{position}: Unexpected parameters ({', '.join(given)}) for function {name}. Expected: {expected}"
    return QueryFailed("FUNCTION_NOT_FOUND", reason)


def _arguments(form: str) -> list[str]:
    """Return the types of a form's arguments, such as those of ``map(array(K), array(V)) K:comparable, V``."""
    found, depth, start = [], 0, form.index("(") + 1
    for place in range(start, len(form)):
        depth += {"(": 1, ")": -1}.get(form[place], 0)
        if depth < 0 or (depth == 0 and form[place] == ","):
            found.append(form[start:place].strip())
            start = place + 1
        if depth < 0:
            break
    return [each for each in found if each]


def _fits(name: str, arguments: list[str], kinds: list[Any]) -> bool:
    if name in _VARIADIC and len(kinds) > len(arguments):
        arguments = arguments + arguments[-1:] * (len(kinds) - len(arguments))
    return len(arguments) == len(kinds) and all(
        _takes(argument, kind) for argument, kind in zip(arguments, kinds, strict=True)
    )


def _takes(argument: str, kind: Any) -> bool:
    if kind is None or kind in _ALWAYS:
        return not argument.startswith("function") or kind is None
    outer = argument.partition("(")[0]
    base = outer if outer in ("array", "map", "row", "function") else _LENGTHS.sub("", argument)
    if _ANY.fullmatch(base):
        return bool(kind != DType.USERDEFINED)
    return kind in _TAKES.get(base, ())
