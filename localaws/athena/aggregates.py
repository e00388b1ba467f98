"""Aggregates whose result type differs between Trino and DuckDB: cast outside of their FILTER and OVER."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.arithmetic import divide, kind_of
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast

Rule = Callable[[Any], exp.Expr]


def _outer(node: exp.Expr) -> exp.Expr:
    """Return the aggregate together with its FILTER and OVER; a cast must go around all of it."""
    while isinstance(node.parent, exp.Filter | exp.Window | exp.IgnoreNulls) and node.parent.this is node:
        node = node.parent
    return node


def cast_after(kind: Any) -> Rule:
    """Return the rule that casts an aggregate to ``kind``, outside of its FILTER and OVER."""

    def rule(node: Any) -> exp.Expr:
        target = kind(node) if callable(kind) else kind
        outer = _outer(node)
        if target is None:
            return node  # type: ignore[no-any-return]
        if outer is node:
            return cast(node.copy(), target)
        outer.meta["cast_to"] = target
        return node  # type: ignore[no-any-return]

    return rule


def part_after(node: Any, made: exp.Expr, place: int) -> exp.Expr:
    """Return a field of the row that an aggregate is, taken outside of its FILTER and OVER."""
    outer = _outer(node)
    if outer is node:
        return call("struct_extract", made, exp.Literal.number(place))
    outer.meta["part"] = place
    return made


def sum_type(node: Any) -> exp.DataType | None:
    """Return the type of a sum."""
    kind = node.type
    if kind is None or kind.this == DType.UNKNOWN:
        raise not_supported("sum of an expression whose type cannot be derived")
    return kind.copy()  # type: ignore[no-any-return]


def average(node: Any) -> exp.Expr:
    """Return an average: a double of whole numbers, exact of decimals."""
    kind = kind_of(node)
    if kind == DType.UNKNOWN:
        raise not_supported("avg of an expression whose type cannot be derived")
    if kind in types.TEXT or kind == DType.DATE:
        raise QueryFailed("TYPE_MISMATCH", f"line 1:1: Unexpected parameters ({kind.value.lower()}) for function avg")
    outer = _outer(node)
    if outer is node:
        return wrapped(node)
    outer.meta["average"] = True
    return node  # type: ignore[no-any-return]


def wrapped(outer: Any) -> exp.Expr:
    """Return an aggregate with the cast or average of its result put outside of its FILTER and OVER."""
    if outer.meta.get("part") is not None:
        place = outer.meta.pop("part")
        return call("struct_extract", outer.copy(), exp.Literal.number(place))
    if outer.meta.get("cast_to") is not None:
        target = outer.meta.pop("cast_to")
        return cast(outer.copy(), target)
    mean = outer if isinstance(outer, exp.Avg) else outer.find(exp.Avg)
    if mean is None or not (outer is mean or outer.meta.pop("average", False)):
        return outer  # type: ignore[no-any-return]
    kind: Any = mean.type
    if kind.this != DType.DECIMAL:
        return cast(outer.copy(), kind)
    scale = (types.as_decimal(kind) or (38, 0))[1]
    parts = []
    for aggregate in (exp.Sum, exp.Count):
        part = outer.copy()
        if part.this is None:
            continue
        inner = part if isinstance(part, exp.Avg) else part.find(exp.Avg)
        made = aggregate(this=inner.this.copy())
        made.meta[DONE] = True
        parts.append(made if part is inner else _with(part, inner, made))
    total, count = parts
    quotient = divide(total, cast(count, types.decimal(19, 0)), s1=scale, s2=0, kind=kind)
    guard = exp.Case(ifs=[exp.If(this=exp.GT(this=count.copy(), expression=exp.Literal.number(0)), true=quotient)])
    return guard


def _with(part: exp.Expr, inner: exp.Expr, made: exp.Expr) -> exp.Expr:
    inner.replace(made)
    return part
