"""Equality as Trino has it: NaN equals nothing, and a NULL inside leaves open what others do not decide.

To DuckDB, NaN is a number and a NULL inside of an array, map or row equals another.
https://trino.io/docs/current/functions/comparison.html
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import not_supported
from localaws.athena.fresh import fresh
from localaws.athena.once import by_chance, once, once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, field_of

NESTED = (DType.ARRAY, DType.MAP, DType.STRUCT)


def may_be_nan(value: Any) -> bool:
    """Return whether a value's type has NaN and it is not written as a number."""
    number = value.this if isinstance(value, exp.Neg) else value
    return value.type is not None and value.type.this in types.FLOATS and not isinstance(number, exp.Literal)


def holds_others(value: Any) -> bool:
    """Return whether a value is known to be an array, map or row of known types."""
    return value.type is not None and value.type.this in NESTED and bool(value.type.expressions)


def unknown_beside(values: list[Any]) -> bool:
    """Return whether one of these values holds others and the type of another, which is not of nothing, is unknown."""
    written = [each for each in values if not isinstance(each, exp.Null | exp.Tuple | exp.Any | exp.All)]
    known = [holds_others(each) for each in written if not (isinstance(each, exp.Array) and not each.expressions)]
    return any(known) and not all(known)


def nested_comparison(node: Any) -> exp.Expr:
    """Return ``=`` or ``<>`` of two values that hold others, part by part."""
    left, right = node.this, node.expression
    found = equal_values(left, right)
    if not isinstance(node, exp.EQ):
        return exp.Not(this=found)
    if _filters(node) and _of_plain(left.type) and _of_plain(right.type):
        # What is equal here is so to DuckDB too, which joins by it without comparing each with each.
        plain = exp.EQ(this=left.copy(), expression=right.copy(), meta={DONE: True})
        return exp.Paren(this=exp.and_(plain, found))
    return found


def nested_in(node: Any) -> exp.Expr:
    """Return ``IN`` a list of values that hold others: equal to one of them."""
    return exp.Paren(this=exp.or_(*[equal_values(node.this, each) for each in node.expressions]))


def equal_tuples(node: Any) -> exp.Expr:
    """Return ``=``, ``<>`` or ``IN`` of rows that are written as ``(a, b)``, part by part."""
    others = node.expressions if isinstance(node, exp.In) else [node.expression]
    if any(not isinstance(each, exp.Tuple) or len(each.expressions) != len(node.this.expressions) for each in others):
        raise not_supported("a comparison of a row with what is no row of as many values")
    pairs = [zip(node.this.expressions, each.expressions, strict=True) for each in others]
    found = exp.Paren(this=exp.or_(*[exp.and_(*[equal_values(*pair) for pair in each]) for each in pairs]))
    return exp.Not(this=found) if isinstance(node, exp.NEQ) else found


def equal_values(left: Any, right: Any) -> exp.Expr:
    """Return whether two values are equal."""
    if not (holds_others(left) and holds_others(right)):
        if may_be_nan(left) and may_be_nan(right):
            return of_equal(left, right)
        return exp.Paren(this=exp.EQ(this=left.copy(), expression=right.copy(), meta={DONE: True}))
    return once([left, right], lambda one, other: equal_typed(one, other, left.type, right.type))


