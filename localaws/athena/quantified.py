"""Comparisons of doubles with ``ANY`` or ``ALL`` of a query, which NaN never meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena.errors import not_supported
from localaws.athena.fresh import several
from localaws.athena.once import once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast


def quantified(node: Any) -> exp.Expr:
    """Return a comparison of doubles with ``ANY`` or ``ALL`` of a query, or ``IN`` one, that NaN never meets."""
    found = node.copy()
    if isinstance(node, exp.In):
        found.set("query", _wrapped(node.args["query"], lambda value: value, numbers_only=True))
        return found  # type: ignore[no-any-return]
    is_any = isinstance(node.expression, exp.Any)
    if isinstance(node, exp.EQ | exp.NEQ) and isinstance(node, exp.EQ) != is_any:
        raise not_supported("= ALL and <> ANY of doubles", allowed="= ANY, <> ALL")
    operand, query = node.this, node.expression.this
    if isinstance(node, exp.EQ | exp.NEQ):
        found.expression.set("this", _wrapped(query, lambda value: value, numbers_only=True))
    elif isinstance(node, exp.GT | exp.GTE):  # NaN is the greatest to DuckDB, and all that there is greater than none
        found.set("this", _placed(operand, below=True))
        found.expression.set("this", _wrapped(query, lambda value: _placed(value, below=False)))
    else:
        found.set("this", _placed(operand, below=False))
        found.expression.set("this", _wrapped(query, lambda value: _placed(value, below=True)))
    return found  # type: ignore[no-any-return]


def _wrapped(query: Any, shown: Callable[[exp.Expr], exp.Expr], *, numbers_only: bool = False) -> exp.Expr:
    value, source = several(2, query)
    alias = exp.TableAlias(this=source, columns=[value])
    column = exp.column(value.copy(), table=source.copy())
    inner = exp.Subquery(this=query.unnest().copy(), alias=alias)
    found = exp.select(shown(column)).from_(inner)
    if numbers_only:
        found = found.where(exp.or_(exp.Not(this=call("isnan", column.copy())), column.copy().is_(exp.null())))
    return exp.Subquery(this=found)


def _placed(value: exp.Expr, *, below: bool) -> exp.Expr:
    """Return a double as a list in its order, with NaN above all, or ``below`` the least: there it is no number's."""
    return once_if_heavy([value], lambda each: _in_order(each, below=below))


def _in_order(value: exp.Expr, *, below: bool) -> exp.Expr:
    number = cast(value.copy(), DType.DOUBLE)
    ifs = [exp.If(this=value.copy().is_(exp.null()).not_(), true=call("list_value", exp.Literal.number(0), number))]
    if below:
        ifs.insert(
            0,
            exp.If(
                this=call("isnan", cast(value.copy(), DType.DOUBLE)), true=call("list_value", exp.Literal.number(-1))
            ),
        )
    return cast(exp.Case(ifs=ifs, meta={DONE: True}), "DOUBLE[]")
