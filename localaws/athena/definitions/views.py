"""Views: kept in the Glue catalog as Trino keeps them, a JSON text in base 64.

https://docs.aws.amazon.com/athena/latest/ug/create-view.html
"""

from __future__ import annotations

import base64
import json
from typing import Any

from localaws.athena import typing as types
from localaws.athena.definitions.place import Place, is_view
from localaws.athena.errors import QueryFailed
from localaws.athena.plan import parse
from localaws.athena.sources import quoted
from localaws.athena.statements import kinds
from localaws.athena.statements.words import CATALOG
from localaws.athena.views import check_acyclic


def create(statement: kinds.CreateView, place: Place) -> None:
    """Create a view, or with OR REPLACE put it in the place of one that is there."""
    name = statement.name.within(place.database)
    place.leave.glue("CreateTable", name.database, name.name)
    there = place.found(name)
    if there is not None and not is_view(there):
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"line 1:1: Table already exists: '{CATALOG}.{name}'")
    if there is not None and not statement.replace:
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"line 1:1: View already exists: '{CATALOG}.{name}'")
    if there is not None:
        check_acyclic(statement.query, place.database, (name.database, name.name), place.catalog, parse)
    described = place.described(statement.query).columns
    labels = list(statement.columns) or [column.name.lower() for column in described]
    if len(labels) != len(described):
        raise QueryFailed(
            "MISMATCHED_COLUMN_ALIASES",
            f"line 1:1: Column alias list has {len(labels)} entries but relation has {len(described)} columns",
        )
    if not statement.columns:
        for number, column in enumerate(described, 1):
            if not column.named:
                reason = f"line 1:1: Column name not specified at position {number}"
                raise QueryFailed("MISSING_COLUMN_NAME", reason)
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{twice}' specified more than once")
    named = [(label, column.type) for label, column in zip(labels, described, strict=True)]
    query = statement.query
    if statement.columns:  # the query itself has the names
        query = f"SELECT * FROM (\n{query}\n) AS {quoted(name.name)} ({', '.join(map(quoted, labels))})"
    given = _input(name.name, query, place.database, named)
    if there is None:
        place.glue.create_table(DatabaseName=name.database, TableInput=given)
    else:
        place.leave.glue("UpdateTable", name.database, name.name)
        place.glue.update_table(DatabaseName=name.database, TableInput=given)


def drop(statement: kinds.DropView, place: Place) -> None:
    """Drop a view."""
    name = statement.name.within(place.database)
    place.leave.glue("DeleteTable", name.database, name.name)
    there = place.found(name)
    if there is None:
        if statement.exists_ok:
            return
        raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: View '{CATALOG}.{name}' does not exist")
    if not is_view(there):
        raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: '{CATALOG}.{name}' is a table, not a view: use DROP TABLE")
    place.glue.delete_table(DatabaseName=name.database, Name=name.name)


def _input(name: str, query: str, database: str, columns: list[tuple[str, Any]]) -> dict[str, Any]:
    said = {
        "originalSql": query,
        "catalog": CATALOG,
        "schema": database,
        "columns": [{"name": label, "type": types.trino_name(kind)} for label, kind in columns],
    }
    text = base64.b64encode(json.dumps(said).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "/* Presto View */",
        "StorageDescriptor": {
            "Columns": [{"Name": label, "Type": types.hive_name(kind)} for label, kind in columns],
            "SerdeInfo": {},
        },
    }
