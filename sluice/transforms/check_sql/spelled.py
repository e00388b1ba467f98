"""Spells a declared query for both engines: its clauses as they are, each expression by its types.

A place where an expression stood holds a mark in the tree. The text of either engine is made of the tree last, with the
expression's own SQL at each mark.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from sluice.transforms.check_sql.arguments import refuse_full_join, refuse_left, refuse_unread
from sluice.transforms.check_sql.both import NOTHING, Both
from sluice.transforms.check_sql.expressions import Expressions
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.functions.spark_types import NULL, duckdb_type

#: The database of the names that stand for the table that is checked, now and before; no contract can have it.
OWN = "sluice_own"
#: A letter that no query may hold, around the number of an expression.
MARK = "\0"
_PLACE = re.compile(f"{MARK}([0-9]+){MARK}")
#: Most letters of a query on either engine; what is inside of another query counts there again.
LONGEST_QUERY = 300_000
_GROUPS = (exp.Cube, exp.Rollup, exp.GroupingSets, exp.Tuple)


class Spelled(NamedTuple):
    """A query as SQL of DuckDB and of Spark."""

    duckdb: str
    spark: str


def spelled(tree: exp.Expr, tables: Mapping[str, Mapping[str, str]]) -> Spelled:
    """Return an allowed query on ``tables``, Spark's types by column and table; ``Refused`` where engines differ.

    A table that the query names without a database is one of ``OWN``. Relations are written ``{database.table}``, those
    of ``OWN`` by their name alone.
    """
    known = {table: {name.lower(): kind for name, kind in types.items()} for table, types in tables.items()}
    schema = MappingSchema(dialect="athena")
    for name, types in known.items():
        schema.add_table(name, {column: duckdb_type(kind) for column, kind in types.items()}, dialect="duckdb")
    refuse_unread(tree)
    tree = tree.unnest().copy()
    defined = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not table.db and table.name.lower() not in defined:
            table.set("db", exp.to_identifier(OWN))
    try:
        tree = qualify(
            tree, schema=schema, dialect="athena", validate_qualify_columns=False, expand_alias_refs=False,
            quote_identifiers=True,
        )  # fmt: skip
    except SqlglotError as error:
        raise Refused(str(error).partition("\n")[0].partition(". Line")[0]) from None
    query = _Query()
    scopes = list(traverse_scope(tree))
    for table in tree.find_all(exp.Table):
        if table.db:
            query.types[id(table)] = dict(known[f"{table.db}.{table.name}".lower()])
            name = table.name if table.db == OWN else f"{table.db}.{table.name}"
            table.set("db", None)
            table.set("this", exp.Var(this=f"{{{name}}}"))
    for scope in scopes:
        query.lower(scope)
    return Spelled(query.text(tree, "duckdb"), query.text(tree, "spark"))


class _Query:
    """A query whose scopes are lowered one by one, the inner ones first."""

    def __init__(self) -> None:
        #: Types by column of each query and table of the tree.
        self.types: dict[int, dict[str, str]] = {}
        self.made: list[Both] = []
        self.size = 0

    def text(self, tree: exp.Expr, dialect: str) -> str:
        """Return the SQL of a lowered tree."""
        refuse_left(tree)
        sql = tree.sql(dialect=dialect, comments=False)
        self._grow(len(sql))
        return _PLACE.sub(lambda found: getattr(self.made[int(found[1])], dialect), sql)

    def column(self, node: exp.Column, scope: Scope) -> str:
        """Return the type of a column; ``Refused`` for one that is not there."""
        name = node.name.lower()
        looked: Scope | None = scope
        while looked is not None:
            if node.table in looked.selected_sources and (kind := self._columns(looked, node.table).get(name)):
                return kind
            looked = looked.parent if looked.is_subquery else None
        raise Refused(f'the column "{node.name}" not found in what the query reads')

    def has(self, scope: Scope, source: str, name: str) -> bool:
        """Return whether a relation of a scope has a column."""
        return name in self._columns(scope, source)

    def _columns(self, scope: Scope, name: str) -> dict[str, str]:
        source = scope.sources[name]
        return self.types.get(id(source.expression if isinstance(source, Scope) else source), {})

    def lower(self, scope: Scope) -> None:
        """Put a mark at the place of every expression of a scope, and keep the types of its columns."""
        tree = scope.expression
        if isinstance(tree, exp.SetOperation):
            self.types[id(tree)] = self._set_operation(tree)
            return
        assert isinstance(tree, exp.Select)
        reader = Expressions(self, scope)
        self._keys(tree, reader)
        selected: dict[str, Both] = {}
        for each in [*tree.expressions]:
            made, name = reader.made(each.unalias()), each.alias_or_name.lower()
            if name in selected:
                raise Refused(f"two columns of a query are named {name}; name one of them otherwise")
            selected[name] = made
            alias = exp.to_identifier(each.alias_or_name, quoted=True)
            each.replace(exp.Alias(this=self._mark(made), alias=alias))
        for slot in ("where", "having"):
            if condition := tree.args.get(slot):
                condition.set("this", self._mark(reader.condition(condition.this)))
        for join in tree.args.get("joins") or []:
            if join.args.get("on"):
                refuse_full_join(join)
                join.set("on", self._mark(reader.condition(join.args["on"])))
        reader.selected = selected
        self._order(tree, reader)
        self.types[id(tree)] = {name: made.type for name, made in selected.items()}

    def _keys(self, tree: exp.Select, reader: Expressions) -> None:
        """Lower what a query groups by, before what it selects, which holds the same expressions."""
        distinct = tree.args.get("distinct")
        if distinct is not None and distinct.args.get("on"):
            raise Refused("DISTINCT ON is nothing that Athena has")
        group = tree.args.get("group")
        if group is None:
            return
        if group.find(*_GROUPS) or any(value for name, value in group.args.items() if name != "expressions"):
            raise Refused("GROUP BY of several groupings was never tried; group in several queries, and UNION ALL them")
        for each in [*group.expressions]:
            made = reader.made(each)
            if made.literal or made.type == NULL:
                raise Refused("GROUP BY of a literal is a place among the columns on one engine; leave it out")
            each.replace(self._mark(made))

    def _order(self, tree: exp.Select, reader: Expressions) -> None:
        order = tree.args.get("order")
        if order is None and (tree.args.get("limit") or tree.args.get("offset")):
            raise Refused("LIMIT without ORDER BY takes any rows, others on each engine; say the order")
        for each in order.expressions if order else ():
            of = (each.this if isinstance(each, exp.Ordered) else each).unnest()
            named = isinstance(of, exp.Column) and not of.table and of.name.lower() in reader.selected
            if tree.args.get("distinct") and not named:
                raise Refused("SELECT DISTINCT is ordered by the names of what it selects alone")
            if not named and " OVER (" in reader.made(of).duckdb:
                raise Refused("ORDER BY of a window was never tried; name what is selected")
            kept = reader.ordered(each)
            each.replace(self._mark(kept))

    def _set_operation(self, tree: exp.SetOperation) -> dict[str, str]:
        left, right = (self.types.get(id(side.unnest()), {}) for side in (tree.left, tree.right))
        if len(left) != len(right):
            raise Refused(f"one query selects {len(left)} columns and the other {len(right)}")
        types = {}
        for (name, one), other in zip(left.items(), right.values(), strict=True):
            if one != other and NULL not in (one, other):
                raise Refused(f"{name} is {one} in one query and {other} in the other; cast both to one type")
            types[name] = other if one == NULL else one
        if tree.args.get("order") or tree.args.get("limit") or tree.args.get("offset"):
            raise Refused("the order of a UNION was never tried; put it around the UNION, as a query of it")
        return types

    def _grow(self, letters: int) -> None:
        self.size += letters
        if self.size > LONGEST_QUERY:
            raise Refused(f"its SQL grows beyond {LONGEST_QUERY:,} letters; make two checks of it, or nest it less")

    def _mark(self, made: Both) -> exp.Expr:
        self._grow(max(len(made.duckdb), len(made.spark)))
        self.made.append(made)
        return exp.Var(this=f"{MARK}{len(self.made) - 1}{MARK}")

    def query(self, node: exp.Expr) -> Both:
        """Return a lowered query inside an expression, with the type of its one column."""
        types = self.types.get(id(node.unnest()), {})
        if len(types) != 1:
            raise Refused("a query inside of an expression selects one column")
        (kind,) = types.values()
        inner = node.unnest()
        made = NOTHING._replace(duckdb=f"({self.text(inner, 'duckdb')})", spark=f"({self.text(inner, 'spark')})")
        return made._replace(type=kind, literal=False)
