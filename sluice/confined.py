"""DuckDB connections for text that others declared: out of reach of files, network, extensions and settings.

The only place of Sluice that opens one. Whatever SQL a contract or a transform brings runs on a connection made here:
see ``docs/decisions/0014-declared-sql-is-bound-and-confined.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb

from sluice.runs import shortened

#: Known at opening: no variable of a caller is a table, and nothing is fetched or loaded.
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}


def connect(
    *, settings: Mapping[str, str | bool] | None = None, readable: Iterable[str] = ()
) -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory, in UTC, with ``settings``; afterwards no setting can be changed.

    SQL reaches the folders in ``readable`` (paths, or ``protocol://`` of a file system registered later), the folder of
    the setting ``temp_directory``, and no other file.
    """
    connection = duckdb.connect(config=_CLOSED)
    for name, value in {"TimeZone": "UTC", **(settings or {})}.items():
        connection.execute(f"SET {name} = {literal(value)}")
    if folders := ", ".join(literal(folder) for folder in readable):
        connection.execute(f"SET allowed_directories = [{folders}]")
    # In this order: where DuckDB may write cannot be said any more once files are out of reach.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


#: Kinds of relations in DuckDB's own parse tree that are no tables.
_NO_TABLES = {"TABLE_FUNCTION", "SHOW_REF", "PIVOT", "COLUMN_DATA", "DELIM_GET", "RECURSIVE_CTE_NODE"}
#: Functions that tell of the engine, not of their arguments.
_TELLING = ("current_setting", "getvariable", "getenv", "current_query", "write_log", "nextval", "setval", "sleep_ms")


def only_query(connection: duckdb.DuckDBPyConnection, text: str, relations: Iterable[str]) -> None:
    """Raise ``PermissionError`` unless DuckDB reads ``text`` as one SELECT of ``relations`` and nothing else.

    The last look before a declared text runs, at what the engine makes of it: no table function, no other table, view
    or file, no function that tells of settings.
    """
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise PermissionError(f"not one SELECT: {parsed.get('error_message', 'several statements')}")
    nodes = list(_nodes(parsed))
    named = {entry["key"] for node in nodes for entry in (node.get("cte_map") or {}).get("map", ())}
    allowed = {relation.lower() for relation in relations}
    for node in nodes:
        kind = node.get("type")
        if kind in _NO_TABLES:
            raise PermissionError(f"{kind.lower().replace('_', ' ')} is no table that a check may look at")
        if kind == "BASE_TABLE":
            path = ".".join(part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part)
            if path.lower() not in allowed and path not in named:
                raise PermissionError(f"{path} is no table that a check may look at")
        if kind == "FUNCTION" and node.get("function_name", "").lower().startswith(_TELLING):
            raise PermissionError(f"{node['function_name']} is no function that a check may call")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)


def said(error: Exception) -> str:
    """Return what an engine says is wrong, without the text that it repeats, in a bounded length."""
    text = str(error).partition("\n\nLINE ")[0].partition("\nLINE ")[0]
    return shortened(" ".join(text.split())).rstrip(".")


def literal(value: str | bool) -> str:
    """Return a text or truth value as SQL."""
    return str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a name, each part between its dots quoted, as SQL of DuckDB and of Athena."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
