"""Event patterns: refused where EventBridge refuses them, and matched as EventBridge matches them.

moto accepts nearly every invalid pattern and then fails on it, never looks into lists of objects, and takes 1 for true.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

#: A test of one value of an event; the value is ``_ABSENT`` where the event has no such field.
Test = Callable[[Any], bool]
_ABSENT = object()
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
#: The range of numbers that EventBridge compares.
_LARGEST = 5e9


class InvalidPattern(ValueError):
    """A pattern that EventBridge refuses; the message is the reason."""


class Pattern:
    """A valid event pattern."""

    def __init__(self, text: str) -> None:
        try:
            parsed = json.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            raise InvalidPattern(f"not valid JSON: {error}") from error
        if not isinstance(parsed, dict) or not parsed:
            raise InvalidPattern("Filter is not an object, or an empty one")
        self.fields: Mapping[str, Any] = parsed
        self._matches = _object(parsed, ())

    def matches(self, event: Any) -> bool:
        """Return whether the event matches; a record of an event source mapping may stand for the event."""
        return self._matches(event)


@lru_cache(maxsize=512)
def parse(text: str) -> Pattern:
    """Return the pattern of ``text``; raise `InvalidPattern` if EventBridge would refuse it."""
    return Pattern(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidPattern(f"{Counter(name for name, _ in pairs).most_common(1)[0][0]} stands twice")
    return found


def _object(pattern: Mapping[str, Any], path: tuple[str, ...]) -> Callable[[Any], bool]:
    parts: list[Callable[[Any], bool]] = []
    for name, wanted in pattern.items():
        here = (*path, name)
        if name == "$or" and isinstance(wanted, list) and len(wanted) > 1 and all(isinstance(w, dict) for w in wanted):
            parts.append(_any([_object(each, path) for each in wanted]))
        elif isinstance(wanted, dict):
            if not wanted:
                raise InvalidPattern(f"Empty objects are not allowed: {'.'.join(here)}")
            parts.append(_field(name, _object(wanted, here), leaf=False))
        elif isinstance(wanted, list):
            if not wanted:
                raise InvalidPattern(f"Empty arrays are not allowed: {'.'.join(here)}")
            parts.append(_field(name, _leaf([_test(each, here) for each in wanted]), leaf=True))
        else:
            raise InvalidPattern(f'"{".".join(here)}" must be an object or an array')
    return lambda value: all(part(value) for part in parts)


def _any(parts: list[Callable[[Any], bool]]) -> Callable[[Any], bool]:
    return lambda value: any(part(value) for part in parts)


def _field(name: str, inner: Callable[[Any], bool], *, leaf: bool) -> Callable[[Any], bool]:
    """Return the test of one field of an object, or of any object in a list of objects."""

    def look(value: Any) -> bool:
        if isinstance(value, list):
            return any(look(each) for each in value if isinstance(each, dict | list)) or (
                leaf and not value and inner(_ABSENT)
            )
        if not isinstance(value, Mapping):
            return leaf and inner(_ABSENT)
        if name in value:
            return inner(value[name])
        return inner(_ABSENT) if leaf else inner({})

    return look


def _leaf(tests: list[Test]) -> Callable[[Any], bool]:
    def look(value: Any) -> bool:
        if isinstance(value, Mapping):  # not a leaf: as good as absent
            value = _ABSENT
        values = list(_flat(value)) if isinstance(value, list) else [value]
        return any(test(each) for test in tests for each in values or [_ABSENT])

    return look


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _test(wanted: Any, path: tuple[str, ...]) -> Test:
    if not isinstance(wanted, dict | list):
        return _equal(wanted, path)
    where = ".".join(path)
    if isinstance(wanted, list) or len(wanted) != 1:
        raise InvalidPattern(f"{where}: a match is a value, or an object with one operator")
    ((operator, operand),) = wanted.items()
    makers = {**_TEXT, "anything-but": _anything_but, "numeric": _numeric, "exists": _exists, "cidr": _cidr}
    if operator not in makers:
        raise InvalidPattern(f"{where}: Unrecognized match type {operator}")
    return makers[operator](operand, where)


def _equal(wanted: Any, path: tuple[str, ...]) -> Test:
    del path
    if isinstance(wanted, bool) or wanted is None:
        return lambda value: value is wanted
    if isinstance(wanted, int | float):
        return lambda value: _number(value) and value == wanted
    return lambda value: isinstance(value, str) and value == wanted


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(operand: Any, where: str, name: str) -> str:
    if not isinstance(operand, str) or not operand:
        raise InvalidPattern(f"{where}: {name} must be a text that is not empty")
    return operand


def _prefix(operand: Any, where: str) -> Test:
    if isinstance(operand, dict):
        start = _ignoring_case(operand, where, "prefix").casefold()
        return lambda value: isinstance(value, str) and value.casefold().startswith(start)
    start = _text(operand, where, "prefix")
    return lambda value: isinstance(value, str) and value.startswith(start)


def _suffix(operand: Any, where: str) -> Test:
    if isinstance(operand, dict):
        end = _ignoring_case(operand, where, "suffix").casefold()
        return lambda value: isinstance(value, str) and value.casefold().endswith(end)
    end = _text(operand, where, "suffix")
    return lambda value: isinstance(value, str) and value.endswith(end)


def _ignoring_case(operand: Mapping[str, Any], where: str, name: str) -> str:
    if set(operand) != {"equals-ignore-case"}:
        raise InvalidPattern(f"{where}: {name} takes a text, or equals-ignore-case")
    return _text(operand["equals-ignore-case"], where, name)


def _equals_ignore_case(operand: Any, where: str) -> Test:
    if not isinstance(operand, str):
        raise InvalidPattern(f"{where}: equals-ignore-case must be a text")
    folded = operand.casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _wildcard(operand: Any, where: str) -> Test:
    text = _text(operand, where, "wildcard")
    if "**" in text:
        raise InvalidPattern(f"{where}: Consecutive wildcard characters")
    if re.search(r"\\[^*\\]|(?<!\\)(\\\\)*\\$", text):
        raise InvalidPattern(f"{where}: Invalid escape character")
    pieces = [""]
    for part in re.findall(r"\\.|[^\\]", text, re.S):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[-1]
    return lambda value: isinstance(value, str) and _has_in_order(value, pieces)


def _has_in_order(value: str, pieces: list[str]) -> bool:
    """Return whether a text is these pieces with anything between them, in time linear in the text for each piece."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for piece in middle:
        found = value.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


