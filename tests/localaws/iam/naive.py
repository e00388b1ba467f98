"""A second evaluation of policies, written plainly from AWS's flow chart, to compare the local AWS's own with.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
It reads the JSON of policies as it stands, keeps nothing, and shares no code with `localaws.iam`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mine"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/mine/me"
EVENTS = "events.amazonaws.com"

Statement = dict[str, Any]
Context = dict[str, str | list[str] | None]


@dataclass(frozen=True)
class Asked:
    """A request: who makes it (``role``, ``root`` or ``service``), what for, on what, and its condition keys."""

    who: str
    action: str
    resource: str
    context: Context


@dataclass(frozen=True)
class Policies:
    """The statements of each kind of policy; None where there is no such policy."""

    identity: list[Statement]
    resource: list[Statement] | None
    boundary: list[Statement] | None
    session: list[Statement] | None
    resource_decides: bool = False


def is_allowed(policies: Policies, asked: Asked) -> bool:
    """Follow the chart: denials, the resource's policy, identity policies, the boundary, the session's policy."""
    mine = asked.who == "role"
    every = [("resource", each) for each in policies.resource or []]
    if mine:
        kinds = (policies.identity, policies.boundary or [], policies.session or [])
        every += [("own", each) for kind in kinds for each in kind]
    for kind, statement in every:
        about = kind == "own" or named(statement, asked.who) is not None
        if statement["Effect"] == "Deny" and about and matches(statement, asked):
            return False
    grants = {
        named(each, asked.who) for each in policies.resource or [] if each["Effect"] == "Allow" and matches(each, asked)
    } - {None}
    if "itself" in grants:
        return True
    if asked.who == "service":
        return False
    decides = policies.resource_decides and policies.resource is not None
    if asked.who == "root":
        return not decides
    by_identity = permits(policies.identity, asked) and (not decides or "account" in grants)
    if "role" not in grants and not by_identity:
        return False
    return all(permits(limit, asked) for limit in (policies.boundary, policies.session) if limit is not None)


def permits(statements: list[Statement], asked: Asked) -> bool:
    return any(each["Effect"] == "Allow" and matches(each, asked) for each in statements)


def named(statement: Statement, who: str) -> str | None:
    """Say how a statement of a resource names the caller: ``itself``, its ``role``, its ``account``, or not."""
    chain = {"role": {ACCOUNT, ROOT}, "root": {ACCOUNT, ROOT}, "service": set()}[who]
    if "NotPrincipal" in statement:
        if statement["Effect"] == "Allow":
            return None
        listed = principals(statement["NotPrincipal"])
        if "*" in listed:
            return None
        if who == "service":
            return None if EVENTS in listed else "itself"
        needed = {ROLE, SESSION} if who == "role" else set()
        return None if listed & chain and needed <= listed else "itself"
    listed = principals(statement["Principal"])
    if who == "service":
        return "itself" if listed & {"*", EVENTS} else None
    if who == "root":
        return "itself" if listed & {"*", *chain} else None
    if SESSION in listed:
        return "itself"
    if listed & {"*", ROLE}:
        return "role"
    return "account" if listed & chain else None


def principals(element: Any) -> set[str]:
    if element == "*":
        return {"*"}
    found: set[str] = set()
    for value in element.values():
        found.update([value] if isinstance(value, str) else value)
    return found


def matches(statement: Statement, asked: Asked) -> bool:
    return (
        chosen(statement, "Action", asked.action, re.IGNORECASE)
        and chosen(statement, "Resource", asked.resource, 0)
        and all(
            condition(operator, asked.context.get(key), wanted)
            for operator, pairs in statement.get("Condition", {}).items()
            for key, wanted in pairs.items()
        )
    )


def chosen(statement: Statement, element: str, text: str, flags: int) -> bool:
    patterns = statement.get(element, statement.get(f"Not{element}"))
    found = any(like(pattern, text, flags) for pattern in patterns)
    return found if element in statement else not found


def like(pattern: str, text: str, flags: int = 0) -> bool:
    translated = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(translated, text, flags | re.DOTALL) is not None


def condition(operator: str, given: str | list[str] | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (given is None) == (wanted == ["true"])
    quantifier, _, rest = operator.rpartition(":")
    if given is None:
        negated = "Not" in rest
        return rest.endswith("IfExists") or quantifier == "ForAllValues" or (negated and not quantifier)
    values = [given] if isinstance(given, str) else given
    holding = [compared(rest.removesuffix("IfExists"), value, wanted) for value in values]
    return any(holding) if quantifier == "ForAnyValue" else all(holding)


def compared(name: str, value: str, wanted: list[str]) -> bool:
    if name == "StringEquals":
        return value in wanted
    if name == "StringNotEquals":
        return value not in wanted
    if name == "StringLike":
        return any(like(each, value) for each in wanted)
    if name == "StringNotLike":
        return not any(like(each, value) for each in wanted)
    if name == "Bool":
        return value in [each.lower() for each in wanted]
    raise AssertionError(name)
