"""Writes rows to Iceberg tables: each statement is one commit, and one that fails leaves the table as it was.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-updating-iceberg-table-data.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.definitions import iceberg_tables
from localaws.athena.definitions.place import Place, failed
from localaws.athena.engine import Answer
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name
from localaws.athena.statements.words import Words
from localaws.athena.typing import DType
from localaws.athena.written_iceberg import catalog_of

#: How often a commit is tried again that another writer came before.
_TRIES: Final = 20
#: A table's own property that names Python code: a table is user input, and none of its code runs here.
_CODE: Final = "write.py-location-provider.impl"
_PROPERTIES: Final = frozenset({"table_type", "location", "external_location", "is_external", "partitioning"})


def append(name: Name, answer: Answer, place: Place) -> list[str]:
    """Add rows to an Iceberg table; return the addresses of the files that were written."""
    place.leave.glue("UpdateTable", name.database, name.name)

    def change(table: Table) -> None:
        if answer.table.num_rows:
            table.append(_of_schema(answer.table, table.schema()))

    return _committed(name, place, change)


def create_table_as(
    statement: kinds.CreateTableAs, name: Name, properties: dict[str, str], place: Place
) -> tuple[Answer, list[str]]:
    """Create an Iceberg table with the query's rows, in one commit."""
    if properties.get("is_external", "").lower() != "false":
        failed("SemanticException an Iceberg table needs is_external = false")
    location = properties.get("location") or properties.get("external_location")
    if not location:
        failed("SemanticException an Iceberg table needs a location in S3")
    path_of(location)
    answer = place.answer(statement.query) if statement.with_data else place.described(statement.query)
    fields = [
        (column.name.lower(), iceberg_tables.iceberg_type(_plain(column.type), column.name), "")
        for column in answer.columns
    ]
    schema = iceberg_tables.schema_of(fields)
    given = {key: value for key, value in properties.items() if key not in _PROPERTIES}
    kept = {"format-version": "2"} | iceberg_tables.properties_of(given)
    partitioning = statement.properties.get("partitioning", ())
    transforms = tuple(_transform(text) for text in ([partitioning] if isinstance(partitioning, str) else partitioning))
    spec = iceberg_tables.spec_of(transforms, schema)
    catalog = catalog_of(place.ctx, place.leave)
    try:
        with catalog.create_table_transaction(
            (name.database, name.name), schema, location.rstrip("/"), spec, properties=kept
        ) as transaction:
            if answer.table.num_rows:
                transaction.append(_of_schema(answer.table, transaction.table_metadata.schema()))
    except (TableAlreadyExistsError, CommitFailedException):
        raise QueryFailed(
            "TABLE_ALREADY_EXISTS", f"line 1:1: Destination table 'awsdatacatalog.{name}' already exists"
        ) from None
    return answer, _written(catalog.load_table((name.database, name.name)), set())


def _committed(name: Name, place: Place, change: Callable[[Table], None]) -> list[str]:
    """Have ``change`` commit to the table as it is, anew when another writer was first; return the files it added."""
    catalog = catalog_of(place.ctx, place.leave)
    for _ in range(_TRIES):
        try:
            table = catalog.load_table((name.database, name.name))
        except NoSuchTableError:
            raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: Table 'awsdatacatalog.{name}' does not exist") from None
        if _CODE in table.properties:
            raise not_supported(f"a table with the property {_CODE}")
        before = {snapshot.snapshot_id for snapshot in table.snapshots()}
        try:
            change(table)
        except CommitFailedException:
            continue
        return _written(table, before)
    raise QueryFailed("ICEBERG_COMMIT_ERROR", f"Failed to commit the transaction: {name} was changed {_TRIES} times")


def _written(table: Table, before: set[int]) -> list[str]:
    """Return the files that the newest snapshot added, if it is not one of ``before``."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.snapshot_id in before:
        return []
    return [
        entry.data_file.file_path
        for manifest in snapshot.manifests(table.io)
        if manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.snapshot_id == snapshot.snapshot_id
    ]


def _of_schema(rows: pa.Table, schema: Schema) -> pa.Table:
    """Return rows whose columns have the table's names and types, in its order."""
    target = schema_to_pyarrow(schema, include_field_ids=False)
    arrays = []
    for field in target:
        column = (
            rows.column(rows.column_names.index(field.name.lower()))
            if field.name.lower() in rows.column_names
            else None
        )
        arrays.append(pa.nulls(rows.num_rows, field.type) if column is None else column.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=target)


def _plain(kind: exp.DataType) -> exp.DataType:
    """Return the type without a text's length, which Iceberg does not keep."""
    found = kind.copy()
    for node in found.find_all(exp.DataType):
        if node.this in types.TEXT:
            node.set("this", DType.VARCHAR)
            node.set("expressions", [])
    return found


def _transform(text: str) -> kinds.Transform:
    """Read a field of ``partitioning``: ``month(at)``, ``bucket(id, 16)``, a column's name."""
    words = Words(text, hive=False)
    name, argument = words.identifier(), None
    if not words.take("("):
        words.end()
        return kinds.Transform("identity", name)
    column = words.identifier()
    if words.take(","):
        argument = words.integer()
    words.need(")")
    words.end()
    if name not in ("year", "month", "day", "hour", "bucket", "truncate") or (argument is None) == (name[0] in "bt"):
        failed(f"SemanticException {text!r} is no partition field of an Iceberg table")
    return kinds.Transform(name, column, argument)
