"""Turns a query in Athena's SQL into one that DuckDB answers in the same way."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.errors import OptimizeError, ParseError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from localaws.athena import annotate
from localaws.athena.bounded import bounded
from localaws.athena.column_aliases import NAMED, check_aliases, check_width, is_star, note_aliases, spread_rows
from localaws.athena.errors import UNFORESEEN, QueryFailed, not_supported, place, start_of
from localaws.athena.foreign import refuse_foreign
from localaws.athena.fresh import MARK
from localaws.athena.mixtures import check_mixtures
from localaws.athena.operands import check_operands, check_using
from localaws.athena.output_names import check_ambiguous, order_by_output
from localaws.athena.parser import parse_statements
from localaws.athena.predicates import Condition, conditions
from localaws.athena.rewrite import rewrite
from localaws.athena.row_casts import spell_rows
from localaws.athena.row_coercions import check_rows, coerce_rows
from localaws.athena.row_subqueries import spell_row_subqueries
from localaws.athena.semantics import check_conditions, check_places, check_relations, required
from localaws.athena.signatures import check_names, check_types
from localaws.athena.statements.words import CATALOG
from localaws.athena.unnest import rewrite_unnests
from localaws.athena.views import View, check_fresh, expand
from localaws.athena.zones import with_zones

log = logging.getLogger("localaws.athena")

_UNNEST_PASSES = 6
_COERCION_PASSES = 50
#: The key under which a column notes that the query has no name for it.
_UNNAMED = "athena_unnamed"


@dataclass(frozen=True)
class TableName:
    """A table as a query names it: ``suffix`` is ``snapshots`` in ``"t$snapshots"``, ``version`` a time travel."""

    database: str
    name: str
    suffix: str = ""
    version: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"awsdatacatalog.{self.database}.{self.name}{'$' + self.suffix if self.suffix else ''}"


#: Answers the columns of a table, in order.
Columns = dict[str, exp.DataType]


@dataclass
class QueryPlan:
    """What to run: DuckDB's SQL, the tables that it reads, and the columns that it returns.

    By relation, ``columns_read`` are those that the query names, and ``conditions`` what it holds each row to that can
    matter to the answer.
    """

    sql: str
    labels: list[str]
    types: list[exp.DataType | None]
    relations: dict[str, TableName]
    columns_read: dict[str, set[str]] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)
    #: Whether there is a timestamp in a zone other than UTC in it.
    zoned: bool = False
    #: The places of the columns that the query gives no name, counted from zero.
    unnamed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Parsed:
    """A query as a tree that was made of the statement ``sql``, whose places its errors name."""

    tree: exp.Query
    sql: str


def parse(sql: str) -> exp.Expr:
    """Return the one statement in ``sql``; otherwise raise SYNTAX_ERROR, which gives the position."""
    try:
        found = parse_statements(sql)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        if str(first.get("description", "")).startswith("Required keyword"):
            raise required(first, sql) from None
        line, column = first.get("line", 1), max(1, first.get("col", 1) - len(first.get("highlight") or "x") + 1)
        raise QueryFailed(
            "SYNTAX_ERROR", f"line {line}:{column}: mismatched input '{first.get('highlight', '')}'. "
            f"{first.get('description', error)}"
        ) from None  # fmt: skip
    except SqlglotError as error:
        raise QueryFailed("SYNTAX_ERROR", f"line 1:1: {error}") from None
    if len(found) != 1:
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: Only one sql statement is allowed. Got: " + sql)
    return found[0]


def plan(
    query: str | Parsed,
    database: str,
    columns_of: Callable[[TableName, str], tuple[Columns, Columns]],
    view_of: Callable[[str, str, str], View | None] = lambda database, name, position: None,
    checked: set[tuple[str, str]] | None = None,
) -> QueryPlan:
    """Return how to run a SELECT, as ``planned`` does; refuse one that ends in an error that nobody has thought of."""
    try:
        return planned(query, database, columns_of, view_of, set() if checked is None else checked)
    except UNFORESEEN as error:
        log.exception("a query could not be planned: %s", query if isinstance(query, str) else query.sql)
        what = f"this query, whose planning ended in {type(error).__name__} ({error}),"
        raise not_supported(what, user_error=False) from error


def planned(
    query: str | Parsed,
    database: str,
    columns_of: Callable[[TableName, str], tuple[Columns, Columns]],
    view_of: Callable[[str, str, str], View | None],
    checked: set[tuple[str, str]],
) -> QueryPlan:
    """Return how to run a SELECT; ``columns_of(table, position)`` returns the columns, and those that
    a star leaves out, or raises TABLE_NOT_FOUND.

    ``view_of(database, name, position)`` returns the view that stands for its query, None for a table; views
    that are ``checked`` are known to be made of what their queries return.
    """

    def seen(view_database: str, name: str, place: str) -> View | None:
        view = view_of(view_database, name, place)
        if view is not None and (view_database, name) not in checked:
            checked.add((view_database, name))
            found = plan(view.sql, view.database, columns_of, view_of, checked)
            check_fresh(view, f"{view_database}.{name}", place, list(zip(found.labels, found.types, strict=True)))
        return view

    tree: exp.Expr = query.tree if isinstance(query, Parsed) else parsed_query(query)
    sql = query.sql if isinstance(query, Parsed) else query
    try:
        return _planned(tree, sql, database, columns_of, seen)
    except QueryFailed as error:
        raise error.placed(sql) from None


def _planned(
    tree: exp.Expr,
    sql: str,
    database: str,
    columns_of: Callable[[TableName, str], tuple[Columns, Columns]],
    view_of: Callable[[str, str, str], View | None],
) -> QueryPlan:
    refuse_foreign(tree, sql)
    check_names(tree, where := lambda node: position(node, sql))
    check_using(tree, where)
    _within_catalog(tree, sql)
    check_places(tree)
    spread_rows(tree)
    note_aliases(tree, sql)
    check_aliases(tree)
    expand(tree, database, lambda db, name, node: view_of(db, name, position(node, sql)), parse)
    tree = _in_session(tree, database)
    with_zones(tree)
    spelled = _spelled(_query(tree))
    written = _prepare(_query(tree))
    order_by_output(tree)
    check_ambiguous(tree, where)
    spell_row_subqueries(tree, sql)
    relations, schema = _relations(tree, database, columns_of, sql)
    try:
        tree = qualify(
            tree,
            schema=schema,
            dialect="athena",
            validate_qualify_columns=False,
            expand_alias_refs=False,
            quote_identifiers=False,
            identify=False,
        )
    except OptimizeError as error:
        raise QueryFailed("COLUMN_NOT_FOUND", f"line 1:1: {error}") from None
    check_aliases(tree)
    check_relations(tree)
    _resolve_columns(tree, schema, sql)
    _check_distinct(tree, sql)
    tree = _typed(tree, schema)
    check_conditions(tree)
    check_types(tree, where)
    check_operands(tree, where)
    zoned = check_mixtures(tree)
    labels = [written.get(name, name) for name in _numbered(tree)]
    labels = [own or label for own, label in zip(spelled, labels, strict=True)] if spelled else labels
    kinds = [projection.type for projection in _query(tree).selects]
    unnamed = frozenset(place for place, each in enumerate(_query(tree).selects) if _UNNAMED in each.meta)
    reads, known = _columns_read(tree, relations), conditions(tree, set(relations))
    return QueryPlan(duckdb_sql(tree), labels, kinds, relations, reads, known, zoned, unnamed)


def duckdb_sql(tree: exp.Expr) -> str:
    """Return a typed query or condition in DuckDB's SQL."""
    tree = bounded(spell_rows(rewrite(tree)))
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree.sql("duckdb")


