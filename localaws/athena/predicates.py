"""What the conditions of a query say of the rows of each table that it reads, before any of them is read.

A condition reaches a table through joins, subqueries, WITH, views and set operations where each row that it does not
hold for would be dropped by the query itself. Where that is not certain, nothing is known of the table: too little
only costs time, too much would lose rows. https://trino.io/docs/current/optimizer/pushdown.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from localaws.athena.unnest import DONE

#: A condition over the columns of one table, which it names without a table; None where nothing is known.
Condition = exp.Expr | None

_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like)
#: What makes a condition more than one of a single row.
_OF_MANY_ROWS: Final = (exp.Query, exp.AggFunc, exp.Window, exp.Unnest, exp.Rand, exp.Uuid, exp.Lambda)

#: Of what is longer nothing is known: who reads a subquery twice says two things of it, whose subqueries hear four.
_MOST_PARTS: Final = 10_000


def conditions(tree: exp.Expr, relations: Collection[str]) -> dict[str, Condition]:
    """Return for each relation what holds for every row of it that can matter to the answer of the typed query."""
    wanted: dict[int, list[Condition]] = {}
    found: dict[str, list[Condition]] = {}
    recursive = {
        id(cte.this) for each in tree.find_all(exp.With) if each.args.get("recursive") for cte in each.expressions
    }
    scopes = list(traverse_scope(tree))
    for scope in reversed(scopes):  # who reads a subquery comes before it
        demand = _bounded(_any(wanted.get(id(scope.expression), [None])))
        if id(scope.expression) in recursive:
            demand = None
        for part in scope.set_operation_scopes:
            wanted.setdefault(id(part.expression), []).append(_renamed(demand, scope, part))
        known = _Known.of(scope, demand)
        for name, (node, source) in scope.selected_sources.items():
            condition = known.about(name, node)
            if isinstance(source, Scope):
                wanted.setdefault(id(source.expression), []).append(condition)
            elif isinstance(source, exp.Table) and source.name in relations:
                found.setdefault(source.name, []).append(condition)
    return {relation: _bounded(_any(found.get(relation, [None]))) for relation in relations}


def restricted(condition: Condition, keep: Callable[[exp.Expr], bool]) -> Condition:
    """Return what a condition says in those of its parts that are kept, which follows from it; None if nothing.

    What is returned is a copy: the query's tree stays as it is.
    """
    if condition is None:
        return None
    if isinstance(condition, exp.Paren):
        return restricted(condition.this, keep)
    if isinstance(condition, exp.And | exp.Or):
        parts = [restricted(part, keep) for part in condition.flatten()]  # thousands of them are no deep tree
        return _all(parts) if isinstance(condition, exp.And) else _any(parts)
    return condition.copy() if keep(condition) else None


def about(condition: Condition, columns: Collection[str]) -> Condition:
    """Return what a condition says of these columns alone; None if nothing."""
    return restricted(condition, lambda part: {each.name for each in part.find_all(exp.Column)} <= {*columns})


def fixed(condition: Condition, column: str) -> bool:
    """Return whether a condition holds a column to values that are written in the query, by = or IN."""
    return restricted(condition, lambda part: _held(part) == column) is not None


def values_of(condition: Condition, column: str) -> list[exp.Expr]:
    """Return the values to which a condition that is `fixed` holds the column; some of them may be ruled out."""
    held = restricted(condition, lambda part: _held(part) == column)
    found: list[exp.Expr] = []
    for part in held.walk() if held is not None else ():
        if isinstance(part, exp.EQ) and _held(part) == column:
            found.append(part.expression if isinstance(part.this, exp.Column) else part.this)
        elif isinstance(part, exp.In) and _held(part) == column:
            found.extend(part.expressions)
    return found


def _held(part: exp.Expr) -> str | None:
    """Return the column that a condition holds to static values, or None."""
    if isinstance(part, exp.EQ):
        for column, value in ((part.this, part.expression), (part.expression, part.this)):
            if isinstance(column, exp.Column) and value.find(exp.Column) is None:
                return column.name
    if isinstance(part, exp.In) and isinstance(part.this, exp.Column) and part.expressions:
        return None if any(value.find(exp.Column) for value in part.expressions) else part.this.name
    return None


@dataclass
class _Known:
    """What is known of the sources of one SELECT: conditions over their columns, and which can be NULL by a join."""

    everywhere: list[exp.Expr] = field(default_factory=list)
    #: Conditions of an outer join, by the one source that has fewer rows by them.
    joined: list[tuple[str, exp.Expr]] = field(default_factory=list)
    nullable: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, scope: Scope, demand: Condition) -> _Known:
        """Return what a SELECT and those who read it say; nothing for another query."""
        known, query = cls(), scope.expression
        if not isinstance(query, exp.Select):
            return known
        where = query.args.get("where")
        if where is not None:
            known.everywhere.append(where.this)
        if (passed := _passed(demand, query)) is not None:
            known.everywhere.append(passed)
        first = query.args.get("from_")
        before = [] if first is None else [first.this]
        joins: list[exp.Join] = query.args.get("joins") or []
        said = len(known.everywhere)
        if any(_nested(each) for each in [*before, *(join.this for join in joins)]):
            known.nullable |= {*scope.selected_sources}
            return known
        for join in joins:
            side, on, name = str(join.args.get("side") or "").upper(), join.args.get("on"), join.this.alias_or_name
            if side in ("RIGHT", "FULL"):
                known.nullable |= {each.alias_or_name for each in before}
                # What an earlier join says of no column holds for rows of that join alone.
                kept = [restricted(each, _has_column) for each in known.everywhere[said:]]
                known.everywhere[said:] = [each for each in kept if each is not None]
            if side in ("LEFT", "FULL"):
                known.nullable.add(name)
            if on is not None and not side:
                known.everywhere.append(on)
            elif on is not None and side == "LEFT":
                known.joined.append((name, on))
            before.append(join.this)
        return known

    def about(self, name: str, node: exp.Expr) -> Condition:
        """Return the condition that a source's rows must hold, over its columns as the source itself has them."""
        alias = node.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            return None
        found = [self._own(condition, name) for condition in self.everywhere]
        found += [_of_source(on, name) for joined, on in self.joined if joined == name]
        for other, mine in self._equal(name):
            found += [_moved(self._own(condition, other.table), other, mine) for condition in self.everywhere]
        unnamed = _all(found)
        if unnamed is None:
            return None
        return unnamed.transform(lambda each: _column(each) if isinstance(each, exp.Column) else each, copy=False)

    def _own(self, condition: exp.Expr, name: str) -> Condition:
        """Return what a condition says of one source; of one that may be NULL, only what NULL does not hold for."""
        own = _of_source(condition, name)
        return restricted(own, _refuses_null) if name in self.nullable else own

    def _equal(self, name: str) -> Iterator[tuple[exp.Column, exp.Column]]:
        """Yield columns of other sources with the column of this one that a join holds equal to it."""
        held = [*self.everywhere, *(on for joined, on in self.joined if joined == name)]
        for part in (each for condition in held for each in _conjuncts(condition)):
            if not (isinstance(part, exp.EQ) and part.this.type is not None and part.this.type == part.expression.type):
                continue
            for mine, other in ((part.this, part.expression), (part.expression, part.this)):
                columns = isinstance(mine, exp.Column) and isinstance(other, exp.Column)
                if columns and mine.table == name != other.table:
                    yield other, mine


