"""The databases and tables of the Glue catalog that a query's caller may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from moto.core.exceptions import JsonRESTError
from moto.glue.models import glue_backends
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive import HiveSource, PartitionsSource
from localaws.athena.hive.pruning import Pruning
from localaws.athena.iceberg import IcebergSource, open_table
from localaws.athena.leave import Leave
from localaws.athena.plan import TableName
from localaws.athena.sources import FixedSource, QuerySource, Rows
from localaws.athena.views import View, stored
from localaws.context import Context


class Catalog:
    """The tables that one query may read; each is opened once."""

    def __init__(
        self, ctx: Context, *, account: str, region: str, evaluate: Callable[[str], Any], leave: Leave | None = None
    ) -> None:
        self._ctx, self._leave = ctx, leave or Leave(ctx)
        self._glue = glue_backends[account][region]
        self._evaluate = evaluate
        self._opened: dict[TableName, QuerySource] = {}

    def columns_of(self, name: TableName, position: str) -> dict[str, exp.DataType]:
        """Return the types of a table's columns by name; TABLE_NOT_FOUND gives the position in the query."""
        return self.open(name, position).columns

    def readable(self, name: TableName, position: str) -> tuple[dict[str, exp.DataType], dict[str, exp.DataType]]:
        """Return the columns of a table that a star stands for, and those that a query can name besides."""
        source = self.open(name, position)
        return source.columns, source.hidden

    def open(self, name: TableName, position: str = "line 1:1") -> QuerySource:
        """Return the source of a table's rows."""
        if name not in self._opened:
            self._opened[name] = self._open(name, position)
        return self._opened[name]

    def rows(self, name: TableName, wanted: set[str], pruning: Pruning) -> Rows:
        """Return the table's rows with at least the ``wanted`` columns, of a Hive table those that matter."""
        source = self.open(name)
        return source.rows(wanted, pruning) if isinstance(source, HiveSource) else source.rows(wanted)

    def fix(self, sources: Mapping[TableName, QuerySource]) -> None:
        """Forget what is open, and have these sources be the tables of these names from now on."""
        self._opened = dict(sources)

    def view_of(self, database: str, name: str, position: str) -> View | None:
        """Return the view of that name; None for a table, and for what is not there, which is said where it is read."""
        if not database or database == "information_schema" or "$" in name:
            return None
        table = self.table(database, name, position)
        return stored(table) if table.get("TableType") == "VIRTUAL_VIEW" else None

    def databases(self) -> list[str]:
        """Return the names of the databases that the caller may see, sorted."""
        self._leave.glue("GetDatabases")
        return sorted(
            database.name
            for database in self._glue.get_databases()
            if self._leave.shows(("GetDatabases", "GetDatabase"), database.name)
        )

    def tables(self, database: str) -> list[dict[str, Any]]:
        """Return the Glue tables of a database that the caller may see, by name; SCHEMA_NOT_FOUND if there is none."""
        self._leave.glue("GetTables", database)
        try:
            found = self._glue.get_tables(database, None)
        except JsonRESTError:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"line 1:1: Schema '{database}' does not exist") from None
        shown = [table for table in found if self._leave.shows(("GetTables", "GetTable"), database, table.name)]
        return sorted((table.as_dict() for table in shown), key=lambda table: str(table["Name"]))

    def table(self, database: str, name: str, position: str = "line 1:1") -> dict[str, Any]:
        """Return the Glue table; TABLE_NOT_FOUND or SCHEMA_NOT_FOUND if there is none."""
        if not database:
            raise QueryFailed(
                "MISSING_SCHEMA_NAME", f"{position}: Schema must be specified when session schema is not set"
            )
        self._leave.glue("GetDatabase", database)
        self._leave.glue("GetTable", database, name)
        try:
            self._glue.get_database(database)
        except JsonRESTError:
            raise QueryFailed("SCHEMA_NOT_FOUND", f"{position}: Schema '{database}' does not exist") from None
        try:
            found: dict[str, Any] = self._glue.get_table(database, name).as_dict()
        except JsonRESTError:
            raise QueryFailed(
                "TABLE_NOT_FOUND", f"{position}: Table 'awsdatacatalog.{database}.{name}' does not exist"
            ) from None
        return found

    def glue_columns(self, table: dict[str, Any]) -> list[tuple[str, str, bool]]:
        """Return name, Hive type and whether it is a partition key, for every column in the catalog."""
        columns = [(c["Name"], c["Type"], False) for c in columns_now(table)]
        return columns + [(c["Name"], c["Type"], True) for c in table.get("PartitionKeys") or []]

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """Return the partitions of a Hive table."""
        self._leave.glue("GetPartitions", database, name)
        return [p.as_dict() for p in self._glue.get_table(database, name).partitions.values()]

    def iceberg(self, database: str, name: str) -> IcebergSource:
        """Return an Iceberg table as its metadata say it."""
        source = self.open(TableName(database, name))
        assert isinstance(source, IcebergSource), f"{database}.{name} is no Iceberg table"
        return source

    def _open(self, name: TableName, position: str) -> QuerySource:
        if name.database == "information_schema":
            return self._information_schema(name.name, position)
        table = self.table(name.database, name.name, position)
        parameters = table.get("Parameters") or {}
        if "metadata_location" in parameters:
            version = name.version
            if version is not None and version[0] == "TIMESTAMP":
                return open_table(
                    self._ctx,
                    self._leave,
                    parameters["metadata_location"],
                    suffix=name.suffix,
                    version=("TIMESTAMP", self._evaluate(version[1])),
                )
            return open_table(
                self._ctx, self._leave, parameters["metadata_location"], suffix=name.suffix, version=version
            )
        if name.suffix == "partitions" and table.get("PartitionKeys") and not name.version:
            return PartitionsSource(table, self.partitions(name.database, name.name))
        if name.suffix or name.version:
            raise not_supported("a metadata table or time travel on a table that is not Iceberg")
        partitions = self.partitions(name.database, name.name) if table.get("PartitionKeys") else []
        return HiveSource(self._ctx, self._leave, table, partitions)

    def _information_schema(self, name: str, position: str) -> FixedSource:
        if name == "schemata":
            rows: list[dict[str, Any]] = [
                {"catalog_name": "awsdatacatalog", "schema_name": database} for database in self.databases()
            ]
            return FixedSource(_table(rows, ("catalog_name", "schema_name")))
        pairs = [
            (database, table)
            for database in self.databases()
            if self._leave.shows(("GetTables",), database)
            for table in self.tables(database)
        ]
        if name == "tables":
            rows = [{"table_catalog": "awsdatacatalog", "table_schema": database, "table_name": table["Name"],
                     "table_type": "VIEW" if table.get("TableType") == "VIRTUAL_VIEW" else "BASE TABLE"}
                    for database, table in pairs]  # fmt: skip
            return FixedSource(_table(rows, ("table_catalog", "table_schema", "table_name", "table_type")))
        if name == "views":
            rows = [
                {"table_catalog": "awsdatacatalog", "table_schema": database, "table_name": table["Name"],
                 "view_definition": stored(table).sql}
                for database, table in pairs if table.get("TableType") == "VIRTUAL_VIEW"
            ]  # fmt: skip
            return FixedSource(_table(rows, ("table_catalog", "table_schema", "table_name", "view_definition")))
        if name == "columns":
            rows = [
                {"table_catalog": "awsdatacatalog", "table_schema": database, "table_name": table["Name"],
                 "column_name": column.lower(), "ordinal_position": number, "column_default": None,
                 "is_nullable": "YES", "data_type": types.trino_name(types.declared_type(table, kind)),
                 "comment": comments.get(column), "extra_info": "partition key" if key else None}
                for database, table in pairs
                for comments in [comments_of(table)]
                for number, (column, kind, key) in enumerate(self.glue_columns(table), start=1)
            ]  # fmt: skip
            names = ("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position",
                     "column_default", "is_nullable", "data_type", "comment", "extra_info")  # fmt: skip
            return FixedSource(_table(rows, names))
        raise QueryFailed(
            "TABLE_NOT_FOUND", f"{position}: Table 'awsdatacatalog.information_schema.{name}' does not exist"
        )


def _table(rows: list[dict[str, Any]], names: tuple[str, ...]) -> pa.Table:
    kinds = {"ordinal_position": pa.int64()}
    return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in names})


def columns_now(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a Glue table's columns without those that an Iceberg table had once, which its catalog keeps."""
    columns: list[dict[str, Any]] = (table.get("StorageDescriptor") or {}).get("Columns") or []
    return [c for c in columns if (c.get("Parameters") or {}).get("iceberg.field.current") != "false"]


def comments_of(table: dict[str, Any]) -> dict[str, str]:
    """Return the comments of a Glue table's columns by name, each on one line; those that have none are left out."""
    columns = [*columns_now(table), *(table.get("PartitionKeys") or [])]
    return {c["Name"]: " ".join(c["Comment"].split()) for c in columns if c.get("Comment")}
