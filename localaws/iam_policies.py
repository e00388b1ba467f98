"""What IAM policy documents say: parsed once, then asked many times.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import datetime
import fnmatch
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Matcher = Callable[[str], bool]
#: Condition keys in lower case.
Conditions = Mapping[str, str | None]


@dataclass(frozen=True)
class Statement:
    """One parsed statement; ``conditions`` are (operator, key, wanted values)."""

    allows: bool
    is_action: Matcher
    is_resource: Matcher
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def applies(self, action: str, resource: str, context: Conditions) -> bool:
        """Whether the statement speaks about this request."""
        return (
            self.is_action(action.lower())
            and self.is_resource(resource)
            and all(_holds(operator, context.get(key), wanted) for operator, key, wanted in self.conditions)
        )


@dataclass(frozen=True)
class Decision:
    """Whether a request is allowed, and if not, whether a statement denied it (else none allowed it)."""

    allowed: bool
    explicit: bool = False


def decide(statements: Iterable[Statement], action: str, resource: str, context: Conditions) -> Decision:
    """Evaluate identity policies: a denial wins, and what nobody allows is denied."""
    allowed = False
    for statement in statements:
        if statement.applies(action, resource, context):
            if not statement.allows:
                return Decision(allowed=False, explicit=True)
            allowed = True
    return Decision(allowed=allowed)


@functools.lru_cache(maxsize=512)
def parse(document: str) -> tuple[Statement, ...]:
    """Parse a policy document (JSON); equal texts share one result."""
    statements = json.loads(document)["Statement"]
    return tuple(_statement(raw) for raw in ([statements] if isinstance(statements, dict) else statements))


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(
        allows=raw["Effect"] == "Allow",
        is_action=_matcher(raw, "Action", lower=True),
        is_resource=_matcher(raw, "Resource"),
        conditions=tuple(
            (operator, key.lower(), tuple(str(value) for value in _listed(wanted)))
            for operator, pairs in (raw.get("Condition") or {}).items()
            for key, wanted in pairs.items()
        ),
    )


def _matcher(raw: Mapping[str, Any], element: str, *, lower: bool = False) -> Matcher:
    if element in raw:
        return _any_pattern(_listed(raw[element]), lower=lower)
    if f"Not{element}" in raw:
        matches = _any_pattern(_listed(raw[f"Not{element}"]), lower=lower)
        return lambda text: not matches(text)
    raise ValueError(f"a policy statement has neither {element} nor Not{element}: {raw}")


def _any_pattern(patterns: Iterable[str], *, lower: bool) -> Matcher:
    folded = [pattern.lower() if lower else pattern for pattern in patterns]
    if "*" in folded:
        return lambda text: True
    compiled = re.compile("|".join(f"(?:{_wildcard(pattern)})" for pattern in folded), re.DOTALL)
    return lambda text: compiled.fullmatch(text) is not None


@functools.lru_cache(maxsize=2048)
def _wildcard(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# ---- conditions

_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wanted,
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wanted.lower(),
    "StringLike": lambda given, wanted: re.fullmatch(_wildcard(wanted), given, re.DOTALL) is not None,
    "ArnEquals": fnmatch.fnmatchcase,
    "ArnLike": fnmatch.fnmatchcase,
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
    "NumericEquals": lambda given, wanted: float(given) == float(wanted),
    "NumericLessThan": lambda given, wanted: float(given) < float(wanted),
    "NumericLessThanEquals": lambda given, wanted: float(given) <= float(wanted),
    "NumericGreaterThan": lambda given, wanted: float(given) > float(wanted),
    "NumericGreaterThanEquals": lambda given, wanted: float(given) >= float(wanted),
    "DateEquals": lambda given, wanted: _date(given) == _date(wanted),
    "DateLessThan": lambda given, wanted: _date(given) < _date(wanted),
    "DateLessThanEquals": lambda given, wanted: _date(given) <= _date(wanted),
    "DateGreaterThan": lambda given, wanted: _date(given) > _date(wanted),
    "DateGreaterThanEquals": lambda given, wanted: _date(given) >= _date(wanted),
    "IpAddress": lambda given, wanted: ipaddress.ip_address(given) in ipaddress.ip_network(wanted, strict=False),
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


def _holds(operator: str, given: str | None, wanted: tuple[str, ...]) -> bool:
    if operator == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    base, _, rest = operator.rpartition(":")
    every = base == "ForAllValues"
    if_exists = rest.endswith("IfExists")
    name = rest.removesuffix("IfExists")
    negated = name in _NEGATIONS
    compare = _COMPARISONS.get(_NEGATIONS.get(name, name))
    if compare is None:
        raise ValueError(f"IAM condition operator {operator} is unknown")
    if given is None:
        return if_exists or negated or every
    return any(compare(given, value) for value in wanted) != negated


def _date(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
