"""The bounds and listed values of rules, converted to the column's type like delivered values, digit by digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

import pyarrow as pa

from sluice.contracts import Column, ColumnType, Rules
from sluice.contracts.values.convert import arrow_type, convert

#: How a value compares with a bound that it breaks.
BREAKS = {"minimum": "<", "exclusive_minimum": "<=", "maximum": ">", "exclusive_maximum": ">="}
_WHOLE_BITS = {"int": 32, "bigint": 64}
_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Bound:
    """A least or greatest value: a value of the column ``breaks`` it when it is so (``<``, ``>=``, …) to ``value``."""

    rule: str
    written: str
    breaks: str
    value: pa.Scalar

    @property
    def lower(self) -> bool:
        """Return whether this is a minimum."""
        return self.breaks.startswith("<")


@lru_cache(maxsize=4096)
def own_values(texts: tuple[str, ...], kind: ColumnType) -> pa.Array:
    """Return ``texts`` converted to the type like delivered values; ``ValueError`` for one that is no such value."""
    values, bad = convert(pa.array(texts, pa.string()), Column("value", kind))
    if bad is not None:
        raise ValueError(f"{texts[bad.to_pylist().index(True)]!r} is not a {kind}")
    return values


def bounds(rules: Rules, kind: ColumnType) -> list[Bound]:
    """Return the least and greatest values of ``rules``, in the column's type."""
    given = ((rule, getattr(rules, rule)) for rule in BREAKS)
    return [bound(rule, text, kind) for rule, text in given if text is not None]


@lru_cache(maxsize=4096)
def bound(rule: str, text: str, kind: ColumnType) -> Bound:
    """Return a bound in the column's type; ``ValueError`` when it is none, or no value of the type could keep it.

    Numbers of the type lie a step apart, so a bound between two of them, or beyond the last, says as much as the next
    one that is in bounds. A binary fraction is the one that the loader makes of the same text.
    """
    if kind.name in _WHOLE_BITS:
        most = 2 ** (_WHOLE_BITS[kind.name] - 1) - 1
        return _in_steps(rule, text, kind, -most - 1, most)
    if kind.name == "decimal":
        most = 10**kind.precision - 1
        return _in_steps(rule, text, kind, -most, most)
    return Bound(rule, text, BREAKS[rule], own_values((text,), kind)[0])


def _in_steps(rule: str, text: str, kind: ColumnType, first: int, last: int) -> Bound:
    """Return a bound as the outermost value that keeps it; ``first`` and ``last`` are the type's, in steps."""
    steps = Fraction(text) * 10**kind.scale
    if "minimum" in rule:
        outermost = ceil(steps) if rule == "minimum" else floor(steps) + 1
        kept, breaks = max(outermost, first), "<"
    else:
        outermost = floor(steps) if rule == "maximum" else ceil(steps) - 1
        kept, breaks = min(outermost, last), ">"
    if not first <= kept <= last:
        raise ValueError(f"no {kind} keeps the {rule.replace('_', ' ')} {text}")
    target = arrow_type(kind)
    value = Decimal(kept).scaleb(-kind.scale, _EXACT) if kind.name == "decimal" else kept
    return Bound(rule, text, breaks, pa.scalar(value, target))
