"""Arrays and maps indexed, joined and sorted as in Trino."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.arithmetic import kind_of
from localaws.athena.errors import not_supported
from localaws.athena.fresh import fresh
from localaws.athena.membership import of_floats
from localaws.athena.once import once_if_heavy
from localaws.athena.rewrite_nested import field
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast


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
    values: exp.Expr = node.this.copy()
    element = node.this.type.expressions[0] if kind_of(node.this) == DType.ARRAY else None
    if element is None or element.this not in (*types.TEXT, *types.INTEGERS):
        raise not_supported("array_join of this type of array")
    if node.args.get("null"):
        name = fresh(node.args["null"])
        body = call("coalesce", cast(name.copy(), DType.VARCHAR), node.args["null"].copy())
        values = call("list_transform", values, exp.Lambda(this=body, expressions=[name]))
    joined = call("array_to_string", values, node.expression.copy())
    if isinstance(node.expression, exp.Literal):
        return joined
    there = node.expression.copy().is_(exp.null()).not_()
    return exp.Case(ifs=[exp.If(this=there, true=joined)], meta={DONE: True})


def reduce(node: Any) -> exp.Expr:
    """Return the DuckDB expression for a ``reduce`` whose output function returns its state."""
    finish = node.args.get("finish")
    if not (isinstance(finish, exp.Lambda) and finish.this.sql() == finish.expressions[0].sql()):
        raise not_supported("reduce with an output function other than s -> s")
    return call("list_reduce", node.this.copy(), node.args["merge"].copy(), node.args["initial"].copy())


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
