"""Arrays and maps indexed, joined and sorted as in Trino."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.arithmetic import kind_of
from localaws.athena.casts import cast_rule
from localaws.athena.errors import not_supported
from localaws.athena.fresh import fresh
from localaws.athena.membership import of_floats
from localaws.athena.once import once, once_if_heavy
from localaws.athena.rewrite_nested import field
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call


def bracket(node: Any) -> exp.Expr:
    """Return a subscript: of an array counted from one, of a map by its key."""
    kind = kind_of(node.this)
    if kind == DType.STRUCT:
        return field(node)
    if kind not in (DType.ARRAY, DType.MAP):
        raise not_supported("a subscript on a value whose type cannot be derived")
    index = node.expressions[0].copy()
    safe = bool(node.args.get("safe"))
    if kind == DType.MAP:
        if safe:
            return exp.Bracket(this=node.this.copy(), expressions=[index], meta={DONE: True})
        return call("athena_key", node.this.copy(), index)
    if safe:
        return call("athena_element", node.this.copy(), index)
    return call("athena_at", node.this.copy(), index)


def join_array(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``array_join``."""
    element = node.this.type.expressions[0] if kind_of(node.this) == DType.ARRAY else None
    values, separator, null = node.this.copy(), node.expression.copy(), node.args.get("null")
    if element is None or element.this not in types.TEXT:
        texts = exp.Cast(this=values, to=types.array_of(exp.DataType(this=DType.VARCHAR)))
        texts.this.type = node.this.type
        values = cast_rule(texts)
    if isinstance(separator, exp.Literal):
        return _joined(values, separator, null)
    return call("athena_join3", values, separator, null.copy()) if null else call("athena_join", values, separator)


def _joined(values: exp.Expr, separator: exp.Expr, null: exp.Expr | None) -> exp.Expr:
    """Return texts joined by a separator that is written there, which DuckDB does by itself."""
    if null is None:
        return call("array_to_string", values, separator)
    name = fresh(values, null)
    filled = exp.Lambda(this=call("coalesce", name.copy(), null.copy()), expressions=[name])
    joined = call("array_to_string", call("list_transform", values, filled), separator)
    there = exp.If(this=null.copy().is_(exp.null()).not_(), true=joined)
    return joined if isinstance(null, exp.Literal) else exp.Case(ifs=[there], meta={DONE: True})


def join_texts(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``concat_ws`` of texts or of an array of them."""
    separator, *parts = node.expressions
    if len(parts) == 1 and kind_of(parts[0]) == DType.ARRAY:
        return call("athena_join", parts[0].copy(), separator.copy())
    return node  # type: ignore[no-any-return]


def reduce(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``reduce``: the last state, as its output function shows it."""
    merge, finish = node.args["merge"], node.args["finish"]
    if finish.this.sql() == finish.expressions[0].sql():
        return call("list_reduce", node.this.copy(), merge.copy(), node.args["initial"].copy())

    def made(values: exp.Expr, initial: exp.Expr) -> exp.Expr:
        last = call("list_value", call("list_reduce", values.copy(), merge.copy(), initial.copy()))
        shown = call("list_extract", call("list_transform", last, finish.copy()), exp.Literal.number(1))
        there = values.copy().is_(exp.null()).not_()
        return exp.Case(ifs=[exp.If(this=there, true=shown)], meta={DONE: True})

    return once([node.this, node.args["initial"]], made, merge, finish)


def sort_array(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``array_sort``, nulls last."""
    return call("list_sort", node.this.copy(), exp.Literal.string("ASC"), exp.Literal.string("NULLS LAST"))


def without(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``array_remove``, which NaN stays in."""
    may_be_nan = of_floats(node.this)

    def made(values: exp.Expr, value: exp.Expr) -> exp.Expr:
        name = fresh(value)
        body: exp.Expr = exp.NullSafeNEQ(this=name.copy(), expression=value.copy())
        if may_be_nan:
            body = exp.or_(body, call("isnan", name.copy()))
        kept = call("list_filter", values.copy(), exp.Lambda(this=body, expressions=[name]))
        there = value.copy().is_(exp.null()).not_()
        return exp.Case(ifs=[exp.If(this=there, true=kept)], meta={DONE: True})

    return once_if_heavy([node.this, node.expression], made)
