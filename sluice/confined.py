"""Opens DuckDB connections on which declared SQL cannot reach files, network, extensions or settings.

No other module opens a DuckDB connection, so all SQL of contracts and transforms runs on one that is made here: see
``docs/decisions/0014-declared-sql-is-bound-and-confined.md``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import duckdb

from sluice.macros import macros
from sluice.shortened import shortened
from sluice.telling import TELLING

#: Settings of every connection: Python variables are never read as tables, and no extension is installed or loaded.
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "python_enable_replacements": "false",
    "python_scan_all_frames": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}


def connect(
    *,
    settings: Mapping[str, str | bool] | None = None,
    readable: Iterable[str] = (),
    calling: Iterable[str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty in-memory database in UTC, with ``settings`` that SQL cannot change any more.

    SQL can read files only in the folders of ``readable`` (paths, or ``protocol://`` of a file system registered later)
    and in the setting ``temp_directory``. It has the macros that the texts ``calling`` call; by default, every macro.
    """
    connection = duckdb.connect(config=_CLOSED)
    for name, value in {"TimeZone": "UTC", **(settings or {})}.items():
        connection.execute(f"SET {name} = {literal(value)}")
    if folders := ", ".join(literal(folder) for folder in readable):
        connection.execute(f"SET allowed_directories = [{folders}]")
    connection.execute(macros(calling))
    # In this order: DuckDB refuses to set temp_directory and allowed_directories once external access is disabled.
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


#: The kinds of nodes in DuckDB's parse tree that a check may consist of; any other is refused.
_KINDS = frozenset({
    "SELECT_NODE", "SET_OPERATION_NODE", "BASE_TABLE", "SUBQUERY", "JOIN", "EMPTY", "DISTINCT_MODIFIER",
    "LIMIT_MODIFIER", "ORDER_MODIFIER", "ORDER_DEFAULT", "ASCENDING", "DESCENDING", "BETWEEN", "CASE_EXPR",
    "OPERATOR_CAST", "COLUMN_REF", "COMPARE_DISTINCT_FROM", "COMPARE_EQUAL", "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_NOTEQUAL",
    "COMPARE_NOT_DISTINCT_FROM", "COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN", "COMPARE_IN", "COMPARE_NOT_IN",
    "CONJUNCTION_AND", "CONJUNCTION_OR", "VALUE_CONSTANT", "FUNCTION", "OPERATOR_COALESCE", "OPERATOR_IS_NULL",
    "OPERATOR_IS_NOT_NULL", "OPERATOR_NOT", "STAR", "TYPE", "WINDOW_AGGREGATE", "WINDOW_FIRST_VALUE", "WINDOW_LAG",
    "WINDOW_LAST_VALUE", "WINDOW_LEAD", "WINDOW_RANK", "WINDOW_RANK_DENSE", "WINDOW_ROW_NUMBER", "LAMBDA",
    "ARRAY_EXTRACT",
})  # fmt: skip
#: DuckDB's names of the functions that ``sluice.transforms.queries`` allows, and of those in Sluice's own checks.
FUNCTIONS = frozenset({
    "!~~", "%", "&", "*", "+", "-", "/", "//", "abs", "approx_count_distinct", "arg_max", "arg_min",
    "array_to_string", "avg", "bool_and", "bool_or", "ceil", "concat", "concat_ws", "corr", "count", "count_if",
    "count_star", "date_diff", "date_part", "date_trunc", "day", "dayofyear", "dense_rank", "epoch", "epoch_us",
    "exp", "first_value", "floor", "greatest", "hour", "instr", "isnan", "isodow", "lag", "last_day", "last_value",
    "lead", "least", "length", "like_escape", "list_reverse", "list_transform", "list_value", "ln", "lower", "ltrim",
    "make_date",
    "max", "min", "minute", "month", "not_like_escape", "now", "nullif", "power", "quarter", "rank",
    "regexp_extract_all", "regexp_matches", "replace", "reverse", "round", "round_even", "row", "row_number", "rtrim",
    "second", "sign", "sluice_boolean", "sluice_date", "sluice_lower", "sluice_number", "sluice_strictly_whole",
    "sluice_upper", "split_part", "sqrt", "starts_with", "stddev", "stddev_pop", "stddev_samp", "strpos", "substring",
    "sum", "to_days", "to_hours", "to_microseconds", "to_milliseconds", "to_minutes", "to_months", "to_seconds",
    "to_weeks", "to_years", "trim", "trunc", "upper", "var_pop", "variance", "week", "year", "||", "~~",
})  # fmt: skip


def only_query(connection: duckdb.DuckDBPyConnection, text: str, relations: Iterable[str]) -> None:
    """Raise ``PermissionError`` unless DuckDB parses ``text`` as one SELECT of ``relations`` and nothing else.

    This is the last barrier before a declared query runs. The tree of DuckDB's own parser may contain only the given
    relations, names that an earlier WITH defines, and the listed kinds of nodes and functions.
    """
    parsed = json.loads(connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    if parsed["error"] or len(parsed["statements"]) != 1:
        raise PermissionError(f"not one SELECT: {parsed.get('error_message', 'several statements')}")
    lent = {tuple(relation.lower().split(".")) for relation in relations}
    top = parsed["statements"][0]["node"]
    # WITH is allowed only at the top, where its names are valid from each definition to the end of the query.
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
    """Return the column names of all ``relations`` that exist."""
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
    """Return an engine's error message, bounded in length and without the query that the engine repeats in it."""
    text = str(error).partition("\n\nLINE ")[0].partition("\nLINE ")[0]
    return shortened(" ".join(text.split())).rstrip(".")


def literal(value: str | bool) -> str:
    """Return a text or a boolean as an SQL literal."""
    return str(value).lower() if isinstance(value, bool) else "'" + value.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return a dotted name with each part quoted, as SQL of DuckDB and Athena."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
