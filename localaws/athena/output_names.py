"""Names of a query's own columns: in ORDER BY they come before those of its sources; two of one name are ambiguous."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from localaws.athena.errors import QueryFailed, not_supported


def order_by_output(tree: exp.Expr) -> None:
    """Put what a column of the query is made of in the place of its name, in each ORDER BY of more than the name.

    In an aggregate, a name is that of a source: https://trino.io/docs/435/sql/select.html#order-by-clause
    """
    for select in tree.find_all(exp.Select):
        order = select.args.get("order")
        if order is None:
            continue
        made: dict[str, list[exp.Expr]] = {}
        for projection in select.selects:
            made.setdefault(projection.alias_or_name, []).append(projection.unalias())
        for key in (ordered.this for ordered in order.expressions):
            if isinstance(key, exp.Column):
                continue
            for column in list(key.find_all(exp.Column)):
                own = made.get(column.name, []) if not column.table else []
                inside = column.find_ancestor(exp.AggFunc, exp.Query, exp.Lambda)
                if len(own) == 1 and inside is select and own[0].find(exp.Rand, exp.Uuid) is None:
                    column.replace(exp.Paren(this=own[0].copy()))


def check_ambiguous(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise for a name that a subquery gives to two of its columns, where a query that reads it uses the name."""
    for scope in traverse_scope(tree):
        doubled = {name: twice for name, source in scope.selected_sources.items() if (twice := _doubled(source[1]))}
        if not doubled:
            continue
        for column in scope.columns:
            names = [column.table] if column.table else [*doubled]
            if any(column.name in doubled.get(name, ()) for name in names):
                raise QueryFailed("AMBIGUOUS_NAME", f"{position(column)}: Column '{column.name}' is ambiguous")
        query = scope.expression
        if isinstance(query, exp.Select) and query.is_star:
            raise not_supported("* of a subquery with two columns of one name", allowed="names of their own")


def _doubled(source: object) -> set[str]:
    """Return the names that a source has more than once."""
    if not isinstance(source, Scope) or not isinstance(source.expression, exp.Query):
        return set()
    alias = source.expression.parent.args.get("alias") if source.expression.parent is not None else None
    if alias is not None and alias.args.get("columns"):
        return set()
    names = source.expression.named_selects
    return {name for name in names if name != "*" and names.count(name) > 1}
