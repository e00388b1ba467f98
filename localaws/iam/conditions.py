"""Evaluates the conditions of a policy's statement on the condition keys of a request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

import datetime
import enum
import ipaddress
import re
from collections.abc import Callable, Mapping

from localaws import wildcards


class Unknown(enum.Enum):
    """A value that AWS would know and localaws does not: a condition on it allows nothing and denies everything."""

    UNKNOWN = "unknown"


UNKNOWN = Unknown.UNKNOWN
#: One value, several, none (the key is not in the request), or one that localaws cannot tell.
Given = str | tuple[str, ...] | None | Unknown
#: Condition keys in lower case.
Conditions = Mapping[str, Given]
#: Keys of which a request has as many as there are names; localaws knows them all, so one that is missing is absent.
_OPEN_ENDED = ("aws:principaltag/", "kms:encryptioncontext:")


class Supplied(dict[str, Given]):
    """The condition keys of one request; None for an absent key, `UNKNOWN` for one that localaws does not supply.

    ``unknown`` collects the keys that a policy asked for and localaws does not supply; a refusal names them.
    """

    def __init__(self, given: Conditions) -> None:
        super().__init__(given)
        self.unknown: set[str] = set()

    def get(self, key: str, default: Given = UNKNOWN) -> Given:  # type: ignore[override]
        """Return the value of ``key``; `UNKNOWN` if localaws does not supply that key."""
        found = super().get(key, None if key.startswith(_OPEN_ENDED) else default)
        if found is UNKNOWN:
            self.unknown.add(key)
        return found


def holds(operator: str, given: Given, wanted: tuple[str, ...], *, allows: bool) -> bool:
    """Return whether a condition of a statement holds; an undecidable one holds if the statement denies."""
    if given is UNKNOWN:
        return not allows
    if operator == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    if given is None:
        return rest.endswith("IfExists") or quantifier == "ForAllValues" or (name in _NEGATIONS and not quantifier)
    values = given if isinstance(given, tuple) else (given,)
    try:
        each = [_one(name, value, wanted) for value in values]
    except (ValueError, OverflowError):  # of another type than the operator's: it cannot be decided
        return not allows
    if quantifier == "ForAnyValue":
        return any(each)
    # For several values without a quantifier AWS guarantees nothing: all must match to allow, one is enough to deny.
    return all(each) if quantifier == "ForAllValues" or allows else any(each)


def check(operator: str, key: str, wanted: tuple[str, ...]) -> None:
    """Raise ValueError for an operator that IAM does not have, or a value that is none of the operator's type."""
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    compares = _NEGATIONS.get(name, name)
    if operator != "Null" and (quantifier not in {"", "ForAllValues", "ForAnyValue"} or compares not in _COMPARISONS):
        raise ValueError(f"the condition operator {operator} is unknown")
    if not wanted:
        raise ValueError(f"the condition {operator} of {key} has no value")
    for value in wanted:
        sort = next((sort for prefix, sort in _SORTS.items() if compares.startswith(prefix)), None)
        if sort is None or "${" in value:
            continue
        try:
            sort(value)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"the condition {operator} of {key} has the value {value!r}: {error}") from error


def _one(name: str, value: str, wanted: tuple[str, ...]) -> bool:
    compare = _COMPARISONS[_NEGATIONS.get(name, name)]
    return any(compare(value, candidate) for candidate in wanted) != (name in _NEGATIONS)


def filled_in(pattern: str, context: Conditions) -> str | None:
    """Return ``pattern`` with its policy variables replaced; None if the value of one is absent or not known.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, default = found[1].strip(), found[2]
        if name in {"*", "?", "$"}:
            return wildcards.literal(name)
        given = context.get(name.lower())
        if given is None and default is not None:
            given = default
        if not isinstance(given, str):
            missing = True
            return ""
        return wildcards.literal(given)

    filled = _VARIABLE.sub(value, pattern)
    return None if missing else filled


_VARIABLE = re.compile(r"\$\{([^,}]+)(?:,\s*'([^']*)'\s*)?\}")


def _date(text: str) -> datetime.datetime:
    if text.isdigit():
        return datetime.datetime.fromtimestamp(int(text), datetime.UTC)
    moment = datetime.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _truth(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("it is neither true nor false")
    return text.lower() == "true"


def _is_like(given: str, wanted: str) -> bool:
    return wildcards.matches(wanted, given)


def _is_arn_like(given: str, wanted: str) -> bool:
    """Return whether two ARNs match part by part: a ``*`` matches no colon before the last part."""
    parts, patterns = given.split(":", 5), wanted.split(":", 5)
    return len(parts) == len(patterns) and all(map(_is_like, parts, patterns))


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda given, wanted: given == wildcards.plain(wanted),
    "StringEqualsIgnoreCase": lambda given, wanted: given.lower() == wildcards.plain(wanted).lower(),
    "StringLike": _is_like,
    "ArnEquals": _is_arn_like,
    "ArnLike": _is_arn_like,
    "Bool": lambda given, wanted: given.lower() == wanted.lower(),
    "BinaryEquals": lambda given, wanted: given == wanted,
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
#: What a value must be for the operators that begin so; of the others any text is one.
_SORTS: dict[str, Callable[[str], object]] = {
    "Numeric": float,
    "Date": _date,
    "IpAddress": lambda value: ipaddress.ip_network(value, strict=False),
    "Bool": _truth,
    "Null": _truth,
}
