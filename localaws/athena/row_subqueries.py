"""A row sought among the rows of a query: ``(a, b) IN (SELECT x, y …)``, said by EXISTS with each value compared.

So values are compared as Trino compares them, whatever their types. A row with a NULL in it is found nowhere where the
condition only filters, which Trino makes a join of; elsewhere NULL is found by NULL, as GROUP BY compares, and leaves
nothing open: a Trino of its own was asked.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena.column_aliases import NAMED
from localaws.athena.errors import QueryFailed, not_supported, place, start_of
from localaws.athena.fresh import several


def spell_row_subqueries(tree: exp.Expr, sql: str) -> None:
    """Have each row that is sought in a query compared value by value."""
    for node in reversed(list(tree.find_all(exp.In))):
        row, query = node.this, node.args.get("query")
        if query is None and len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Values):
            query = node.expressions[0]
        if query is not None and isinstance(row, exp.Tuple | exp.Struct) and len(row.expressions) > 1:
            node.replace(_sought(node, row.expressions, query.unnest(), sql))


def _only_filters(node: exp.Expr) -> bool:
    """Return whether rows are dropped where the condition is false, and kept where it is true, and no more."""
    part = node
    while isinstance(part.parent, exp.And | exp.Paren):
        part = part.parent
    above = part.parent
    return isinstance(above, exp.Where | exp.Having) or (isinstance(above, exp.Join) and part.arg_key == "on")


def _sought(node: exp.In, values: list[Any], query: Any, sql: str) -> exp.Expr:
    if any(each.find(exp.AggFunc, exp.Window) for each in values):
        raise not_supported("IN a query, of a row with an aggregate", allowed="the aggregate in a subquery of its own")
    if isinstance(query, exp.Values):
        widths = {len(each.expressions) if isinstance(each, exp.Tuple) else 1 for each in query.expressions}
        query = exp.select("*").from_(exp.alias_(query.copy(), "values", table=True))
    else:
        widths = set() if any(each.is_star for each in query.selects) else {len(query.selects)}
    if widths and widths != {len(values)}:
        start = start_of(node)
        shown = "one value" if widths == {1} else f"{max(widths)} values"
        raise QueryFailed(
            "TYPE_MISMATCH",
            f"{place(sql, start) if start is not None else 'line 1:1'}: Value expression and result of subquery must be"
            f" of the same type: a row of {len(values)} values vs {shown}",
        )
    table, *columns = several(len(values) + 1, query, *values)
    compared = exp.EQ if _only_filters(node) else exp.NullSafeEQ
    equal = [
        compared(this=value.copy(), expression=exp.column(name.copy(), table=table.copy()))
        for value, name in zip(values, columns, strict=True)
    ]
    alias = exp.TableAlias(this=table, columns=columns)
    alias.meta[NAMED] = (len(values), place(sql, start_of(node) or 0))
    source = exp.Subquery(this=query.copy(), alias=alias)
    return exp.Exists(this=exp.select(exp.Literal.number(1)).from_(source).where(exp.and_(*equal)))
