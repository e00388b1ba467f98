"""Tables: external ones over objects in S3, and empty Iceberg tables; created and dropped.

https://docs.aws.amazon.com/athena/latest/ug/create-table.html
"""

from __future__ import annotations

from typing import Any

from sqlglot.errors import SqlglotError

from localaws.athena import typing as types
from localaws.athena.definitions import iceberg_tables
from localaws.athena.definitions.place import Place, failed, is_iceberg, is_view, not_done
from localaws.athena.hive.stored import STORED
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds


def create(statement: kinds.CreateTable, place: Place) -> None:
    """Create a table; with IF NOT EXISTS one that is there stays as it is."""
    name = place.name(statement.name)
    place.leave.glue("CreateTable", name.database, name.name)
    iceberg = {key.lower(): value for key, value in statement.properties.items()}.get("table_type", "").lower()
    if iceberg not in ("", "iceberg"):
        failed(f"SemanticException table_type is ICEBERG or is left out, not {iceberg}")
    _check_columns(statement)
    if place.found(name) is not None:
        if statement.exists_ok:
            return
        not_done(f"AlreadyExistsException(message:Table {name.name} already exists)")
    if iceberg:
        iceberg_tables.create(statement, name, place)
        return
    if not statement.external:
        failed(
            "SemanticException only external tables and Iceberg tables can be created: write CREATE EXTERNAL TABLE, or "
            "TBLPROPERTIES ('table_type'='ICEBERG')"
        )
    if statement.transforms:
        failed(f"SemanticException the partition key {statement.transforms[0].column} has no type")
    if not statement.location:
        failed("SemanticException a table needs a LOCATION in S3")
    path_of(statement.location)
    try:
        place.glue.create_table(DatabaseName=name.database, TableInput=_hive_input(statement, name.name))
    except place.glue.exceptions.AlreadyExistsException:  # made by another query meanwhile
        if not statement.exists_ok:
            not_done(f"AlreadyExistsException(message:Table {name.name} already exists)")


def drop(statement: kinds.DropTable, place: Place) -> None:
    """Drop a table: an external one leaves its objects, an Iceberg table's go with it."""
    name = place.name(statement.name)
    place.leave.glue("DeleteTable", name.database, name.name)
    table = place.found(name)
    if table is None:
        if statement.exists_ok:
            return
        failed(f"SemanticException [Error 10001]: Table not found {name}")
    if is_view(table):
        failed(f"SemanticException [Error 10131]: Cannot drop a view with DROP TABLE: {name}")
    if is_iceberg(table):
        iceberg_tables.drop(name, table, place)
        return
    place.glue.delete_table(DatabaseName=name.database, Name=name.name)


def described(columns: tuple[kinds.Column, ...]) -> list[dict[str, str]]:
    """Return columns as Glue has them."""
    return [
        {"Name": each.name, "Type": each.type} | ({"Comment": each.comment} if each.comment else {}) for each in columns
    ]


def check_type(column: kinds.Column) -> None:
    """Raise for a type that Athena does not have."""
    try:
        kind = types.hive_type(column.type)
        types.arrow_type(kind)
    except (SqlglotError, KeyError, ValueError):
        failed(f"ParseException the type {column.type} of the column {column.name} is none of Athena's")


def _check_columns(statement: kinds.CreateTable) -> None:
    names = [column.name for column in (*statement.columns, *statement.keys)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        failed(f"SemanticException [Error 10036]: Duplicate column name: {twice}")
    for column in (*statement.columns, *statement.keys):
        check_type(column)


def _hive_input(statement: kinds.CreateTable, name: str) -> dict[str, Any]:
    stored = STORED.get(statement.stored_as or "textfile")
    if stored is None:
        failed(f"SemanticException Unrecognized file format in STORED AS clause: '{statement.stored_as}'")
    properties = dict(statement.serde_properties)
    serde = statement.serde or stored.serde
    if serde == STORED["textfile"].serde:
        properties.setdefault("serialization.format", "1")
    reads, writes = statement.formats or stored[1:]
    storage: dict[str, Any] = {
        "Columns": described(statement.columns),
        "Location": statement.location,
        "InputFormat": reads,
        "OutputFormat": writes,
        "SerdeInfo": {"SerializationLibrary": serde, "Parameters": properties},
        "NumberOfBuckets": statement.buckets or -1,
    }
    if statement.bucketed_by:
        storage["BucketColumns"] = list(statement.bucketed_by)
    parameters = {"EXTERNAL": "TRUE", **statement.properties}
    if statement.comment:
        parameters["comment"] = statement.comment
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "StorageDescriptor": storage,
        "PartitionKeys": described(statement.keys),
    }
