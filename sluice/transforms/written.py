"""Writes the function of a derived table from a query in SQL, as PySpark that a person maintains.

What has no plain form there is refused by name: subqueries, windows, unions, orders and limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sluice.contracts import AnyContract
from sluice.contracts.columns import NAME
from sluice.transforms.written_kinds import RefusedSelect, not_understood
from sluice.transforms.written_tables import Tables, joined
from sluice.transforms.written_text import bare, chained, module, wrapped
from sluice.transforms.written_values import value


@dataclass(frozen=True)
class Written:
    """A function: its ``text``, a module; its ``inputs`` by parameter; and the columns that may be the table's key.

    ``sources`` are the columns, with their tables, whose values come into each column; it is one of them as it is for
    those that are ``passed``.
    """

    text: str
    inputs: dict[str, str]
    key: tuple[str, ...] = ()
    sources: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()


def selected(table: str, contract: AnyContract) -> Written:
    """Return the function that selects all columns of one table, to begin with."""
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    parameter = contract.name
    there = all(contract.must_be_present(contract.column(name)) for name in contract.key)
    key = contract.key if there and contract.derived else ()  # what arrives may arrive twice
    body = wrapped(f"{parameter}.select(", columns.split(", "), ")")
    names = [column.name for column in contract.columns]
    return Written(
        module(table, {parameter: contract.table}, body, uses_functions=False),
        {parameter: contract.table},
        key,
        {name: ((contract.table, name),) for name in names},
        frozenset(names),
    )


def function_of(table: str, query: str, contracts: Mapping[str, AnyContract]) -> Written:
    """Return the function that gives the rows of a query over contracted tables; ``RefusedSelect`` says why not."""
    try:
        trees = sqlglot.parse(query, read="trino")
    except (SqlglotError, RecursionError) as error:
        raise RefusedSelect(f"it is no query in Athena's SQL: {str(error).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise RefusedSelect("one SELECT is wanted")
    tree = trees[0]
    _refuse_clauses(tree)
    if more := not_understood(tree):
        raise RefusedSelect(more)
    tables = Tables()
    steps = joined(tree, tables, contracts)
    if where := tree.args.get("where"):
        steps.append(f".where({bare(value(where.this, tables))})")
    items = [(_named(item), _unaliased(item)) for starred in tree.expressions for item in tables.starred(starred)]
    twice = [name for name, count in Counter(name for name, _ in items).items() if count > 1]
    if twice:
        raise RefusedSelect(f"{twice[0]} twice: write AS and a name of its own for each")
    key: tuple[str, ...] = ()
    group = tree.args.get("group")
    if group is not None or any(item.find(exp.AggFunc) for _, item in items):
        grouped = _grouped(tree, items, tables)
        steps += grouped[0]
        key = grouped[1]
    else:
        steps.append(wrapped(".select(", [_as(name, item, tables) for name, item in items], ")"))
        key = _kept_key(items, tables)
    if tree.args.get("distinct"):
        steps.append(".distinct()")
        key = ()
    inputs = {contract.name: contract.table for contract in tables.by_alias.values()}
    body = chained(steps)
    sources = {name: tables.sources_of(item) for name, item in items}
    passed = frozenset(name for name, item in items if isinstance(item, exp.Column))
    return Written(module(table, inputs, body, uses_functions="F." in body), inputs, key, sources, passed)


def _refuse_clauses(tree: exp.Select) -> None:
    reasons = {
        "with_": "WITH: write its query where it is used, or make a table of it",
        "having": "HAVING: filter in a table that reads this one",
        "qualify": "QUALIFY: number rows in the function, by hand",
        "order": "ORDER BY: a table has no order",
        "limit": "LIMIT: which rows there are would be chance",
        "offset": "OFFSET: which rows there are would be chance",
        "laterals": "LATERAL: write it in the function, by hand",
    }
    for clause, why in reasons.items():
        if tree.args.get(clause):
            raise RefusedSelect(why)
    for kind, why in ((exp.Subquery, "a query inside of a query"), (exp.Window, "OVER (a window)"), (exp.Select, "")):
        found = next((node for node in tree.find_all(kind) if node is not tree), None)
        if found is not None:
            raise RefusedSelect(f"{why or 'a query inside of a query'}: write it in the function, by hand")


def _named(item: exp.Expr) -> str:
    name = item.alias_or_name.lower()
    if not name or (not isinstance(item, exp.Alias | exp.Column)):
        raise RefusedSelect(f"{item.sql()} has no name: write AS and one")
    if not NAME.fullmatch(name):
        raise RefusedSelect(f"{name!r} is no name of a column: lower case letters, digits, underscores")
    return name


def _unaliased(item: exp.Expr) -> exp.Expr:
    return item.unalias()


def _as(name: str, item: exp.Expr, tables: Tables) -> str:
    """Return an expression with its name, as a column alone where it is one."""
    made = value(item, tables)
    return f'"{name}"' if made == f'F.col("{name}")' else f'{made}.alias("{name}")'


def _grouped(
    tree: exp.Select, items: Sequence[tuple[str, exp.Expr]], tables: Tables
) -> tuple[list[str], tuple[str, ...]]:
    """Return the steps that group, and the names of the columns that are grouped by."""
    group = tree.args.get("group")
    keys = [value(_key(each, items, tables), tables) for each in group.expressions] if group is not None else []
    by = [(name, item) for name, item in items if value(item, tables) in keys]
    if len(by) != len(keys):
        raise RefusedSelect("GROUP BY: each of its columns stands among those that are selected, once")
    for _, item in by:
        if item.find(exp.AggFunc):
            raise RefusedSelect(f"GROUP BY: {item.sql('trino')} is an aggregate")
    made = [(name, item) for name, item in items if (name, item) not in by]
    for _, item in made:
        if not item.find(exp.AggFunc):
            raise RefusedSelect(f"{item.sql()} is neither grouped by nor an aggregate")
        for name, grouped in by:
            if not isinstance(grouped, exp.Column) and name in {tables.name_of(c) for c in item.find_all(exp.Column)}:
                raise RefusedSelect(
                    f"{name} is an aggregated column, too: write AS and another name for what is grouped by"
                )
    steps = [wrapped(".groupBy(", [_as(name, item, tables) for name, item in by], ")")] if by else []
    if made:
        steps.append(wrapped(".agg(", [f'{value(item, tables)}.alias("{name}")' for name, item in made], ")"))
    elif by:
        steps[-1] = wrapped(".select(", [_as(name, item, tables) for name, item in by], ")")
        steps.append(".distinct()")
    if [name for name, _ in items] != [name for name, _ in (*by, *made)]:
        steps.append(wrapped(".select(", [f'"{name}"' for name, _ in items], ")"))
    present = all(isinstance(item, exp.Column) and _always(item, tables) for _, item in by)
    return steps, tuple(name for name, _ in by) if present else ()


def _key(given: exp.Expr, items: Sequence[tuple[str, exp.Expr]], tables: Tables) -> exp.Expr:
    """Return what is grouped by: what is selected at a place, else a column of the tables, else what has the name."""
    if isinstance(given, exp.Literal) and given.is_int and 1 <= int(given.this) <= len(items):
        return items[int(given.this) - 1][1]
    if not isinstance(given, exp.Column) or tables.has(given):
        return given
    return next((item for name, item in items if given.name.lower() == name), given)


def _always(column: exp.Column, tables: Tables) -> bool:
    """Return whether a column of the first table has a value in every row."""
    alias, contract = next(iter(tables.by_alias.items()))
    known = {each.name: each for each in contract.columns}
    return column.table.lower() in ("", alias) and column.name in known and contract.must_be_present(known[column.name])


def _kept_key(items: Sequence[tuple[str, exp.Expr]], tables: Tables) -> tuple[str, ...]:
    """Return the key of the only table when it is selected as it is."""
    if len(tables.by_alias) != 1:
        return ()
    (contract,) = tables.by_alias.values()
    kept = {item.name: name for name, item in items if isinstance(item, exp.Column) and _always(item, tables)}
    whole = contract.derived and contract.key and set(contract.key) <= kept.keys()  # what arrives may arrive twice
    return tuple(kept[name] for name in contract.key) if whole else ()