def parsed_query(sql: str) -> exp.Query:
    """Return the query in ``sql``; VALUES as the SELECT of all of its rows. Raise for another statement."""
    tree = parse(sql)
    if isinstance(tree, exp.Values):
        query = exp.select("*")
        for clause in ("order", "limit", "offset"):
            query.set(clause, tree.args.pop(clause, None))
        tree = query.from_(exp.alias_(tree, "values", table=True))
    if not isinstance(tree, exp.Query):
        raise not_supported(f"the statement {sql.split(maxsplit=1)[0].upper()}")
    return tree


def _in_session(tree: exp.Expr, database: str) -> exp.Expr:
    """Return the query with the catalog and database of its session for ``current_catalog`` and ``current_schema``."""

    def known(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.CurrentCatalog):
            return exp.Literal.string(CATALOG)
        plain = isinstance(node, exp.Column) and not node.table and not node.this.args.get("quoted")
        if isinstance(node, exp.CurrentSchema) or (plain and node.name.lower() == "current_schema"):
            return exp.Literal.string(database) if database else exp.cast(exp.null(), "varchar")
        return node

    return tree.transform(known)


def _within_catalog(tree: exp.Expr, sql: str) -> None:
    """Leave out the one catalog's name of names of three parts; raise CATALOG_NOT_FOUND for another."""
    for node in tree.find_all(exp.Table, exp.Column):
        catalog = node.text("catalog").lower()
        if catalog and catalog != CATALOG and isinstance(node, exp.Table):
            raise QueryFailed("CATALOG_NOT_FOUND", f"{position(node, sql)}: Catalog '{catalog}' does not exist")
        if catalog == CATALOG:
            node.set("catalog", None)


