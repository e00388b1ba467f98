"""Refuses names of a DataFrame's columns that say no single one, as Spark does; SQLFrame takes the first it finds.

A join by a condition keeps the columns of both sides. A name of both says neither; a column of one side says which, as
``orders.order_id``, unless both sides are made of the same DataFrame, whose columns Spark does not tell apart:
https://spark.apache.org/docs/latest/sql-migration-guide.html (``spark.sql.analyzer.failAmbiguousSelfJoin``). Behind the
join, once anything but a select, filter or grouping was done, SQLFrame no longer knows which side is which.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlglot import exp

_HALF = ("SEMI", "ANTI")


def refuse_ambiguous(recording: Callable[[], bool]) -> None:
    """Let the methods of SQLFrame's DataFrame raise ``ValueError`` for such a name, while calls are recorded."""
    from sqlframe.base.operations import Operation, operation
    from sqlframe.duckdb.dataframe import DuckDBDataFrame

    frame: Any = DuckDBDataFrame
    joined, renamed, many_renamed = frame.join, frame.withColumnRenamed, frame.withColumnsRenamed
    many, one = frame._ensure_and_normalize_cols, frame._ensure_and_normalize_col
    own_column, own_attribute, own_drop = frame.__getitem__, frame.__getattr__, frame.drop
    listed = frame.withColumns.__wrapped__
    # A join lists both sides' columns itself, by their names.
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
    def join(this: Any, other: Any, on: Any = None, how: str | None = "inner", **named: Any) -> Any:
        by_names = isinstance(on, str) or (isinstance(on, list | tuple) and any(isinstance(each, str) for each in on))
        for frames in [(this,), (other,)] if by_names else [(this, other)]:
            refuse(on, *frames)
        return trusted(joined)(this, other, on=on, how=how or "inner", **named)

    @functools.wraps(renamed, updated=())
    def with_column_renamed(this: Any, existing: str, new: str) -> Any:
        refuse(existing, this)
        return renamed(this, existing, new)

    @functools.wraps(many_renamed, updated=())
    def with_columns_renamed(this: Any, names: Any) -> Any:
        refuse(list(names), this)
        return many_renamed(this, names)

    @functools.wraps(listed, updated=())
    def with_columns(this: Any, *maps: Any) -> Any:
        if not _joins(this):
            return listed(this, *maps)
        for each in maps:
            refuse([*each, *each.values()], this)
        return trusted(listed)(this, *maps)

    @functools.wraps(own_drop, updated=())
    def drop_columns(this: Any, *columns: Any) -> Any:
        if recording():
            _refuse_drop(columns, this)
        return trusted(own_drop)(this, *columns)

    def column(this: Any, name: Any) -> Any:
        refuse(name, this)
        return own_column(this, name)

    def attribute(this: Any, name: str) -> Any:
        refuse(name, this)
        return own_attribute(this, name)

    frame.__getitem__, frame.__getattr__, frame.drop = column, attribute, drop_columns
    frame._ensure_and_normalize_cols, frame._ensure_and_normalize_col = ensure_cols, ensure_col
    frame.join, frame.crossJoin = join, trusted(frame.crossJoin)
    frame.withColumnRenamed, frame.withColumnsRenamed = with_column_renamed, with_columns_renamed
    frame.withColumns = operation(Operation.SELECT)(with_columns)


def _refuse(given: Any, frames: tuple[Any, ...]) -> None:
    """Raise for a name in ``given`` that several columns of the DataFrames have."""
    twice, behind = _twice(frames), set()
    for each in frames:
        behind |= set() if _joins(each) else _twice([each])
    alike = _alike(frames)
    for column in _columns(given) if twice or alike else ():
        name, side = column.name, column.table
        if name.lower() in behind and side.lower() not in {each.lower() for frame in frames for each in frame._columns}:
            raise ValueError(
                f"{name} is ambiguous, since two columns are called so; give each a name of its own in a select before"
            )
        if not side and name.lower() in twice:
            raise ValueError(
                f"{name} is ambiguous, since both sides of the join have a column of that name; take it from one, as "
                f"orders.{name}, or rename one side's before the join"
            )
        if (side, name) in alike and not _joins_by(column, frames):
            raise ValueError(
                f"{name} is ambiguous, since both sides of the join are made of one DataFrame; name each, as "
                f"orders.alias('a') and orders.alias('b'), and write F.col('a.{name}'); or join by names"
            )


def _refuse_drop(columns: Iterable[Any], frame: Any) -> None:
    """Raise for what Spark drops otherwise: a name of a side in a text, which is none there, or an ambiguous column."""
    twice = _twice([frame])
    for each in columns:
        if isinstance(each, str) and "." in each:
            raise ValueError(f"drop('{each}') drops nothing on Spark; write drop(orders.{each.rpartition('.')[2]})")
        for column in _columns(each) if not isinstance(each, str) else ():
            if not column.table and column.name.lower() in twice:
                name = column.name
                raise ValueError(
                    f"{name} is ambiguous, since both sides of the join have a column of that name; drop both as "
                    f"drop('{name}'), or one side's as drop(orders.{name})"
                )


def _twice(frames: Iterable[Any]) -> set[str]:
    """Return the names in small letters that several columns of the DataFrames have: Spark looks no closer."""
    counted = Counter(name.lower() for frame in frames for name in frame._columns)
    return {name for name, count in counted.items() if count > 1}


def _joins(frame: Any) -> bool:
    return bool(frame.expression.args.get("joins"))


def _alike(frames: tuple[Any, ...]) -> set[tuple[str, str]]:
    """Return the DataFrames, by SQLFrame's names of them, that are on both sides of a join, with each column's name."""
    found: Counter[tuple[str, str]] = Counter()
    for frame in frames:
        if _joins(frame):
            found.update(each for read in _read(frame.expression) for each in read)
        else:
            found.update({(frame.branch_id, name) for name in frame._columns})
    return {each for each, count in found.items() if count > 1}


def _read(tree: exp.Select) -> Iterator[set[tuple[str, str]]]:
    """Yield the columns of each relation that a join keeps, with the DataFrame that it is made of."""
    halves = [j for j in tree.args["joins"] if j.kind.upper() in _HALF or j.side.upper() in _HALF]
    kept = {each.this.alias_or_name for each in tree.args["joins"] if each not in halves}
    for cte in tree.ctes:
        if cte.alias_or_name in kept | {tree.args["from_"].this.alias_or_name}:
            yield {(cte.args["branch_id"], name) for name in cte.this.named_selects}


def _joins_by(column: exp.Column, frames: tuple[Any, ...]) -> bool:
    """Return whether a column is compared with the other side's of its name in a join's condition.

    Spark tells these apart, and SQLFrame where each side is made of that DataFrame alone.
    """
    if len(frames) != 2 or _joins(frames[0]) or frames[0].branch_id != frames[1].branch_id:
        return False
    compared = column.parent
    sides = (compared.this, compared.expression) if isinstance(compared, exp.EQ | exp.NullSafeEQ) else ()
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
