"""The bounds and listed values of a contract's rules, converted to the column's type as delivered values are."""

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
    """A minimum or maximum; a column's value breaks it when the comparison ``breaks`` (``<``, ``>=``, …) holds."""

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
    """Return ``texts`` converted to the type as delivered values are; ``ValueError`` for one that is no such value."""
    values, bad = convert(pa.array(texts, pa.string()), Column("value", kind))
    if bad is not None:
        raise ValueError(f"{texts[bad.to_pylist().index(True)]!r} is not a {kind}")
    return values


def bounds(rules: Rules, kind: ColumnType) -> list[Bound]:
    """Return the minimums and maximums of ``rules``, in the column's type."""
    given = ((rule, getattr(rules, rule)) for rule in BREAKS)
    return [bound(rule, text, kind) for rule, text in given if text is not None]


@lru_cache(maxsize=4096)
def bound(rule: str, text: str, kind: ColumnType) -> Bound:
    """Return one bound in the column's type; ``ValueError`` when it is invalid or no value of the type satisfies it.

    Numbers of a type lie a step apart, so a bound between two of them, or beyond the last, is replaced by the next
    value that is in bounds. The bound of a binary float is the float that the loader reads from the same text.
    """
    if kind.name in _WHOLE_BITS:
        most = 2 ** (_WHOLE_BITS[kind.name] - 1) - 1
        return _in_steps(rule, text, kind, -most - 1, most)
    if kind.name == "decimal":
        most = 10**kind.precision - 1
        return _in_steps(rule, text, kind, -most, most)
    return Bound(rule, text, BREAKS[rule], own_values((text,), kind)[0])


def _in_steps(rule: str, text: str, kind: ColumnType, first: int, last: int) -> Bound:
    """Return the outermost value that satisfies a bound; ``first`` and ``last`` are the type's range, in steps."""
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
