"""Values sought in arrays, by what Trino takes for equal."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.equality import NESTED, equal_typed, holds_others, may_be_nan
from localaws.athena.errors import not_supported
from localaws.athena.fresh import fresh
from localaws.athena.once import once, once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast


def contains(node: Any) -> exp.Expr:
    """Return ``contains``, by which no NaN is found; what a NULL inside of an element leaves open is an error."""
    if _is_empty(node.this):
        return _unless_null(node.expression, exp.false())
    if _of_others(node):
        return _sought(node, "athena_found")
    values: exp.Expr = node.this.copy()
    if of_floats(node.this):
        one = fresh(values)
        number = exp.Coalesce(this=exp.Not(this=call("isnan", one.copy())), expressions=[exp.true()])
        values = call("list_filter", values, exp.Lambda(this=number, expressions=[one]))
    return call("athena_contains", values, node.expression.copy())


def position(node: Any) -> exp.Expr:
    """Return ``array_position``: 0 of a value that is not there, as NaN never is."""
    if _is_empty(node.this):
        return _unless_null(node.expression, _number(0))
    if _of_others(node):
        return _sought(node, "athena_place")
    maybe_nan = of_floats(node.this) and may_be_nan(node.expression)

    def made(values: exp.Expr, value: exp.Expr) -> exp.Expr:
        place = call("coalesce", call("list_position", values.copy(), value.copy()), _number(0))
        there = exp.and_(*[each.copy().is_(exp.null()).not_() for each in (values, value)])
        never = [exp.If(this=exp.and_(there.copy(), call("isnan", value.copy())), true=_number(0))] if maybe_nan else []
        return exp.Case(ifs=[*never, exp.If(this=there, true=place)], meta={DONE: True})

    return once_if_heavy([node.this, node.expression], made)


def _is_empty(values: Any) -> bool:
    return isinstance(values, exp.Array) and not values.expressions


def _unless_null(value: Any, found: exp.Expr) -> exp.Expr:
    there = value.copy().is_(exp.null()).not_()
    return exp.Case(ifs=[exp.If(this=there, true=found)], meta={DONE: True})


def _of_others(node: Any) -> bool:
    """Return whether a value that holds others is sought in an array; raise if only one of them is known to."""
    element = types.element_of(node.this.type)
    held = element is not None and element.this in NESTED
    if held != holds_others(node.expression) and not isinstance(node.expression, exp.Null):
        name = "contains" if isinstance(node, exp.ArrayContains) else "array_position"
        raise not_supported(f"{name} of values whose types cannot be derived")
    return held and holds_others(node.expression)


def _sought(node: Any, found_by: str) -> exp.Expr:
    """Return what is found in an array by a number for each element: 1 that is it, 2 left open, 3 NULL, 0 another."""
    kind, wanted = types.element_of(node.this.type), node.expression.type

    def made(values: exp.Expr, value: exp.Expr) -> exp.Expr:
        one = fresh(values, value)
        same = call("coalesce", cast(equal_typed(one, value, kind, wanted), DType.INT), _number(2))
        number = exp.Case(ifs=[exp.If(this=one.copy().is_(exp.null()), true=_number(3))], default=same)
        numbers = call("list_transform", values.copy(), exp.Lambda(this=number, expressions=[one]))
        there = value.copy().is_(exp.null()).not_()
        return exp.Case(ifs=[exp.If(this=there, true=call(found_by, numbers))], meta={DONE: True})

    return once([node.this, node.expression], made)


def of_floats(array: Any) -> bool:
    """Return whether the elements of an array are doubles."""
    element = types.element_of(array.type)
    return element is not None and element.this in types.FLOATS


def _number(number: int) -> exp.Expr:
    return exp.Literal.number(number)
