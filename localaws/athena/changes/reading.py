"""Reads UPDATE, DELETE and MERGE as Trino has them, and makes of each the one query that finds the rows to change.

https://docs.aws.amazon.com/athena/latest/ug/merge-into-statement.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from sqlglot import exp

from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.number_literals import in_type_of
from localaws.athena.plan import Parsed, parse, position
from localaws.athena.statements.kinds import Name
from localaws.athena.statements.words import CATALOG

#: The column of a row's number in the target, and that of the clause that holds; no one's column is called so.
ROW: Final = "$row"
CLAUSE: Final = "$clause"
#: What names the target's rows with their numbers, behind the name of the table.
ROWS: Final = "$target rows"
#: Functions that may answer otherwise when they are asked again, as each value of a clause asks its condition.
_VOLATILE: Final = (exp.Rand, exp.Uuid, exp.TableSample)
#: What a list in brackets is: one of one item is no tuple.
_LISTS: Final = (exp.Tuple, exp.Paren)


@dataclass(frozen=True)
class Clause:
    """What is done with a row: ``action`` is UPDATE, DELETE or INSERT; ``columns`` are those that get ``values``.

    An INSERT without ``columns`` has a value for each column of the table.
    """

    action: str
    columns: tuple[str, ...] = ()
    values: tuple[exp.Expr, ...] = ()
    condition: exp.Expr | None = None


@dataclass(frozen=True)
class Change:
    """A statement that changes rows of ``name``: its clauses in order, and the tree that it was read from."""

    name: Name
    alias: str
    clauses: tuple[Clause, ...]
    tree: exp.Expr
    sql: str

    def query(self, kinds: Mapping[str, exp.DataType]) -> Parsed:
        """Return the query that gives the number and the clause of each row to change, and then the clauses' values.

        ``kinds`` are the types of the target's columns, in which numbers with a point are read, as in INSERT.
        """
        _names_of_target(self.tree, self.name, self.alias)
        chosen: exp.Expr
        target = _rows_of(self.name, self.alias)
        row = exp.column(ROW, table=self.alias)
        if isinstance(self.tree, exp.Merge):
            inner = all(clause.action != "INSERT" for clause in self.clauses)
            query = exp.select(row).from_(self.tree.args["using"])
            query.join(target, on=self.tree.args["on"], join_type="INNER" if inner else "LEFT", copy=False)
            chosen = self._chosen()
        else:
            query = exp.select(row).from_(target)
            if self.tree.args.get("where"):
                query.set("where", self.tree.args["where"])
            chosen = exp.Literal.number(0)
        query.select(_named(chosen, CLAUSE), copy=False)
        for number, clause in enumerate(self.clauses):
            for index, written in enumerate(clause.values):
                column = (clause.columns or tuple(kinds))[index : index + 1]
                value = in_type_of(written, kinds[column[0]]) if column and column[0] in kinds else written
                wanted = value
                if len(self.clauses) > 1 or isinstance(self.tree, exp.Merge):
                    this = exp.EQ(this=chosen.copy(), expression=exp.Literal.number(number))
                    wanted = exp.case().when(this, value)
                query.select(_named(wanted, value_name(number, index)), copy=False)
        return Parsed(query, self.sql)

    def _chosen(self) -> exp.Expr:
        """Return the number of the first clause of a MERGE that holds, NULL where none does."""
        found = exp.case()
        for number, clause in enumerate(self.clauses):
            absent = exp.column(ROW, table=self.alias).is_(exp.null())
            holds: exp.Expr = absent if clause.action == "INSERT" else exp.not_(absent)
            if clause.condition is not None:
                holds = exp.and_(holds, clause.condition)
            found = found.when(holds, exp.Literal.number(number))
        return found


def value_name(clause: int, index: int) -> str:
    """Return the column of the query that has a clause's value."""
    return f"$value {clause} {index}"


def _named(value: exp.Expr, name: str) -> exp.Alias:
    # SQLGlot's own helper gives a subquery a table's name instead.
    return exp.Alias(this=value, alias=exp.to_identifier(name))


def read(sql: str, database: str) -> Change:
    """Return what an UPDATE, DELETE or MERGE asks for; raise QueryFailed with SYNTAX_ERROR for what Trino refuses."""
    tree = parse(sql)
    if isinstance(tree, exp.Delete):
        _only(tree, ("this", "where"), sql)
        clauses: tuple[Clause, ...] = (Clause("DELETE"),)
    elif isinstance(tree, exp.Update):
        _only(tree, ("this", "expressions", "where"), sql)
        clauses = (_assigned(tree, "", sql),)
    elif isinstance(tree, exp.Merge):
        _only(tree, ("this", "using", "on", "whens"), sql)
        clauses = tuple(_when(when, tree.this, sql) for when in tree.args["whens"].expressions)
    else:
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: mismatched input '{sql.split(maxsplit=1)[0]}'")
    table = tree.this
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        _wrong(tree, sql, "the table to change is named")
    _only(table, ("this", "db", "catalog", *(["alias"] if isinstance(tree, exp.Merge) else [])), sql)
    if table.catalog.lower() not in ("", CATALOG):
        raise QueryFailed("CATALOG_NOT_FOUND", f"{position(table, sql)}: Catalog '{table.catalog}' does not exist")
    name = Name(table.name.lower(), table.db.lower()).within(database)
    if not name.database:
        raise QueryFailed(
            "MISSING_SCHEMA_NAME",
            f"{position(table, sql)}: Schema must be specified when session schema is not set",
        )
    return Change(name, (table.alias or table.name).lower(), clauses, tree, sql)


