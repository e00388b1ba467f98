"""Answers SHOW and DESCRIBE from the Glue catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from localaws.athena import typing as types
from localaws.athena.catalog import Catalog, comments_of
from localaws.athena.errors import QueryFailed
from localaws.athena.results import Results, of_lines
from localaws.athena.show_create import hive_lines, iceberg_lines
from localaws.athena.statements import kinds
from localaws.athena.views import stored
from localaws.wildcards import matches


def show(statement: kinds.Statement, database: str, catalog: Catalog) -> Results:
    """Return the lines of a SHOW or DESCRIBE of one of ``SHOWN``."""
    return _SHOWN[type(statement)](statement, database, catalog)


def _databases(statement: kinds.ShowDatabases, database: str, catalog: Catalog) -> Results:
    return of_lines("database_name", lines=_like(catalog.databases(), statement.pattern))


def _tables(statement: kinds.ShowTables, database: str, catalog: Catalog) -> Results:
    found = catalog.tables(statement.database or database)
    names = [str(table["Name"]) for table in found if not statement.views or table.get("TableType") == "VIRTUAL_VIEW"]
    return of_lines("views" if statement.views else "tab_name", lines=_like(names, statement.pattern))


def _columns(statement: kinds.ShowColumns, database: str, catalog: Catalog) -> Results:
    columns = catalog.glue_columns(_table(statement.name, database, catalog))
    return of_lines("field", lines=[name.ljust(20) for name, _, _ in columns])


def _table(name: kinds.Name, database: str, catalog: Catalog) -> dict[str, Any]:
    full = name.within(database)
    return catalog.table(full.database, full.name)


def _describe(statement: kinds.Describe, database: str, catalog: Catalog) -> Results:
    table = _table(statement.name, database, catalog)
    columns = catalog.glue_columns(table)
    comments = comments_of(table)
    if statement.column:
        return _described_column(statement, columns, comments)
    lines = [_line(name, kind, comments) for name, kind, _ in columns]
    keys = [_line(name, kind, comments) for name, kind, key in columns if key]
    if keys:
        lines += [
            "\t \t ",
            "# Partition Information\t \t ",
            f"{'# col_name'.ljust(24)}\tdata_type           \tcomment             ",
            "\t \t ",
            *keys,
        ]
    if statement.style:
        lines += ["\t \t ", "# Detailed Table Information\t \t ", *_details(table)]
    return of_lines(*_DESCRIBED, lines=lines)


#: Athena has these columns for a line of DESCRIBE, which is one text with tabs.
_DESCRIBED: Final = ("col_name", "data_type", "comment")


def _line(name: str, kind: str, comments: dict[str, str]) -> str:
    return f"{name.ljust(20)}\t{kind.ljust(20)}\t{comments.get(name, '').ljust(20)}"


def _described_column(
    statement: kinds.Describe, columns: list[tuple[str, str, bool]], comments: dict[str, str]
) -> Results:
    """Return the fields of one column, or the column itself when it has none."""
    declared = {name.lower(): kind for name, kind, _ in columns}
    first, *inner = statement.column
    if first not in declared:
        raise QueryFailed("FAILED", f"SemanticException [Error 10002]: Invalid column reference {first}")
    kind = types.hive_type(declared[first])
    for step in inner:
        fields = {field.name.lower(): field.kind for field in kind.expressions if hasattr(field, "kind")}
        if step not in fields:
            raise QueryFailed("FAILED", f"SemanticException [Error 10002]: Invalid column reference {step}")
        kind = fields[step]
    if kind.this != types.DType.STRUCT:
        name = statement.column[-1]
        return of_lines(*_DESCRIBED, lines=[_line(name, kind.sql("hive").lower(), comments if not inner else {})])
    return of_lines(
        *_DESCRIBED, lines=[_line(f.name.lower(), f.kind.sql("hive").lower(), {}) for f in kind.expressions]
    )


def _details(table: dict[str, Any]) -> list[str]:
    storage = table.get("StorageDescriptor") or {}
    serde = storage.get("SerdeInfo") or {}
    rows = {
        "Database:": table.get("DatabaseName"),
        "Table:": table.get("Name"),
        "Location:": storage.get("Location"),
        "Table Type:": table.get("TableType"),
        "SerDe Library:": serde.get("SerializationLibrary"),
        "InputFormat:": storage.get("InputFormat"),
        "OutputFormat:": storage.get("OutputFormat"),
    }
    said = [f"{name.ljust(20)}\t{str(value).ljust(20)}\t " for name, value in rows.items() if value]
    parameters = table.get("Parameters") or {}
    return said + [f"Table Parameter:     \t{key}={value}\t " for key, value in sorted(parameters.items())]


def _partitions(statement: kinds.ShowPartitions, database: str, catalog: Catalog) -> Results:
    full = statement.name.within(database)
    keys = [key["Name"] for key in catalog.table(full.database, full.name).get("PartitionKeys") or []]
    if not keys:
        raise QueryFailed("FAILED", f"SemanticException [Error 10001]: Table {full} is not a partitioned table")
    found = catalog.partitions(full.database, full.name)
    return of_lines(
        "partition", lines=["/".join(f"{k}={v}" for k, v in zip(keys, p["Values"], strict=True)) for p in found]
    )


def _properties(statement: kinds.ShowProperties, database: str, catalog: Catalog) -> Results:
    parameters = _table(statement.name, database, catalog).get("Parameters") or {}
    if statement.property is not None:
        parameters = {key: value for key, value in parameters.items() if key == statement.property}
    return of_lines("prpt_name", lines=[f"{key}\t{value}" for key, value in sorted(parameters.items())])


def _create(statement: kinds.ShowCreate, database: str, catalog: Catalog) -> Results:
    full = statement.name.within(database)
    place, name = full.database, full.name
    table = catalog.table(place, name)
    if table.get("TableType") == "VIRTUAL_VIEW":
        return of_lines("Create View", lines=[f"CREATE VIEW {place}.{name} AS", *stored(table).sql.split("\n")])
    if statement.view:
        raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: '{place}.{name}' is a table, not a view")
    made = iceberg_lines if "metadata_location" in (table.get("Parameters") or {}) else hive_lines
    return of_lines("createtab_stmt", lines=made(full, table, catalog))


#: Answers each kind of SHOW and DESCRIBE.
_SHOWN: Final[dict[type, Callable[[Any, str, Catalog], Results]]] = {
    kinds.ShowDatabases: _databases,
    kinds.ShowTables: _tables,
    kinds.ShowColumns: _columns,
    kinds.ShowPartitions: _partitions,
    kinds.ShowProperties: _properties,
    kinds.ShowCreate: _create,
    kinds.Describe: _describe,
}
SHOWN: Final = tuple(_SHOWN)


def _like(names: list[str], pattern: str | None) -> list[str]:
    """Return the names that match a Hive pattern (``*`` any text, ``|`` or)."""
    if pattern is None:
        return names
    choices = [part.replace("%", "*") for part in pattern.lower().split("|")]
    return [name for name in names if any(matches(choice, name, marks=False) for choice in choices)]
