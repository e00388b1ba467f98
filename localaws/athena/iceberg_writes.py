"""Writes rows to Iceberg tables: each statement is one commit, and one that fails leaves the table as it was.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-updating-iceberg-table-data.html
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, TableAlreadyExistsError
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import _dataframe_to_data_files, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.definitions import iceberg_tables
from localaws.athena.definitions.place import Place, failed
from localaws.athena.engine import Answer
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import path_of
from localaws.athena.nested_arrays import by_place, fitted
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name
from localaws.athena.statements.words import Words
from localaws.athena.typing import DType
from localaws.athena.written_iceberg import IcebergCatalog, committed

_PROPERTIES: Final = frozenset({"table_type", "location", "external_location", "is_external", "partitioning"})


def append(name: Name, answer: Answer, place: Place) -> list[str]:
    """Add rows to an Iceberg table; return the addresses of the files that were written."""
    place.leave.glue("UpdateTable", name.database, name.name)

    def change(table: Table, _catalog: IcebergCatalog) -> None:
        if answer.table.num_rows:
            with table.transaction() as transaction:
                _add(transaction, answer.table)

    return committed(name, place.leave, place.unstopped, change)


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
    check_partitions(spec, schema)
    catalog = IcebergCatalog(place.leave, place.unstopped)
    try:
        with catalog.create_table_transaction(
            (name.database, name.name), schema, location.rstrip("/"), spec, properties=kept
        ) as transaction:
            if answer.table.num_rows:
                _add(transaction, answer.table)
    except BaseException as error:
        undone = catalog.undone(name)
        if undone and isinstance(error, TableAlreadyExistsError | CommitFailedException):
            raise QueryFailed(
                "TABLE_ALREADY_EXISTS", f"line 1:1: Destination table 'awsdatacatalog.{name}' already exists"
            ) from None
        if undone or not isinstance(error, Exception):
            raise
    return answer, catalog.files()


def _add(transaction: Transaction, rows: pa.Table) -> None:
    """Add a snapshot with these rows."""
    metadata = transaction.table_metadata
    files = data_files(metadata, transaction._table.io, of_schema(rows, metadata.schema()))
    with transaction._append_snapshot_producer({}) as append:
        for file in files:
            append.append_data_file(file)


def data_files(metadata: TableMetadata, files: FileIO, rows: pa.Table) -> list[DataFile]:
    """Write rows, which have the table's columns and types, as data files, and return these."""
    if not rows.num_rows:
        return []
    check_partitions(metadata.spec(), metadata.schema())
    found = list(_dataframe_to_data_files(metadata, rows, files))
    count = sum(file.record_count for file in found)
    if count != rows.num_rows:
        raise QueryFailed(
            "GENERIC_INTERNAL_ERROR",
            f"{rows.num_rows} rows were to be written to {metadata.location}, and its new files have {count}; nothing "
            "was changed",
            user_error=False,
        )
    return found


def check_partitions(spec: PartitionSpec, schema: Schema) -> None:
    """Raise for a table whose rows PyIceberg cannot write: it takes one partition field a column, and no floats."""
    iceberg_tables.refuse_floats(spec, schema)
    sources = [field.source_id for field in spec.fields]
    twice = next((source for source in sources if sources.count(source) > 1), None)
    if twice is not None:
        raise not_supported(
            f"writing to an Iceberg table that is partitioned twice by the column {schema.find_column_name(twice)}",
            allowed="one partition field a column",
        )


def of_schema(rows: pa.Table, schema: Schema) -> pa.Table:
    """Return rows whose columns have the table's names and types, in its order; columns that are not there are NULL.

    ``rows`` name their columns in small letters.
    """
    target = schema_to_pyarrow(schema, include_field_ids=False)
    arrays = []
    for field in target:
        column = (
            rows.column(rows.column_names.index(field.name.lower()))
            if field.name.lower() in rows.column_names
            else None
        )
        array = (
            pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
            if column is None
            else fitted(column, field.type, by_place)
        )
        if not field.nullable and array.null_count:
            raise QueryFailed("CONSTRAINT_VIOLATION", f"NULL value not allowed for NOT NULL column: {field.name}")
        arrays.append(array)
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