def _when(when: exp.When, target: exp.Expr, sql: str) -> Clause:
    _only(when, ("matched", "condition", "then"), sql)
    matched, condition, then = when.args.get("matched"), when.args.get("condition"), when.args.get("then")
    if condition is not None and any(isinstance(node, _VOLATILE) for node in condition.walk()):
        raise not_supported("a condition of MERGE that may hold or not by chance")
    if matched and isinstance(then, exp.Var) and then.name.upper() == "DELETE":
        return Clause("DELETE", condition=condition)
    if matched and isinstance(then, exp.Update):
        _only(then, ("expressions",), sql)
        found = _assigned(then, target.alias_or_name, sql)
        return Clause("UPDATE", found.columns, found.values, condition)
    if not matched and isinstance(then, exp.Insert):
        _only(then, ("this", "expression"), sql)
        columns, values = then.args.get("this"), then.args.get("expression")
        if isinstance(values, exp.Tuple | exp.Paren) and (
            columns is None or isinstance(columns, exp.Tuple | exp.Paren)
        ):
            return Clause(
                "INSERT", tuple(_column(each, "", sql) for each in _items(columns)), _items(values), condition
            )
    _wrong(when, sql, "WHEN MATCHED has UPDATE SET or DELETE, WHEN NOT MATCHED has INSERT … VALUES (…)")


def _assigned(update: exp.Update, alias: str, sql: str) -> Clause:
    columns, values = [], []
    for each in update.expressions:
        if not isinstance(each, exp.EQ):
            _wrong(each, sql, "column = value")
        columns.append(_column(each.this, alias, sql))
        values.append(each.expression)
    return Clause("UPDATE", tuple(columns), tuple(values))


def _column(node: exp.Expr, alias: str, sql: str) -> str:
    if not isinstance(node, exp.Column | exp.Identifier) or node.text("db"):
        _wrong(node, sql, "a column of the table to change")
    if node.text("table") and node.text("table").lower() != alias.lower():
        _wrong(node, sql, "a column of the table to change")
    return str(node.name.lower())


def _items(node: exp.Expr | None) -> tuple[Any, ...]:
    if node is None:
        return ()
    return (node.this,) if isinstance(node, exp.Paren) else tuple(node.expressions)


def _only(node: exp.Expr, allowed: Iterable[str], sql: str) -> None:
    """Raise for a part of a statement that SQLGlot reads, but Trino does not have."""
    other = sorted(key for key, value in node.args.items() if value and key not in allowed)
    if other:
        _wrong(node, sql, f"no {other[0].rstrip('_').upper()} here")


def _wrong(node: exp.Expr, sql: str, expecting: str) -> NoReturn:
    raise QueryFailed("SYNTAX_ERROR", f"{position(node, sql)}: mismatched input. Expecting: {expecting}")


def _rows_of(name: Name, alias: str) -> exp.Table:
    return exp.Table(
        this=exp.to_identifier(name.name + ROWS),
        db=exp.to_identifier(name.database),
        alias=exp.TableAlias(this=exp.to_identifier(alias)),
    )


def _names_of_target(tree: exp.Expr, name: Name, alias: str) -> None:
    """Have ``database.table.column`` be a column of what stands for the target in the query.

    The statement itself may name neither the rows' numbers nor what has them.
    """
    for table in tree.find_all(exp.Table):
        if table.name.lower().endswith(ROWS):
            raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: Table 'awsdatacatalog.{table.name}' does not exist")
    for column in tree.find_all(exp.Column):
        if column.name.lower() == ROW:
            raise QueryFailed("COLUMN_NOT_FOUND", f"line 1:1: Column '{column.name}' cannot be resolved")
        if column.text("catalog").lower() == CATALOG:
            column.set("catalog", None)
        same = (column.text("db").lower(), column.table.lower()) == (name.database, name.name)
        if same and alias == name.name and not column.text("catalog"):
            column.set("db", None)


def matching(name: Name, condition: str) -> Parsed:
    """Return the query that gives the numbers of a table's rows for which the condition holds."""
    sql = f"SELECT 1 WHERE {condition}"
    tree = parse(sql)
    if not isinstance(tree, exp.Select):
        _wrong(tree, sql, "a condition")
    _only(tree, ("expressions", "where"), sql)
    _names_of_target(tree, name, name.name)
    query = exp.select(exp.column(ROW, table=name.name)).from_(_rows_of(name, name.name))
    query.set("where", tree.args["where"])
    return Parsed(query, sql)
