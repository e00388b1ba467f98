"""The columns that a query's WHERE clauses hold to values which are known before it runs."""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope


def fixed_columns(tree: exp.Expr, relations: set[str]) -> dict[str, set[str]]:
    """Return for each relation the columns that every reading of it compares with static values, by = or IN."""
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(tree):
        where = scope.expression.args.get("where")
        held = [_held(part) for part in _conjuncts(where.this)] if where is not None else []
        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name in relations:
                mine = {column.name for column in held if column is not None and column.table == name}
                found[source.name] = found[source.name] & mine if source.name in found else mine
    return found


def _conjuncts(condition: Any) -> list[Any]:
    if isinstance(condition, exp.Paren):
        return _conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return [*_conjuncts(condition.this), *_conjuncts(condition.expression)]
    return [condition]


def _held(condition: Any) -> exp.Column | None:
    """Return the column that a condition holds to static values, or None."""
    if isinstance(condition, exp.EQ):
        for column, value in ((condition.this, condition.expression), (condition.expression, condition.this)):
            if isinstance(column, exp.Column) and _static(value):
                return column
    if isinstance(condition, exp.In) and isinstance(condition.this, exp.Column) and condition.expressions:
        return condition.this if all(map(_static, condition.expressions)) else None
    return None


def _static(value: Any) -> bool:
    return value.find(exp.Column, exp.Query) is None
