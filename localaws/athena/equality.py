"""Equality as Trino has it: NaN equals nothing, and a NULL inside leaves open what others do not decide.

To DuckDB, NaN is a number and a NULL inside of an array, map or row equals another.
https://trino.io/docs/current/functions/comparison.html
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call

_NESTED = (DType.ARRAY, DType.MAP, DType.STRUCT)


def may_be_nan(value: Any) -> bool:
    """Return whether a value's type has NaN and it is not written as a number."""
    return value.type is not None and value.type.this in types.FLOATS and not isinstance(value, exp.Literal | exp.Neg)


def holds_others(value: Any) -> bool:
    """Return whether a value is known to be an array, map or row of known types."""
    return value.type is not None and value.type.this in _NESTED and bool(value.type.expressions)


def nested_comparison(node: Any) -> exp.Expr:
    """Return ``=`` or ``<>`` of two values that hold others, part by part."""
    left, right = node.this, node.expression
    found = _equal(left.copy(), right.copy(), left.type, right.type, 0)
    return found if isinstance(node, exp.EQ) else exp.Not(this=found)


def of_equal(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Return ``one = other`` of plain values, of which one may be NaN."""
    plain = exp.EQ(this=one.copy(), expression=other.copy(), meta={DONE: True})
    return exp.Paren(this=exp.and_(plain, exp.Not(this=call("isnan", one.copy()))))


def nullif(node: Any) -> exp.Expr:
    """Return ``nullif``, by which NaN stays."""
    if not (may_be_nan(node.this) and may_be_nan(node.expression)):
        return node  # type: ignore[no-any-return]
    same = of_equal(node.this, node.expression)
    return exp.Case(ifs=[exp.If(this=same, true=exp.null())], default=node.this.copy(), meta={DONE: True})


def simple_case(node: Any) -> exp.Expr:
    """Return ``CASE x WHEN … END`` as one of conditions, where x may be NaN."""
    operand = node.this
    if operand is None or not may_be_nan(operand):
        return node  # type: ignore[no-any-return]
    whens = [exp.If(this=of_equal(operand, each.this), true=each.args["true"].copy()) for each in node.args["ifs"]]
    otherwise = node.args.get("default")
    return exp.Case(ifs=whens, default=otherwise.copy() if otherwise is not None else None, meta={DONE: True})


def contains(node: Any) -> exp.Expr:
    """Return ``contains``, by which no NaN is found."""
    values: exp.Expr = node.this.copy()
    if _of_floats(node.this):
        one = exp.column("found_one")
        number = exp.Coalesce(this=exp.Not(this=call("isnan", one)), expressions=[exp.true()])
        values = call("list_filter", values, exp.Lambda(this=number, expressions=[one.this.copy()]))
    return call("athena_contains", values, node.expression.copy())


def position(node: Any) -> exp.Expr:
    """Return ``array_position``: 0 of a value that is not there, as NaN never is."""
    place = call("list_position", node.this.copy(), node.expression.copy())
    if _of_floats(node.this) and may_be_nan(node.expression):
        never = exp.If(this=call("isnan", node.expression.copy()), true=exp.Literal.number(0))
        place = exp.Case(ifs=[never], default=place)
    return call("coalesce", place, exp.Literal.number(0))


def _of_floats(array: Any) -> bool:
    element = types.element_of(array.type)
    return element is not None and element.this in types.FLOATS


def _equal(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType, depth: int) -> exp.Expr:
    if kind.this != wanted.this or kind.this not in _NESTED or not (kind.expressions and wanted.expressions):
        return _plain(one, other, kind, wanted)
    if kind.this == DType.STRUCT:
        return _rows(one, other, kind, wanted, depth)
    name = exp.column(f"equal_{depth}")
    if kind.this == DType.ARRAY:
        number, size = exp.Literal.number(1), call("len", one.copy())
        places: exp.Expr = call("range", number, exp.Add(this=size.copy(), expression=number.copy()))
        sizes = exp.NEQ(this=size, expression=call("len", other.copy()), meta={DONE: True})
        inner = [call("list_extract", each.copy(), name.copy()) for each in (one, other)]
        same = _equal(inner[0], inner[1], kind.expressions[0], wanted.expressions[0], depth + 1)
    else:
        places = call("map_keys", one.copy())
        sizes = exp.NEQ(
            this=call("cardinality", one.copy()), expression=call("cardinality", other.copy()), meta={DONE: True}
        )
        inner = [
            call("list_extract", call("map_extract", each.copy(), name.copy()), exp.Literal.number(1))
            for each in (one, other)
        ]
        held = exp.If(
            this=call("map_contains", other.copy(), name.copy()),
            true=_equal(inner[0], inner[1], kind.expressions[1], wanted.expressions[1], depth + 1),
        )
        same = exp.Case(ifs=[held], default=exp.false())
    flags = call("list_transform", places, exp.Lambda(this=same, expressions=[name.this.copy()]))
    whole = exp.Case(ifs=[exp.If(this=sizes, true=exp.false())], default=call("athena_all", flags))
    # Without this, range() of nothing would be an empty array.
    there = exp.and_(*[each.copy().is_(exp.null()).not_() for each in (one, other)])
    return exp.Case(ifs=[exp.If(this=there, true=whole)], meta={DONE: True})


def _rows(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType, depth: int) -> exp.Expr:
    mine, theirs = types.fields(kind), types.fields(wanted)
    if len(mine) != len(theirs):
        return _plain(one, other, kind, wanted)
    parts = []
    for number, ((name, found), (as_other, sought)) in enumerate(zip(mine, theirs, strict=True), 1):
        values = [
            call("struct_extract", value.copy(), exp.Literal.number(number) if label is None else _text(label))
            for value, label in ((one, name), (other, as_other))
        ]
        parts.append(_equal(values[0], values[1], found, sought, depth))
    return exp.Paren(this=exp.and_(*parts))


def _plain(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType) -> exp.Expr:
    if kind.this in types.FLOATS and wanted.this in types.FLOATS:
        return of_equal(one, other)
    return exp.Paren(this=exp.EQ(this=one.copy(), expression=other.copy(), meta={DONE: True}))


def _text(text: str) -> exp.Literal:
    return exp.Literal.string(text)
