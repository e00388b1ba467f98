"""Arithmetic as Trino does it: integer division, exact decimals, intervals that keep a date a date."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.typing import DType
from localaws.athena.unnest import call, cast
from localaws.athena.zones import elsewhere


def operand(node: exp.Expr) -> exp.Expr:
    """Return ``node``, in parentheses if an operator beside it would otherwise bind to a part of it."""
    return node if isinstance(node, exp.Column | exp.Literal | exp.Paren | exp.Func) else exp.Paren(this=node)


def arithmetic(node: Any) -> exp.Expr:
    """Return ``left operator right`` with Trino's result; raise TYPE_MISMATCH for types that Trino does not combine."""
    left, right = node.left, node.right
    many = isinstance(node, exp.Mul | exp.Div) and kind_of(node) == DType.UNKNOWN
    if (DType.INTERVAL in (kind_of(left), kind_of(right)) or kind_of(node) == DType.INTERVAL) and not many:
        return _interval_arithmetic(node)
    if node.type is None or kind_of(node) == DType.UNKNOWN:
        if isinstance(node, exp.Div) or DType.UNKNOWN not in (kind_of(left), kind_of(right)):
            operator = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}[type(node)]
            if DType.UNKNOWN in (kind_of(left), kind_of(right)):
                raise not_supported(f"'{operator}' on operands whose types cannot be derived")
            names = f"{types.trino_name(left.type)} {operator} {types.trino_name(right.type)}"
            raise QueryFailed("TYPE_MISMATCH", f"line 1:1: Cannot apply operator: {names}")
        return node  # type: ignore[no-any-return]
    if isinstance(node, exp.Div):
        return _division(node)
    if node.type.this == DType.DECIMAL:
        # DuckDB keeps 18 digits when both sides have few: widen the left one first, as Trino's result is.
        scale = (types.as_decimal(left.type) or (38, 0))[1]
        node.set("this", cast(left.copy(), types.decimal(38, scale)))
        node.set("expression", cast(right.copy(), types.decimal(*(types.as_decimal(right.type) or (38, 0)))))
        return cast(exp.Paren(this=node.copy()), node.type)
    if isinstance(node, exp.Mod) and node.type.this in types.FLOATS:
        # The remainder has the sign of what is divided; fmod has that of the divisor.
        return call("mod", cast(left, DType.DOUBLE), cast(right, DType.DOUBLE))
    return node  # type: ignore[no-any-return]


def _division(node: Any) -> exp.Expr:
    left, right = node.left, node.right
    kind = node.type
    if kind.this in types.INTEGERS:
        return cast(exp.Paren(this=exp.IntDiv(this=operand(left), expression=operand(right))), kind)
    if kind.this == DType.DECIMAL:
        (_, s1), (_, s2) = types.as_decimal(left.type) or (38, 0), types.as_decimal(right.type) or (38, 0)
        return divide(left, right, s1=s1, s2=s2, kind=kind)
    quotient = exp.Div(this=cast(left, DType.DOUBLE), expression=cast(right, DType.DOUBLE))
    return cast(exp.Paren(this=quotient), kind)


def divide(left: exp.Expr, right: exp.Expr, *, s1: int, s2: int, kind: exp.DataType) -> exp.Expr:
    """Return the exact decimal quotient, rounded half up to ``kind``'s scale."""
    scale = (types.as_decimal(kind) or (38, 0))[1]
    numerator = _unscaled(left, s1)
    shift = scale + s2 - s1
    if shift > 0:
        numerator = exp.Mul(this=numerator, expression=cast(exp.Literal.number(10**shift), "HUGEINT"))
    quotient = call("athena_divide", numerator, _unscaled(right, s2))
    whole = cast(quotient, types.decimal(38 - scale if scale else 38, 0))
    if not scale:
        return cast(whole, kind)
    unit = cast(exp.Literal.string("0." + "0" * (scale - 1) + "1"), types.decimal(scale, scale))
    return cast(exp.Paren(this=exp.Mul(this=whole, expression=unit)), kind)


def _unscaled(value: exp.Expr, scale: int) -> exp.Expr:
    wide = cast(value.copy(), types.decimal(38, scale))
    if not scale:
        return cast(wide, "HUGEINT")
    power = cast(exp.Literal.number(10**scale), types.decimal(38, 0))
    return cast(exp.Paren(this=exp.Mul(this=wide, expression=power)), "HUGEINT")


def _interval_arithmetic(node: Any) -> exp.Expr:
    left, right = node.left, node.right
    if isinstance(node, exp.Mul | exp.Div):
        number = right if kind_of(left) == DType.INTERVAL else left
        if kind_of(number) in types.FLOATS and _has_months(node):
            raise not_supported("a part of a month or year", allowed="whole numbers of them")
        return exp.Paren(this=node.copy())
    if (elsewhere(left) or elsewhere(right)) and _has_months(node):
        raise not_supported("months added to a timestamp in a zone other than UTC", allowed="date_add('month', …)")
    for moment, other in ((left, right), (right, left)):
        if kind_of(moment) == DType.DATE and other.find(exp.Interval) and _has_time(other):
            raise QueryFailed("INVALID_FUNCTION_ARGUMENT", "Cannot add hour, minutes or seconds to a date")
        if kind_of(moment) in (DType.DATE, *types.TIMESTAMPS) and node.type.this != DType.INTERVAL:
            return cast(exp.Paren(this=node.copy()), "DATE" if kind_of(moment) == DType.DATE else "TIMESTAMP")
    if kind_of(left) == DType.DATE and kind_of(right) == DType.DATE:
        days = exp.Paren(this=exp.Sub(this=cast(left, "TIMESTAMP"), expression=cast(right, "TIMESTAMP")))
        return days
    return node  # type: ignore[no-any-return]


def _has_months(value: exp.Expr) -> bool:
    return any(each.text("unit").upper() in ("MONTH", "YEAR") for each in value.find_all(exp.Interval))


def _has_time(value: exp.Expr) -> bool:
    """Return whether an interval that is written in a query has a part that is no whole day."""
    return any(each.text("unit").upper() in ("HOUR", "MINUTE", "SECOND") for each in value.find_all(exp.Interval))


def kind_of(node: Any) -> DType:
    """Return the kind of a node's type; UNKNOWN if it has none."""
    return node.type.this if node is not None and node.type is not None else DType.UNKNOWN