def position(node: exp.Expr, sql: str) -> str:
    """Return ``line 1:8`` for the first word of ``node``; ``line 1:1`` when the parser kept no position."""
    start = start_of(node)
    if start is None:
        return "line 1:1"
    return place(sql, start)


def _prepare(tree: exp.Query) -> dict[str, str]:
    """Lower-case names, name unnamed columns as Trino does; return how the outermost labels were written."""
    written: dict[str, str] = {}
    for projection in tree.selects:
        label = _label(projection)
        if label:
            written.setdefault(label.lower(), label)
    for identifier in tree.find_all(exp.Identifier):
        if MARK in identifier.name:
            raise not_supported(f"the character {MARK!r} in a name")
        identifier.set("this", identifier.name.lower())
        identifier.set("quoted", False)
    for select in tree.find_all(exp.Select):
        starred = any(is_star(projection) for projection in select.expressions)
        for index, projection in enumerate(select.expressions):
            if not _label(projection) and not is_star(projection):
                # Behind a star the position is not known yet: ``_numbered`` names those.
                name = f"_col_{index}" if starred else f"_col{index}"
                named = exp.alias_(projection.copy(), name)
                named.meta[_UNNAMED] = True
                projection.replace(named)
    return written


def _spelled(tree: exp.Query) -> list[str]:
    """Return how the names of the outermost columns are written, in order; nothing where a star stands for some."""
    return [] if any(is_star(each) for each in tree.selects) else [_label(each) for each in tree.selects]


def _label(projection: exp.Expr) -> str:
    """Return the column name that Trino gives a projection; empty for all but column names and aliases."""
    if isinstance(projection, exp.Alias):
        return str(projection.alias)
    if isinstance(projection, exp.Dot):
        return str(projection.expression.name)
    return str(projection.name) if isinstance(projection, exp.Column) and not is_star(projection) else ""


def _relations(
    tree: exp.Expr, database: str, columns_of: Callable[[TableName, str], tuple[Columns, Columns]], sql: str
) -> tuple[dict[str, TableName], MappingSchema]:
    relations: dict[str, TableName] = {}
    schema: dict[str, object] = {}
    visible: dict[str, object] = {}
    sources = {
        id(source): source
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    }
    renamed: dict[tuple[str, str], str] = {}
    for table in sources.values():
        base, _, suffix = table.name.partition("$")
        name = TableName(table.db or database, base, suffix, _version(table))
        columns, hidden = columns_of(name, position(table, sql))
        relation = next((known for known, value in relations.items() if value == name), f"r{len(relations)}")
        relations[relation] = name
        schema[relation], visible[relation] = {**hidden, **columns}, list(columns)
        alias = table.alias or table.name.replace("$", "_")
        if table.db and not table.alias:
            renamed[(table.db, table.name)] = alias
        replacement = exp.Table(this=exp.to_identifier(relation))
        old = table.args.get("alias")
        kept = exp.TableAlias(this=exp.to_identifier(alias), columns=old.args.get("columns") if old else None)
        if old is not None and NAMED in old.meta:
            check_width(old, len(columns))
        replacement.set("alias", kept)
        for key in ("joins", "laterals", "pivots", "sample"):
            if table.args.get(key):
                replacement.set(key, table.args[key])
        table.replace(replacement)
    for column in tree.find_all(exp.Column):
        if (column.text("db"), column.table) in renamed:
            column.set("table", exp.to_identifier(renamed[(column.text("db"), column.table)]))
            column.set("db", None)
            column.set("catalog", None)
    return relations, MappingSchema(schema, visible=visible, dialect="athena", normalize=False)


