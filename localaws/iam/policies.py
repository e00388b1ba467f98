"""IAM policy documents: parsed once, then evaluated many times.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localaws import wildcards
from localaws.iam import principals
from localaws.iam.conditions import Conditions, check, filled_in, holds
from localaws.iam.principals import Named

Matcher = Callable[[str], bool]
Statements = tuple["Statement", ...]
_Conditions = tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Statement:
    """One parsed statement; ``conditions`` are (operator, key, wanted values).

    ``variable`` is the statement's text if it has policy variables, whose values depend on the caller. ``everything``:
    it is about every action on every resource, without a condition. ``named`` are the principals of a statement of a
    resource's or a trust policy; identity policies have none.
    """

    allows: bool
    is_action: Matcher
    is_resource: Matcher
    conditions: _Conditions
    variable: str = ""
    everything: bool = False
    named: Named | None = None

    def applies(self, action: str, resource: str, context: Conditions) -> bool:
        """Return whether the statement applies to this request."""
        if not self.is_action(action.lower()):
            return False
        statement = _resolved(self, context) if self.variable else self
        if statement is None:  # the request has no value for a variable, or none that is known
            return not self.allows
        return statement.is_resource(resource) and all(
            holds(operator, context.get(key), wanted, allows=self.allows)
            for operator, key, wanted in statement.conditions
        )


@dataclass(frozen=True)
class Decision:
    """The result of evaluating policies: whether a request is allowed, and else whether a statement denied it.

    ``by`` is the kind of policy that denied it, or that allows it not, in AWS's words.
    """

    allowed: bool
    explicit: bool = False
    by: str = "identity-based policy"


def decide(statements: Iterable[Statement], action: str, resource: str, context: Conditions) -> Decision:
    """Return the decision of identity policies: an explicit denial wins, and what no statement allows is denied."""
    allowed = False
    for statement in statements:
        if statement.applies(action, resource, context):
            if not statement.allows:
                return Decision(allowed=False, explicit=True)
            allowed = True
    return Decision(allowed=allowed)


def allow_everything(statements: Iterable[Statement]) -> bool:
    """Return whether these policies allow every action on every resource and deny nothing."""
    listed = list(statements)
    return all(each.allows for each in listed) and any(each.everything for each in listed)


@functools.lru_cache(maxsize=2048)
def parse(document: str) -> tuple[Statement, ...]:
    """Return the statements of a policy document (JSON), or raise ValueError; equal texts share one result."""
    return tuple(_statement(raw, variables=variables) for raw, variables in _listed_in(document))


@functools.lru_cache(maxsize=2048)
def parse_of_resource(document: str) -> tuple[Statement, ...]:
    """Return the statements of a resource's or a trust policy (JSON); raise ValueError.

    Each names a principal. A trust policy's statement names no resource, because the role is its resource.
    """
    return tuple(
        _statement(
            raw if "Resource" in raw or "NotResource" in raw else {**raw, "Resource": "*"},
            variables=variables,
            named=principals.parse(raw),
        )
        for raw, variables in _listed_in(document)
    )


def _listed_in(document: str) -> list[tuple[Mapping[str, Any], bool]]:
    """Return each statement, and whether it has policy variables: before a version, ``${`` was text like any other."""
    try:
        parsed = json.loads(document)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(parsed, dict) or "Statement" not in parsed:
        raise ValueError("it is no JSON object with a Statement")
    statements = _listed(parsed["Statement"])
    for raw in statements:
        _check(raw)
    return [(raw, parsed.get("Version") == "2012-10-17") for raw in statements]


def _check(raw: Any) -> None:
    """Raise ValueError for what is no statement."""
    if not isinstance(raw, dict):
        raise ValueError(f"a statement is no JSON object: {str(raw)[:200]}")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise ValueError(f"a statement's Effect is neither Allow nor Deny: {str(raw)[:200]}")
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(each, str) for each in _listed(raw.get(element, []))):
            raise ValueError(f"a statement's {element} is neither a text nor a list of them: {str(raw)[:200]}")
    given = raw.get("Condition") or {}
    if not isinstance(given, dict) or not all(isinstance(pairs, dict) for pairs in given.values()):
        raise ValueError(f"a statement's Condition is no map of operators to maps of keys: {str(raw)[:200]}")
    for operator, key, wanted in _conditions(raw):
        check(operator, key, wanted)


def _statement(raw: Mapping[str, Any], *, variables: bool, named: Named | None = None) -> Statement:
    used = {name: raw[name] for name in ("Resource", "NotResource", "Condition") if name in raw}
    text = json.dumps(used) if variables else ""
    return Statement(
        allows=raw["Effect"] == "Allow",
        is_action=_matcher(raw, "Action", lower=True),
        is_resource=_matcher(raw, "Resource"),
        conditions=_conditions(raw),
        variable=text if "${" in text else "",
        everything=all("*" in _listed(raw.get(n, [])) for n in ("Action", "Resource")) and not raw.get("Condition"),
        named=named,
    )


def _conditions(raw: Mapping[str, Any]) -> _Conditions:
    return tuple(
        (operator, key.lower(), tuple(_text(value) for value in _listed(wanted)))
        for operator, pairs in (raw.get("Condition") or {}).items()
        for key, wanted in pairs.items()
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolved(statement: Statement, context: Conditions) -> Statement | None:
    """Return the statement with its variables' values in ``context``; None if one has no known value."""
    complete = True

    def fill(value: Any) -> Any:
        nonlocal complete
        if isinstance(value, dict):
            return {name: fill(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [fill(inner) for inner in value]
        if not isinstance(value, str) or "${" not in value:
            return value
        filled = filled_in(value, context)
        complete = complete and filled is not None
        return filled

    raw = fill(json.loads(statement.variable))
    if not complete:
        return None
    return Statement(statement.allows, statement.is_action, _matcher(raw, "Resource"), _conditions(raw))


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
    return lambda text: any(wildcards.matches(pattern, text) for pattern in folded)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