_TEXT: Mapping[str, Callable[[Any, str], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}


def _anything_but(operand: Any, where: str) -> Test:
    """Return the test that a field exists and has none of these values."""
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in _TEXT:
            raise InvalidPattern(f"{where}: anything-but takes values, or one of {', '.join(_TEXT)}")
        ((operator, inner),) = operand.items()
        refused = [_TEXT[operator](each, where) for each in (inner if isinstance(inner, list) else [inner])]
        if not refused:
            raise InvalidPattern(f"{where}: Empty arrays are not allowed")
    else:
        values = operand if isinstance(operand, list) else [operand]
        if not values or not all(isinstance(v, str | int | float) for v in values):
            raise InvalidPattern(f"{where}: anything-but takes texts or numbers")
        if len({isinstance(v, str) for v in values}) > 1:
            raise InvalidPattern(f"{where}: anything-but takes texts or numbers, not both")
        refused = [_equal(v, ()) for v in values]
    return lambda value: value is not _ABSENT and not any(test(value) for test in refused)


def _numeric(operand: Any, where: str) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise InvalidPattern(f'{where}: numeric takes one or two comparisons, such as [">", 0, "<=", 5]')
    pairs = [(operand[at], operand[at + 1]) for at in range(0, len(operand), 2)]
    for sign, bound in pairs:
        if sign not in _COMPARISONS or not _number(bound) or abs(bound) > _LARGEST:
            raise InvalidPattern(f"{where}: {sign} {bound} is no comparison with a number from -5e9 to 5e9")
    if len(pairs) == 2 and not (
        pairs[0][0] in (">", ">=") and pairs[1][0] in ("<", "<=") and pairs[0][1] < pairs[1][1]
    ):
        raise InvalidPattern(f"{where}: a range goes from > or >= to < or <=, and is not empty")
    return lambda value: _number(value) and all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)


def _exists(operand: Any, where: str) -> Test:
    if not isinstance(operand, bool):
        raise InvalidPattern(f"{where}: exists takes true or false")
    return lambda value: (value is not _ABSENT) is operand


def _cidr(operand: Any, where: str) -> Test:
    try:
        network = ipaddress.ip_network(operand if isinstance(operand, str) else "", strict=False)
    except ValueError as error:
        raise InvalidPattern(f"{where}: Malformed CIDR: {error}") from error

    def within(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return within
