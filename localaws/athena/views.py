"""Views in a query: what the Glue catalog keeps of one, put in the place of its name.

A view is kept as Trino keeps it, a JSON text in base 64 with its SQL, its database and its columns.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from localaws.athena import typing as types
from localaws.athena.annotate import common
from localaws.athena.column_aliases import check_width
from localaws.athena.errors import QueryFailed
from localaws.athena.statements.words import CATALOG

_MARK = re.compile(r"/\* Presto View: (.*?) \*/", re.DOTALL)
#: How deep views may be made of views.
_DEEPEST = 50


@dataclass(frozen=True)
class View:
    """A view's SQL, the database in which its names are looked for, its columns and their types, if kept."""

    sql: str
    database: str
    columns: tuple[str, ...]
    types: tuple[str, ...] = ()


class Catalog(Protocol):
    """Where views are looked up."""

    def view_of(self, database: str, name: str, position: str) -> View | None:
        """Return the view of that name; None for a table, and for what is not there."""


def stored(table: dict[str, Any]) -> View:
    """Return the view that a Glue table keeps."""
    found = _MARK.search(table.get("ViewOriginalText") or "")
    try:
        said = json.loads(base64.b64decode(found[1])) if found else None
        columns = tuple(str(column["name"]).lower() for column in said["columns"]) if said else ()
        if said and isinstance(said["originalSql"], str):
            kinds = tuple(str(column.get("type") or "") for column in said["columns"])
            return View(said["originalSql"], str(said.get("schema") or "").lower(), columns, kinds)
    except (ValueError, TypeError, KeyError, binascii.Error):
        pass
    name = f"{table.get('DatabaseName')}.{table.get('Name')}"
    raise QueryFailed("INVALID_VIEW", f"line 1:1: The text of the view '{name}' is none of Athena's")


def check_fresh(view: View, name: str, position: str, found: Sequence[tuple[str, exp.DataType | None]]) -> None:
    """Raise INVALID_VIEW where the columns ``found`` for a view's query are not those that are kept of the view.

    A type may be one that becomes the kept one by itself.
    """
    reason = ""
    if len(found) != len(view.columns):
        reason = (
            f"stored view column count ({len(view.columns)}) does not match column count derived from the view query "
            f"analysis ({len(found)})"
        )
    for place, (label, kind) in enumerate(found if not reason else ()):
        kept = view.types[place] if view.types else ""
        shown, stored_as = f"column [{label.lower()}]", f"column [{view.columns[place]}]"
        at = f" of type {types.trino_name(kind)} projected from query view at position {place}"
        if label.lower() != view.columns[place]:
            reason = f"{shown}{at} has a different name from {stored_as} of type {kept} stored in view definition"
        elif kept and not _becomes(kind, kept):
            reason = f"{shown}{at} cannot be coerced to {stored_as} of type {kept} stored in view definition"
        if reason:
            break
    if reason:
        raise QueryFailed("INVALID_VIEW", f"{position}: View '{CATALOG}.{name}' is stale or in invalid state: {reason}")


def _becomes(kind: exp.DataType | None, kept: str) -> bool:
    """Return whether values of a type are those of the kept one, named as Trino does, or become it by themselves."""
    if kind is None or kind.this in (exp.DType.UNKNOWN, exp.DType.NULL) or types.trino_name(kind) == kept:
        return True
    try:
        wanted = exp.DataType.build(kept, dialect="trino")
    except SqlglotError:
        return False
    if kind.this in (*types.TEXT, exp.DType.UUID) and wanted.this in types.TEXT:  # a view of uuids is kept as of texts
        return True
    given, other = exp.Placeholder(), exp.Placeholder()
    given.type, other.type = kind, wanted
    both = common([given, other])
    return both is not None and types.trino_name(both) == kept


def check_acyclic(
    query: str, database: str, target: tuple[str, str], catalog: Catalog, parse: Callable[[str], exp.Expr]
) -> None:
    """Raise where a query that is to be a view's reads that view, itself or by way of others."""

    def walk(sql: str, within: str, path: tuple[tuple[str, str], ...]) -> None:
        tree = parse(sql)
        for table in _tables(tree) if isinstance(tree, exp.Query) else ():
            name = (table.db.lower() or within, table.name.lower())
            if name == target:
                said = "line 1:1: Statement would create a recursive view"
                if path:
                    said = f"line 1:1: Failed analyzing stored view '{CATALOG}.{'.'.join(path[0])}': {said}"
                raise QueryFailed("INVALID_VIEW" if path else "VIEW_IS_RECURSIVE", said)
            view = catalog.view_of(*name, "line 1:1") if name not in path else None
            if view is not None:
                walk(view.sql, view.database, (*path, name))

    walk(query, database, ())


def expand(
    tree: exp.Expr,
    database: str,
    view_of: Callable[[str, str, exp.Table], View | None],
    parse: Callable[[str], exp.Expr],
    *,
    depth: int = 0,
) -> None:
    """Put the query of each view in the place of its name; ``view_of(database, name, node)`` is None for a table."""
    for table in _tables(tree):
        view = view_of(table.db.lower() or database, table.name.lower(), table)
        if view is None:
            if depth and not table.db:  # inside of a view, names are those of the view's database
                table.set("db", exp.to_identifier(database))
            continue
        if depth >= _DEEPEST:
            raise QueryFailed("VIEW_IS_RECURSIVE", f"line 1:1: the view {table.name} is made of itself")
        query = parse(view.sql)
        if isinstance(query, exp.Values):
            query = exp.select("*").from_(exp.alias_(query, "values", table=True))
        if not isinstance(query, exp.Query):
            raise QueryFailed("INVALID_VIEW", f"line 1:1: the text of the view {table.name} is no query")
        for node in query.walk():
            node.meta.pop("start", None)  # it is no place in the statement that names the view
        expand(query, view.database, view_of, parse, depth=depth + 1)
        _replace(tree, table, exp.Subquery(this=query), view)


def _tables(tree: exp.Expr) -> list[exp.Table]:
    found = {
        id(source): source
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    }
    return list(found.values())


def _replace(tree: exp.Expr, table: exp.Table, query: exp.Subquery, view: View) -> None:
    alias = table.args.get("alias")
    name = alias.name if alias is not None and alias.this else table.name
    if alias is not None:
        check_width(alias, len(view.columns))
    columns = (alias.args.get("columns") if alias is not None else None) or [exp.to_identifier(c) for c in view.columns]
    query.set("alias", exp.TableAlias(this=exp.to_identifier(name), columns=[each.copy() for each in columns]))
    for key in ("joins", "laterals"):
        if table.args.get(key):
            query.set(key, table.args[key])
    if table.db and alias is None:  # db.view.column is view.column of what stands there now
        for column in tree.find_all(exp.Column):
            if column.text("db") == table.db and column.table == table.name:
                column.set("db", None)
                column.set("catalog", None)
    table.replace(query)
