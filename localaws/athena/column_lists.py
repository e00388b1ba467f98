"""The columns of VALUES and of what is given names for its columns, as Trino counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena.errors import QueryFailed


def spread_rows(tree: exp.Expr) -> None:
    """Have a row that is a line of VALUES by itself be the line's columns."""
    for values in tree.find_all(exp.Values):
        for line in values.expressions:
            alone = line.expressions[0].unnest() if isinstance(line, exp.Tuple) and len(line.expressions) == 1 else None
            if isinstance(alone, exp.Struct | exp.Tuple):
                line.set("expressions", alone.expressions)
            elif isinstance(alone, exp.Cast) and alone.to.this == exp.DType.STRUCT:
                numbers = range(1, len(alone.to.expressions) + 1)
                parts = [exp.Bracket(this=alone.copy(), expressions=[exp.Literal.number(each)]) for each in numbers]
                line.set("expressions", parts)


def check_aliases(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise for a query that is given more or fewer names of columns than it has."""
    for node in tree.find_all(exp.Subquery, exp.CTE, exp.Values):
        alias = node.args.get("alias")
        names = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
        if names and isinstance(alias, exp.TableAlias):
            columns = _columns(node)
            if columns and len(names) != len(columns) and not any(map(is_star, columns)):
                raise mismatch(position(alias), alias.name, len(names), len(columns))


def mismatch(position: str, name: str, names: int, columns: int) -> QueryFailed:
    """Return the error of ``name`` with so many names for its columns."""
    said = f"Column alias list has {names} entries but '{name}' has {columns} columns available"
    return QueryFailed("MISMATCHED_COLUMN_ALIASES", f"{position}: {said}")


def is_star(projection: exp.Expr) -> bool:
    """Return whether a projection stands for all columns."""
    return isinstance(projection, exp.Star) or (
        isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star)
    )


def _columns(node: Any) -> list[exp.Expr]:
    if isinstance(node, exp.Values):
        line = node.expressions[0]
        return list(line.expressions) if isinstance(line, exp.Tuple) else [line]
    query = node.this.unnest() if isinstance(node.this, exp.Subquery) else node.this
    return list(query.selects) if isinstance(query, exp.Query) else []
