"""Views in a query: what the Glue catalog keeps of one, put in the place of its name.

A view is kept as Trino keeps it, a JSON text in base 64 with its SQL, its database and its columns.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from localaws.athena.column_aliases import check_width
from localaws.athena.errors import QueryFailed

_MARK = re.compile(r"/\* Presto View: (.*?) \*/", re.DOTALL)
#: How deep views may be made of views.
_DEEPEST = 50


@dataclass(frozen=True)
class View:
    """A view's SQL, the database in which its names are looked for, and its columns."""

    sql: str
    database: str
    columns: tuple[str, ...]


def stored(table: dict[str, Any]) -> View:
    """Return the view that a Glue table keeps."""
    found = _MARK.search(table.get("ViewOriginalText") or "")
    try:
        said = json.loads(base64.b64decode(found[1])) if found else None
        columns = tuple(str(column["name"]).lower() for column in said["columns"]) if said else ()
        if said and isinstance(said["originalSql"], str):
            return View(said["originalSql"], str(said.get("schema") or "").lower(), columns)
    except (ValueError, TypeError, KeyError, binascii.Error):
        pass
    name = f"{table.get('DatabaseName')}.{table.get('Name')}"
    raise QueryFailed("INVALID_VIEW", f"line 1:1: The text of the view '{name}' is none of Athena's")


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
