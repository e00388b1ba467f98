"""DuckDB connections for text that others declared: out of reach of files, network, extensions and settings.

The only place of Sluice that opens one. Whatever SQL a contract or a transform brings runs on a connection made here:
see ``docs/decisions/0014-declared-sql-is-bound-and-confined.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb

from sluice.shortened import shortened
from sluice.telling import TELLING

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


#: The kinds of nodes of DuckDB's own parse tree of which a check is made; any other is refused.
_KINDS = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "DISTINCT_MODIFIER",
    "LIMIT_MODIFIER", "ORDER_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "BETWEEN", "CASE_EXPR",
    "OPERATOR_CAST", "COLUMN_REF", "COMPARE_DISTINCT_FROM", "COMPARE_EQUAL", "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_NOTEQUAL",
    "COMPARE_NOT_DISTINCT_FROM", "COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN", "COMPARE_IN", "COMPARE_NOT_IN",
    "CONJUNCTION_AND", "CONJUNCTION_OR", "VALUE_CONSTANT", "FUNCTION", "OPERATOR_COALESCE", "OPERATOR_IS_NULL",
    "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT", "STAR", "TYPE", "WINDOW_AGGREGATE", "WINDOW_FIRST_VALUE", "WINDOW_LAG",
    "WINDOW_LAST_VALUE", "WINDOW_LEAD", "WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_ROW_NUMBER",
})  # fmt: skip
#: What the functions that ``sluice.transforms.queries`` allows are called on DuckDB, and those of Sluice's own metrics.
FUNCTIONS = frozenset({
    "%", "*", "+", "-", "/", "||", "~~", "!~~", "like_escape", "not_like_escape", "abs", "approx_count_distinct",
    "arg_max", "arg_min", "avg", "bool_and", "bool_or", "ceil", "concat", "concat_ws", "corr", "count", "count_if",
    "count_star", "date_diff", "date_part", "date_trunc", "day", "dense_rank", "epoch", "exp", "first_value", "floor",
    "greatest", "hour", "lag", "last_value", "lead", "least", "length", "ln", "lower", "max", "min", "minute", "month",
    "now", "nullif", "power", "quarter", "rank", "regexp_matches", "replace", "reverse", "round", "row", "row_number",
    "second", "sign", "split_part", "sqrt", "starts_with", "stddev", "stddev_pop", "stddev_samp", "strpos",
    "substring", "sum", "to_days", "to_hours", "to_microseconds", "to_milliseconds", "to_minutes", "to_months",
    "to_seconds", "to_weeks", "to_years", "trim", "trunc", "upper", "var_pop", "variance", "year",
})  # fmt: skip


def only_query(connection: duckdb.DuckDBPyConnection, text: str, relations: Iterable[str]) -> None:
    """Raise ``PermissionError`` unless DuckDB reads ``text`` as one SELECT of ``relations`` and nothing else.

    The last look before a declared text runs, at what the engine makes of it: relations that are lent to it or that its
    own WITH defined before, and kinds of nodes and functions that are on a list.
    """
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise PermissionError(f"not one SELECT: {parsed.get('error_message', 'several statements')}")
    lent = {tuple(relation.lower().split(".")) for relation in relations}
    top = parsed["statements"][0]["node"]
    # A WITH is allowed at the top alone, where its names hold from there to the end of the text.
    defined = (top.pop("cte_map", None) or {}).get("map", ())
    for entry in defined:
        _refuse_more(connection, entry["value"], lent)
        lent = {*lent, (entry["key"].lower(),)}
    _refuse_more(connection, top, lent)


def _refuse_more(connection: duckdb.DuckDBPyConnection, tree: Any, lent: set[tuple[str, ...]]) -> None:
    columns: set[str] | None = None
    for node in _nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind not in _KINDS:
            raise PermissionError(f"{kind.lower().replace('_', ' ')} is nothing that a check may do")
        if (node.get("cte_map") or {}).get("map"):
            raise PermissionError("WITH is allowed at the top of the query alone")
        if kind == "BASE_TABLE":
            path = [part for part in (node["catalog_name"], node["schema_name"], node["table_name"]) if part]
            if tuple(part.lower() for part in path) not in lent:
                raise PermissionError(f"{'.'.join(path)} is no table that a check may look at")
        function = node.get("function_name")
        if function is not None and (function.lower() not in FUNCTIONS or node.get("schema") or node.get("catalog")):
            raise PermissionError(f"{function} is no function that a check may call")
        if kind == "COLUMN_REF" and len(node["column_names"]) == 1 and node["column_names"][0].lower() in TELLING:
            columns = _columns(connection, lent) if columns is None else columns
            if node["column_names"][0].lower() not in columns:
                raise PermissionError(f"{node['column_names'][0]} is no column that a check may look at")


def _columns(connection: duckdb.DuckDBPyConnection, relations: Iterable[tuple[str, ...]]) -> set[str]:
    """Return the names of the columns of those of ``relations`` that are there."""
    found = set()
    for relation in relations:
        try:
            rows = connection.execute(f"DESCRIBE {'.'.join(map(quoted, relation))}").fetchall()
        except duckdb.CatalogException:  # a name of the query's own WITH
            continue
        found |= {name.lower() for name, *_ in rows}
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a tree of dicts and lists, however deep it is."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


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