def _of_source(condition: exp.Expr, name: str) -> Condition:
    def keep(part: exp.Expr) -> bool:
        return all(each.table == name for each in part.find_all(exp.Column)) and not _of_many_rows(part)

    return restricted(condition, keep)


def _moved(condition: Condition, other: exp.Column, mine: exp.Column) -> Condition:
    """Return what a condition says of a column of another source, said of the column that equals it."""
    said = restricted(condition, lambda part: {each.name for each in part.find_all(exp.Column)} == {other.name})
    if said is None:
        return None
    return said.transform(lambda each: mine.copy() if isinstance(each, exp.Column) else each, copy=False)


def _refuses_null(part: exp.Expr) -> bool:
    """Return whether a comparison of a column with static values is not true where the column is NULL."""
    if isinstance(part, exp.Between):
        others = [part.args["low"], part.args["high"]]
    elif isinstance(part, exp.In):
        others = part.expressions
    elif isinstance(part, _COMPARISONS):
        others = [part.expression]
        if isinstance(part.expression, exp.Column):
            return part.this.find(exp.Column) is None
    else:
        return False
    return isinstance(part.this, exp.Column) and not any(each.find(exp.Column) for each in others)


def _passed(demand: Condition, query: exp.Select) -> Condition:
    """Return what is demanded of a SELECT's columns, said of what they are made of; None for what cannot be so said."""
    if demand is None or _cut(query):
        return None
    made = {each.alias_or_name: each.unalias() for each in query.selects}
    group = query.args.get("group")
    keys = {each.sql() for each in group.expressions} if group is not None else set()
    sets = group is not None and any(
        group.args.get(key) for key in ("rollup", "cube", "grouping_sets", "totals", "all")
    )
    grouped = group is not None or any(_aggregates(each) for each in [*made.values(), query.args.get("having")] if each)
    windows = [each for value in made.values() for each in value.find_all(exp.Window)]

    def keep(part: exp.Expr) -> bool:
        for column in part.find_all(exp.Column):
            value = made.get(column.name)
            if value is None or _of_many_rows(value) or (grouped and (sets or value.sql() not in keys)):
                return False
            if any(value.sql() not in {each.sql() for each in _partitioned(window)} for window in windows):
                return False
        return True

    said = restricted(demand, keep)
    if said is None:
        return None
    return said.transform(lambda each: made[each.name].copy() if isinstance(each, exp.Column) else each, copy=False)


