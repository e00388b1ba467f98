"""Reads a contract's stream rules; refuses a broken one with its position and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, Protocol, get_args

import pyarrow as pa

from sluice.contracts.conditions import OPERATORS, fulfilled
from sluice.contracts.model import Arrival, Burst, Column, Condition, Severity, StreamRule, Travel
from sluice.contracts.values.convert import arrow_type
from sluice.gathered import Concerned, Gathered
from sluice.nearest import did_you_mean

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KINDS = ("where", "burst", "travel")
_RULE_KEYS = ("name", "description", "severity", *_KINDS)
_BURST_KEYS = ("key", "time", "where", "atLeast", "within", "distinct")
_TRAVEL_KEYS = ("key", "time", "latitude", "longitude", "fasterThanKmh", "fartherThanKm")
_WITHIN = re.compile(r"([1-9][0-9]{0,5}) ?([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_SECONDS = 86_400
_SIGNS = sorted(OPERATORS, key=len, reverse=True)
_COMPARISON = re.compile(
    rf"(?P<column>[a-z][a-z0-9_]*)\s*(?P<operator>{'|'.join(_SIGNS)})\s*"
    r"(?:(?P<text>'[^']*')|(?P<number>[+-]?[0-9]+(?:\.[0-9]+)?)|(?P<word>[a-z][a-z0-9_]*))"
)
_AND = re.compile(r"\s+and\s+")
_LANGUAGE = (
    f"allowed: comparisons joined by `and`, each <column> <{' '.join(OPERATORS)}> "
    "and a column, a number, 'text', true or false"
)
_NUMBERS = ("int", "bigint", "float", "double", "decimal")
#: A place below the list of rules.
Below = tuple[str | int, ...]


#: What a contract with rules must be of.
RULES_ARE_FOR = "rules are for datasets that arrive as a stream of JSON records"


class Refuse(Protocol):
    """Raises the error for a value below the list of rules."""

    def __call__(self, below: Below, problem: str, /) -> NoReturn:
        """Raise it."""


def read_rules(
    given: Any, columns: Mapping[str, Column | None], arrival: Arrival, refuse: Refuse, found: Gathered
) -> tuple[StreamRule, ...]:
    """Return the rules that a contract lists; ``columns`` are all by name, None for one that was refused."""
    if not arrival.stream or arrival.changes:
        refuse((), RULES_ARE_FOR)
    if not isinstance(given, list):
        refuse((), "rules is a list")
    reader = _Reader(columns, arrival, refuse)
    rules: list[StreamRule] = []
    for index, rule in enumerate(given):
        with found:
            rules.append(reader.rule(rule, (index,)))
            if rules[-1].name in [other.name for other in rules[:-1]]:
                refuse((index, "name"), f"rule {rules[-1].name!r} is declared twice")
    return tuple(rules)


class _Reader:
    """Reads rules about the given columns."""

    def __init__(self, columns: Mapping[str, Column | None], arrival: Arrival, refuse: Refuse) -> None:
        self.names = tuple(columns)
        self.columns = {name: column for name, column in columns.items() if column is not None}
        self.arrival = arrival
        self.refuse = refuse

    def rule(self, given: Any, at: Below) -> StreamRule:
        self._mapping(given, _RULE_KEYS, ("name", "description", "severity"), at)
        name = self._text(given, "name", at)
        if not _NAME.fullmatch(name):
            self.refuse((*at, "name"), f"{name!r} is not a rule's name; lower case letters, digits, underscores")
        self._one_of(given["severity"], get_args(Severity), (*at, "severity"))
        kinds = [kind for kind in _KINDS if kind in given]
        if len(kinds) != 1:
            self.refuse(at, f"a rule has exactly one of {', '.join(_KINDS)}")
        return StreamRule(
            name=name,
            description=self._text(given, "description", at),
            severity=given["severity"],
            where=self._where(given["where"], (*at, "where")) if "where" in given else (),
            burst=self._burst(given["burst"], (*at, "burst")) if "burst" in given else None,
            travel=self._travel(given["travel"], (*at, "travel")) if "travel" in given else None,
        )

    def _burst(self, given: Any, at: Below) -> Burst:
        self._mapping(given, _BURST_KEYS, ("key", "atLeast", "within"), at)
        at_least = self._count(given, "atLeast", 2, 1000, at)
        column, distinct = None, 0
        if "distinct" in given:
            here = (*at, "distinct")
            self._mapping(given["distinct"], ("column", "atLeast"), ("column", "atLeast"), here)
            column = self._column(given["distinct"]["column"], (*here, "column"))
            distinct = self._count(given["distinct"], "atLeast", 2, at_least, here)
        return Burst(
            key=self._column(given["key"], (*at, "key")),
            time=self._time(given, at),
            at_least=at_least,
            within_seconds=self._within(given["within"], (*at, "within")),
            where=self._where(given["where"], (*at, "where")) if "where" in given else (),
            distinct=column,
            distinct_at_least=distinct,
        )

    def _travel(self, given: Any, at: Below) -> Travel:
        self._mapping(given, _TRAVEL_KEYS, ("key", "latitude", "longitude", "fasterThanKmh"), at)
        place = {name: self._column(given[name], (*at, name)) for name in ("latitude", "longitude")}
        for name, column in place.items():
            if self.columns[column].type.name not in _NUMBERS:
                self.refuse((*at, name), f"{column!r} is not a number; degrees are wanted")
        return Travel(
            key=self._column(given["key"], (*at, "key")),
            time=self._time(given, at),
            **place,
            faster_than_kmh=self._number(given, "fasterThanKmh", 1, at),
            farther_than_km=self._number(given, "fartherThanKm", 0, at) if "fartherThanKm" in given else 0.0,
        )

    def _where(self, given: Any, at: Below) -> tuple[Condition, ...]:
        if not isinstance(given, str) or not given.strip():
            self.refuse(at, f"{given!r} is not a condition; {_LANGUAGE}")
        text, place = given.strip(), 0
        conditions = []
        while True:
            found = _COMPARISON.match(text, place)
            if found is None:
                self.refuse(at, f"{text[place:]!r} is not a comparison; {_LANGUAGE}")
            conditions.append(self._condition(found, at))
            if found.end() == len(text):
                break
            joined = _AND.match(text, found.end())
            if joined is None:
                self.refuse(at, f"{text[found.end() :]!r} does not follow a comparison; {_LANGUAGE}")
            place = joined.end()
        names = {name for c in conditions for name in (c.column, c.other) if name}
        empty = pa.table({name: pa.array([], arrow_type(self.columns[name].type)) for name in names})
        try:
            fulfilled(empty, conditions)
        except (ValueError, pa.ArrowNotImplementedError) as error:  # Arrow's own invalid values among them
            self.refuse(at, f"{given!r} cannot be compared: {error}")
        return tuple(conditions)

    def _condition(self, match: re.Match[str], at: Below) -> Condition:
        column, word = self._column(match["column"], at), match["word"]
        kind = self.columns[column].type.name
        if word and word not in ("true", "false"):
            other = self.columns[self._column(word, at)].type.name
            if other != kind and not {other, kind} <= set(_NUMBERS):
                self.refuse(at, f"{column} is of type {kind} and {word} of type {other}; they cannot be compared")
            return Condition(column, match["operator"], other=word)
        fits = (
            (match["number"] and kind in _NUMBERS)
            or (match["text"] and kind in ("string", "date", "timestamp"))
            or (word and kind == "boolean")
        )
        if not fits:
            self.refuse(at, f"{column} is of type {kind}; {match[0]!r} compares it with something else")
        value = match["text"][1:-1] if match["text"] else match["number"] or word
        return Condition(column, match["operator"], value=value)

    def _mapping(self, given: Any, allowed: Iterable[str], needed: Iterable[str], at: Below) -> None:
        if not isinstance(given, dict):
            self.refuse(at, f"a mapping is wanted; allowed: {', '.join(allowed)}")
        for key in given:
            self._one_of(key, allowed, (*at, key))
        for key in needed:
            if key not in given:
                self.refuse(at, f"{key} is missing")

    def _one_of(self, value: Any, allowed: Iterable[str], at: Below) -> str:
        options = tuple(allowed)
        if value not in options:
            self.refuse(at, f"{value!r} is not allowed;{did_you_mean(value, options)} allowed: {', '.join(options)}")
        return str(value)

    def _column(self, name: Any, at: Below) -> str:
        column = self._one_of(name, self.names, at)
        if column not in self.columns:
            raise Concerned
        return column

    def _time(self, given: Mapping[str, Any], at: Below) -> str:
        """Return the column by which records are ordered: the contract's event time unless the rule names one."""
        if "time" not in given and self.arrival.event_time is None:
            self.refuse(at, "time is missing: the column that says when an event happened")
        name = self._column(given.get("time", self.arrival.event_time), (*at, "time"))
        if self.columns[name].type.name != "timestamp":
            self.refuse((*at, "time"), f"{name!r} is no timestamp")
        return name

    def _text(self, given: Mapping[str, Any], key: str, at: Below) -> str:
        if not isinstance(given[key], str) or not given[key].strip():
            self.refuse((*at, key), f"{given[key]!r} is not allowed; a text is wanted")
        return str(given[key])

    def _count(self, given: Mapping[str, Any], key: str, least: int, most: int, at: Below) -> int:
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.refuse((*at, key), f"{value!r} is not allowed; allowed: {least} to {most}")
        return value

    def _number(self, given: Mapping[str, Any], key: str, least: float, at: Below) -> float:
        value = given[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1e9:
            self.refuse((*at, key), f"{value!r} is not allowed; a number of at least {least} is wanted")
        return float(value)

    def _within(self, given: Any, at: Below) -> int:
        match = _WITHIN.fullmatch(given) if isinstance(given, str) else None
        seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.refuse(at, f"{given!r} is not allowed; allowed: 1s to 24h, in s, m or h")
        return seconds