def _version(table: exp.Table) -> tuple[str, str] | None:
    clause = table.args.get("version") or table.args.get("when")
    if clause is None:
        return None
    value = clause.expression
    kind = clause.name.upper()
    if kind == "VERSION" and isinstance(value, exp.Literal):
        return kind, value.name
    if kind == "TIMESTAMP":
        return kind, value.sql("duckdb")
    raise not_supported(f"the clause {clause.sql('athena')}")


def _resolve_columns(tree: exp.Expr, schema: MappingSchema, sql: str) -> None:
    """Qualify every column that sqlglot leaves without a table (those in HAVING); raise if it has no single source."""
    for scope in traverse_scope(tree):
        for column in list(scope.find_all(exp.Column)):
            if column.table or is_star(column) or column.find_ancestor(exp.Lambda):
                continue
            order = column.find_ancestor(exp.Order, exp.Select)
            names = scope.expression.named_selects if isinstance(scope.expression, exp.Query) else []
            if isinstance(order, exp.Order) and column.name in names:
                continue
            holders = [name for name, source in scope.sources.items() if column.name in _source_columns(source, schema)]
            if len(holders) == 1:
                column.set("table", exp.to_identifier(holders[0]))
                continue
            if holders:
                raise QueryFailed("AMBIGUOUS_NAME", f"{position(column, sql)}: Column '{column.name}' is ambiguous")
            raise QueryFailed(
                "COLUMN_NOT_FOUND",
                f"{position(column, sql)}: Column '{column.name}' cannot be resolved or requester is not authorized"
                " to access requested resources",
            )


def _check_distinct(tree: exp.Expr, sql: str) -> None:
    """Raise where rows that were made one are put in an order by what they do not have."""
    for select in tree.find_all(exp.Select):
        order = select.args.get("order") if select.args.get("distinct") else None
        shown = {each.unalias().sql() for each in select.selects} | {*select.named_selects}
        for ordered in order.expressions if order is not None else []:
            key = ordered.this
            if not isinstance(key, exp.Literal) and key.sql() not in shown:
                raise QueryFailed(
                    "EXPRESSION_NOT_IN_DISTINCT",
                    f"{position(key, sql)}: For SELECT DISTINCT, ORDER BY expressions must appear in select list",
                )


def _source_columns(source: Any, schema: MappingSchema) -> list[str]:
    if isinstance(source, exp.Table):
        return list(schema.column_names(source))
    expression = getattr(source, "expression", None)
    if isinstance(expression, exp.UDTF):  # VALUES, UNNEST
        numbered = expression.args.get("offset")
        return [*expression.alias_column_names, *([numbered.name] if isinstance(numbered, exp.Identifier) else [])]
    return list(expression.named_selects) if isinstance(expression, exp.Query) else []


def _query(tree: exp.Expr) -> exp.Query:
    assert isinstance(tree, exp.Query)
    return tree


def _typed(tree: exp.Expr, schema: MappingSchema) -> exp.Expr:
    rules = annotate.rules()
    for _ in range(_UNNEST_PASSES):
        tree = annotate_types(tree, schema=schema, expression_metadata=rules, dialect="athena")
        for _ in range(_COERCION_PASSES):
            if not coerce_rows(tree):
                break
            tree = annotate_types(tree, schema=schema, expression_metadata=rules, dialect="athena")
        if not rewrite_unnests(tree):
            check_rows(tree)
            return tree
        if any(map(is_star, _query(tree).selects)):  # of an UNNEST, whose columns are known by now
            tree = qualify_columns(tree, schema=schema, expand_alias_refs=False)
    raise not_supported("UNNEST nested this deeply")


def _numbered(tree: Any) -> list[str]:
    names = []
    for index, projection in enumerate(tree.selects):
        name = projection.alias_or_name
        names.append(f"_col{index}" if not name or name.startswith("_col_") else name)
    return names


def _columns_read(tree: exp.Expr, relations: dict[str, TableName]) -> dict[str, set[str]]:
    reads: dict[str, set[str]] = {relation: set() for relation in relations}
    for scope in traverse_scope(tree):
        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and source.name in reads:
                aliased = {column.name for column in tree.find_all(exp.Column) if column.table == name}
                reads[source.name] |= aliased
    return reads