def of_equal(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    """Return ``one = other`` of plain values, which both may be NaN."""
    return once_if_heavy([one, other], _of_equal)


def one_of(value: exp.Expr, others: list[exp.Expr]) -> exp.Expr:
    """Return ``value IN (others)`` of plain values, which may be NaN."""

    def made(mine: exp.Expr, *theirs: exp.Expr) -> exp.Expr:
        return exp.Paren(this=exp.or_(*[_of_equal(mine, each) for each in theirs]))

    return once_if_heavy([value, *others], made)


def chance_in(value: exp.Expr, others: list[exp.Expr]) -> exp.Expr:
    """Return ``value IN (others)`` of a value by chance, which DuckDB would compute for each of them."""
    return once([value, *others], lambda mine, *theirs: exp.In(this=mine, expressions=[*theirs], meta={DONE: True}))


def _of_equal(one: exp.Expr, other: exp.Expr) -> exp.Expr:
    plain = exp.EQ(this=one.copy(), expression=other.copy(), meta={DONE: True})
    both = exp.and_(call("isnan", one.copy()), call("isnan", other.copy()))
    return exp.Paren(this=exp.and_(plain, exp.Not(this=exp.Paren(this=both))))


def nullif(node: Any) -> exp.Expr:
    """Return ``nullif`` by what is equal here; its first value is computed once."""
    one, other = node.this, node.expression
    nested = holds_others(one) and holds_others(other)
    if not (nested or (may_be_nan(one) and may_be_nan(other)) or by_chance(one)):
        return node  # type: ignore[no-any-return]

    def made(mine: exp.Expr, theirs: exp.Expr) -> exp.Expr:
        same = equal_typed(mine, theirs, one.type, other.type)
        return exp.Case(ifs=[exp.If(this=same, true=exp.null())], default=mine.copy(), meta={DONE: True})

    return once([one, other], made)


def simple_case(node: Any) -> exp.Expr:
    """Return ``CASE x WHEN … END`` by what is equal here."""
    operand = node.this
    if operand is None:
        return node  # type: ignore[no-any-return]
    if holds_others(operand) and all(holds_others(each.this) for each in node.args["ifs"]):
        return once([operand], lambda value: _with_conditions(node, value, operand.type), node)
    found = node.copy()
    if may_be_nan(operand):  # NaN is equal to none of them, as NULL is
        found.set("this", _unless_nan(operand))
    if not by_chance(operand):
        found.meta[DONE] = True
        return found  # type: ignore[no-any-return]

    def again(value: exp.Expr) -> exp.Expr:
        found.set("this", value.copy())
        return found  # type: ignore[no-any-return]

    return once([found.this.copy()], again, node)


def _with_conditions(node: Any, value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    whens = [
        exp.If(this=equal_typed(value, each.this.copy(), kind, each.this.type), true=each.args["true"].copy())
        for each in node.args["ifs"]
    ]
    otherwise = node.args.get("default")
    return exp.Case(ifs=whens, default=otherwise.copy() if otherwise is not None else None, meta={DONE: True})


def _unless_nan(value: exp.Expr) -> exp.Expr:
    """Return a double, NULL for NaN; it is computed once."""
    name = fresh(value)
    number = exp.Lambda(this=exp.Not(this=call("isnan", name.copy())), expressions=[name])
    return call("list_extract", call("list_filter", call("list_value", value.copy()), number), _number(1))


def _filters(node: exp.Expr) -> bool:
    """Return whether only rows for which this holds are kept."""
    while isinstance(node.parent, exp.And | exp.Paren):
        node = node.parent
    return isinstance(node.parent, exp.Where) or (isinstance(node.parent, exp.Join) and node.arg_key == "on")


def _of_plain(kind: exp.DataType) -> bool:
    """Return whether a type is of arrays of values that hold no others."""
    element = types.element_of(kind)
    return element is not None and (element.this not in NESTED or _of_plain(element))


def equal_typed(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType) -> exp.Expr:
    """Return whether two values of these types are equal, part by part."""
    if kind.this != wanted.this or kind.this not in NESTED:
        return _plain(one, other, kind, wanted)
    if not (kind.expressions and wanted.expressions):
        raise not_supported("a comparison of arrays, maps or rows whose types cannot be derived")
    if kind.this == DType.STRUCT:
        return _rows(one, other, kind, wanted)
    name = fresh(one, other)
    if kind.this == DType.ARRAY:
        number, size = exp.Literal.number(1), call("len", one.copy())
        places: exp.Expr = call("range", number, exp.Add(this=size.copy(), expression=number.copy()))
        sizes = exp.NEQ(this=size, expression=call("len", other.copy()), meta={DONE: True})
        inner = [call("list_extract", each.copy(), name.copy()) for each in (one, other)]
        same = equal_typed(inner[0], inner[1], kind.expressions[0], wanted.expressions[0])
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
            true=equal_typed(inner[0], inner[1], kind.expressions[1], wanted.expressions[1]),
        )
        same = exp.Case(ifs=[held], default=exp.false())
    flags = call("list_transform", places, exp.Lambda(this=same, expressions=[name]))
    whole = exp.Case(ifs=[exp.If(this=sizes, true=exp.false())], default=call("athena_all", flags))
    # Without this, range() of nothing would be an empty array.
    there = exp.and_(*[each.copy().is_(exp.null()).not_() for each in (one, other)])
    return exp.Case(ifs=[exp.If(this=there, true=whole)], meta={DONE: True})


def _rows(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType) -> exp.Expr:
    mine, theirs = types.fields(kind), types.fields(wanted)
    if len(mine) != len(theirs):
        return _plain(one, other, kind, wanted)
    parts = []
    places = zip(types.places(kind), types.places(wanted), strict=True)
    for (here, there), (_, found), (_, sought) in zip(places, mine, theirs, strict=True):
        values = [field_of(value.copy(), place) for value, place in ((one, here), (other, there))]
        parts.append(equal_typed(values[0], values[1], found, sought))
    return exp.Paren(this=exp.and_(*parts))


def _plain(one: exp.Expr, other: exp.Expr, kind: exp.DataType, wanted: exp.DataType) -> exp.Expr:
    if kind.this in types.FLOATS and wanted.this in types.FLOATS:
        return of_equal(one, other)
    return exp.Paren(this=exp.EQ(this=one.copy(), expression=other.copy(), meta={DONE: True}))


def _text(text: str) -> exp.Literal:
    return exp.Literal.string(text)


def _number(number: int) -> exp.Expr:
    return exp.Literal.number(number)