def _cut(query: exp.Expr) -> bool:
    """Return whether a query, or what it stands in as its only part, leaves out rows by their number."""
    node: exp.Expr | None = query
    while node is query or isinstance(node, exp.Subquery | exp.Paren):
        if any(node.args.get(key) for key in ("limit", "offset")):
            return True
        node = node.parent
    return False


def _renamed(demand: Condition, union: Scope, part: Scope) -> Condition:
    """Return what is demanded of a set operation's columns, said of those of one of its queries."""
    query: Any = union.expression
    if demand is None or _cut(query):
        return None
    mine: Any = part.expression
    made = dict(zip(query.named_selects, mine.selects, strict=False))

    def keep(each: exp.Expr) -> bool:
        # A value that the set makes one of another type is not said of as it is here: 1 is no 1.00.
        columns = each.find_all(exp.Column)
        return all(column.name in made and _of_one_type(column, made[column.name]) for column in columns)

    said = restricted(demand, keep)
    if said is None:
        return None
    return said.transform(
        lambda each: _column(each, made[each.name].alias_or_name) if isinstance(each, exp.Column) else each, copy=False
    )


def _of_one_type(one: exp.Expr, other: exp.Expr) -> bool:
    """Return whether both have the same type; texts of any length are of one."""
    if one.type is None or other.type is None:
        return False
    texts = (exp.DType.VARCHAR, exp.DType.TEXT)
    return one.type == other.type or (one.type.this in texts and other.type.this in texts)


def _column(column: exp.Column, name: str = "") -> exp.Column:
    made = exp.column(name or column.name)
    made.type = column.type
    return made


def _nested(source: exp.Expr) -> bool:
    """Return whether a source of a SELECT is a join in parentheses or has joins of its own."""
    plain = isinstance(source, exp.Table | exp.Subquery | exp.Lateral | exp.Unnest | exp.Values)
    return not plain or bool(source.args.get("joins")) or not source.alias_or_name


def _partitioned(window: exp.Window) -> list[exp.Expr]:
    found: list[exp.Expr] = window.args.get("partition_by") or []
    return found


def _aggregates(node: exp.Expr) -> bool:
    return any(isinstance(each, exp.AggFunc) and not isinstance(each.parent, exp.Window) for each in node.walk())


def _of_many_rows(part: exp.Expr) -> bool:
    # What is marked as done already may be the rows of an array.
    return any(isinstance(each, _OF_MANY_ROWS) or each.meta.get(DONE) for each in part.walk())


def _bounded(condition: Condition) -> Condition:
    many = condition is not None and any(islice(condition.walk(), _MOST_PARTS, None))
    return None if many else condition


def _has_column(part: exp.Expr) -> bool:
    return part.find(exp.Column) is not None


def _conjuncts(condition: exp.Expr) -> Iterator[Any]:
    if isinstance(condition, exp.Paren):
        yield from _conjuncts(condition.this)
    elif isinstance(condition, exp.And):
        for part in condition.flatten():
            yield from _conjuncts(part)
    else:
        yield condition


def _all(parts: Iterable[Condition]) -> Condition:
    """Return what holds where all of them hold; None is always so."""
    known = dict.fromkeys(part for part in parts if part is not None)
    found: Any = None
    for part in map(_in_parentheses, known):
        found = part if found is None else exp.And(this=found, expression=part)
    return found  # type: ignore[no-any-return]


def _any(parts: Iterable[Condition]) -> Condition:
    """Return what holds where one of them holds; None is always so."""
    found: Any = None
    known = dict.fromkeys(parts)
    if None in known:
        return None
    for part in map(_in_parentheses, known):
        found = part if found is None else exp.Or(this=found, expression=part)
    return found  # type: ignore[no-any-return]


def _in_parentheses(part: exp.Expr | None) -> exp.Expr:
    return exp.Paren(this=part)
