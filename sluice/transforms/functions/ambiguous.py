"""Refuses names of a DataFrame's columns that say no single one, as Spark does; SQLFrame takes the first it finds.

A join by a condition keeps the columns of both sides. A name of both says neither; a column of one side says which, as
``orders.order_id``, unless both sides are made of the same DataFrame, whose columns Spark does not tell apart:
https://spark.apache.org/docs/latest/sql-migration-guide.html (``spark.sql.analyzer.failAmbiguousSelfJoin``).
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlglot import exp


def refuse_ambiguous(recording: Callable[[], bool]) -> None:
    """Let the methods of SQLFrame's DataFrame raise ``ValueError`` for such a name, while calls are recorded."""
    from sqlframe.duckdb.dataframe import DuckDBDataFrame

    frame: Any = DuckDBDataFrame
    joined, renamed, many_renamed = frame.join, frame.withColumnRenamed, frame.withColumnsRenamed
    many, one = frame._ensure_and_normalize_cols, frame._ensure_and_normalize_col
    own_column, own_attribute = frame.__getitem__, frame.__getattr__
    # A join lists both sides' columns itself, by their names; to drop those of one side tells them apart.
    inside = {"methods": 0}

    def refuse(given: Any, *frames: Any) -> None:
        if recording() and not inside["methods"]:
            _refuse(given, frames)

    def trusted(method: Any) -> Any:
        @functools.wraps(method, updated=())
        def run(*arguments: Any, **named: Any) -> Any:
            inside["methods"] += 1
            try:
                return method(*arguments, **named)
            finally:
                inside["methods"] -= 1

        return run

    @functools.wraps(many)
    def ensure_cols(this: Any, cols: Any, *arguments: Any, **named: Any) -> Any:
        refuse(cols, this)
        return many(this, cols, *arguments, **named)

    @functools.wraps(one)
    def ensure_col(this: Any, col: Any) -> Any:
        refuse(col, this)
        return one(this, col)

    @functools.wraps(joined, updated=())
    def join(this: Any, other: Any, on: Any = None, how: str = "inner", **named: Any) -> Any:
        by_names = isinstance(on, str) or (isinstance(on, list | tuple) and any(isinstance(each, str) for each in on))
        for frames in [(this,), (other,)] if by_names else [(this, other)]:
            refuse(on, *frames)
        return trusted(joined)(this, other, on=on, how=how, **named)

    @functools.wraps(renamed, updated=())
    def with_column_renamed(this: Any, existing: str, new: str) -> Any:
        refuse(existing, this)
        return renamed(this, existing, new)

    @functools.wraps(many_renamed, updated=())
    def with_columns_renamed(this: Any, names: Any) -> Any:
        refuse(list(names), this)
        return many_renamed(this, names)

    def column(this: Any, name: Any) -> Any:
        refuse(name, this)
        return own_column(this, name)

    def attribute(this: Any, name: str) -> Any:
        refuse(name, this)
        return own_attribute(this, name)

    frame.__getitem__, frame.__getattr__, frame.drop = column, attribute, trusted(frame.drop)
    frame._ensure_and_normalize_cols, frame._ensure_and_normalize_col = ensure_cols, ensure_col
    frame.join, frame.withColumnRenamed, frame.withColumnsRenamed = join, with_column_renamed, with_columns_renamed


def _refuse(given: Any, frames: tuple[Any, ...]) -> None:
    """Raise for a name in ``given`` that several columns of the DataFrames have."""
    counted = Counter(name.lower() for frame in frames for name in frame._columns)  # Spark looks no closer
    twice = {name for name, count in counted.items() if count > 1}
    alike = _alike(frames) if twice else set()
    for column in _columns(given) if twice else ():
        name = column.name
        if not column.table and name.lower() in twice:
            raise ValueError(
                f"{name} is ambiguous, since both sides of the join have a column of that name; take it from one, as "
                f"orders.{name}, or rename one side's before the join"
            )
        if name in alike and column.table in frames[0].session.known_ids and not _joins_by(column):
            raise ValueError(
                f"{name} is ambiguous, since both sides of the join are made of one DataFrame; name each, as "
                f"orders.alias('a') and orders.alias('b'), and write F.col('a.{name}')"
            )


def _alike(frames: tuple[Any, ...]) -> set[str]:
    """Return the names that both sides of a join have of one DataFrame."""
    if len(frames) == 2:
        this, other = frames
        return {*this._columns} & {*other._columns} if this.branch_id == other.branch_id else set()
    tree = frames[0].expression
    joined = {each.this.alias_or_name for each in tree.args.get("joins") or ()}
    found: Counter[tuple[str, str]] = Counter()
    for cte in tree.ctes:
        if cte.alias_or_name in joined or cte.alias_or_name == tree.args["from_"].this.alias_or_name:
            found.update((cte.args["branch_id"], name) for name in cte.this.named_selects)
    return {name for (_, name), count in found.items() if count > 1}


def _joins_by(column: exp.Column) -> bool:
    """Return whether a column is compared with the other side's of its name, which Spark does tell apart."""
    compared = column.parent
    sides = (compared.this, compared.expression) if isinstance(compared, exp.EQ) else ()
    return bool(sides) and all(isinstance(side, exp.Column) and side.name == column.name for side in sides)


def _columns(given: Any) -> Iterator[exp.Column]:
    """Yield what columns, texts or lists of them look up by its name."""
    from sqlframe.base.column import Column

    each: Iterable[Any] = given if isinstance(given, list | tuple) else [given]
    for one in each:
        if isinstance(one, list | tuple):
            yield from _columns(one)
        elif isinstance(one, str | Column):
            yield from Column.ensure_col(one).column_expression.find_all(exp.Column)
        elif isinstance(one, exp.Expr):
            yield from one.find_all(exp.Column)
