"""Runs UNLOAD, CREATE TABLE AS and INSERT INTO: writes a query's rows as Parquet objects or to an Iceberg table."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from localaws.athena import iceberg_writes
from localaws.athena import typing as types
from localaws.athena.definitions.place import Place, is_iceberg, is_view
from localaws.athena.engine import Answer, Column
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import path_of
from localaws.athena.number_literals import stored_in
from localaws.athena.plan import Parsed, TableName, parsed_query
from localaws.athena.statements import kinds
from localaws.athena.statements.words import CATALOG
from localaws.athena.written_iceberg import take_back

_CODECS = {"none": "NONE", "snappy": "SNAPPY", "gzip": "GZIP", "zstd": "ZSTD", "lz4": "LZ4"}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
#: The parameter by which a table tells the query that made it, as Trino's Hive connector keeps it.
_QUERY = "trino_query_id"
_NOTHING = Answer([], pa.table({}), 0)


@dataclass(frozen=True)
class Wording:
    """How a statement says that a column is not there, is given twice, or that values have none of its types."""

    unknown: str
    twice: str
    mismatch: str


_INSERT = Wording(
    "Insert column name does not exist in target table: {}",
    "Insert column name is specified more than once: {}",
    "Insert query has mismatched column types: Table: [{}], Query: [{}]",
)


def unload(statement: kinds.Unload, place: Place) -> tuple[Answer, list[str]]:
    """Write the query's rows below the target, which must be empty; return them and the objects' URIs."""
    properties = _texts(statement.properties)
    _only_parquet(properties, {"format", "compression"})
    _must_be_empty(place, statement.target)
    answer = place.answer(statement.query)
    return answer, _write(place, answer, statement.target, codec=properties.get("compression"))


def create_table_as(statement: kinds.CreateTableAs, place: Place) -> tuple[Answer, list[str]]:
    """Write the query's rows and register a table over them in the Glue catalog; return them and the objects' URIs."""
    properties = _texts(statement.properties)
    name = statement.name.within(place.database)
    place.leave.glue("CreateTable", name.database, name.name)
    if place.found(name) is not None:
        if statement.exists_ok:
            return _NOTHING, []
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"line 1:1: Destination table '{CATALOG}.{name}' already exists")
    if properties.get("table_type", "hive").lower() == "iceberg":
        return iceberg_writes.create_table_as(statement, name, properties, place)
    allowed = {"format", "external_location", "write_compression", "parquet_compression", "is_external", "table_type"}
    _only_parquet(properties, allowed)
    if properties.get("table_type", "hive").lower() != "hive":
        raise not_supported(f"CREATE TABLE AS with table_type {properties['table_type']}")
    location = properties.get("external_location") or f"{place.output}tables/{place.query_id}"
    location = location.rstrip("/") + "/"
    _must_be_empty(place, location)
    answer = place.answer(statement.query) if statement.with_data else place.described(statement.query)
    codec = properties.get("write_compression") or properties.get("parquet_compression")
    paths = _write(place, answer, location, codec=codec)
    try:
        made = _table_input(name.name, answer, location, place.query_id)
        place.unstopped()
        place.glue.create_table(DatabaseName=name.database, TableInput=made)
    except BaseException as error:
        there = place.found(name)  # the answer may be what was lost, not the table
        if there is None or (there.get("Parameters") or {}).get(_QUERY) != place.query_id:
            take_back(place.ctx, paths)
            if isinstance(error, place.glue.exceptions.AlreadyExistsException):
                raise QueryFailed(
                    "TABLE_ALREADY_EXISTS", f"line 1:1: Destination table '{CATALOG}.{name}' already exists"
                ) from None
            raise
        if not isinstance(error, Exception):
            raise
    return answer, paths


def insert_into(statement: kinds.InsertInto, place: Place) -> tuple[Answer, list[str]]:
    """Add the query's rows to a table; return them and the objects' URIs."""
    name = statement.name.within(place.database)
    table = place.catalog.table(name.database, name.name)
    if is_view(table):
        raise QueryFailed("NOT_SUPPORTED", "line 1:1: Inserting into views is not supported")
    columns = list(place.catalog.columns_of(TableName(name.database, name.name), "line 1:1").items())
    answer = fitted(place.answer(_stored(statement, columns)), columns, statement.columns)
    if is_iceberg(table):
        return answer, iceberg_writes.append(name, answer, place)
    if table.get("PartitionKeys"):
        raise not_supported("INSERT INTO a partitioned Hive table")
    serde = ((table.get("StorageDescriptor") or {}).get("SerdeInfo") or {}).get("SerializationLibrary", "")
    if serde != f"{_PARQUET}.serde.ParquetHiveSerDe":
        raise not_supported(f"INSERT INTO a table of the SerDe {serde or '(none)'}")
    place.leave.glue("UpdateTable", name.database, name.name)
    return answer, _write(place, answer, table["StorageDescriptor"]["Location"], codec=None)


def _stored(statement: kinds.InsertInto, columns: list[tuple[str, exp.DataType]]) -> Parsed:
    known = dict(columns)
    targets = [known.get(name, exp.DataType(this=types.DType.UNKNOWN)) for name in statement.columns or known]
    return Parsed(stored_in(parsed_query(statement.query), targets), statement.query)


def fitted(
    answer: Answer, columns: list[tuple[str, exp.DataType]], named: tuple[str, ...], wording: Wording = _INSERT
) -> Answer:
    """Return the rows with the table's columns and types; columns that are not ``named`` are NULL.

    Trino's rule: a value's type must become the column's without loss of meaning, or the statement is refused.
    """
    known = {name.lower(): kind for name, kind in columns}
    unknown = next((name for name in named if name not in known), None)
    if unknown is not None:
        raise QueryFailed("COLUMN_NOT_FOUND", f"line 1:1: {wording.unknown.format(unknown)}")
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: {wording.twice.format(twice)}")
    targets = list(named) or list(known)
    given = [types.trino_name(column.type) for column in answer.columns]
    wanted = [types.trino_name(known[name]) for name in targets]
    if len(given) != len(wanted) or not all(
        types.insertable(column.type, known[name]) for column, name in zip(answer.columns, targets, strict=True)
    ):
        said = wording.mismatch.format(", ".join(wanted), ", ".join(given))
        raise QueryFailed("TYPE_MISMATCH", f"line 1:1: {said}")
    arrays: list[pa.ChunkedArray | pa.Array] = []
    for name, kind in known.items():
        target = types.arrow_type(kind)
        if name in targets:
            column = answer.table.column(targets.index(name))
            try:
                arrays.append(column.cast(target))
            except pa.ArrowInvalid as error:
                raise QueryFailed("INVALID_CAST_ARGUMENT", f"line 1:1: column {name}: {error}") from None
        else:
            arrays.append(pa.nulls(answer.table.num_rows, target))
    table = pa.Table.from_arrays(arrays, names=list(known))
    return Answer([Column(name, kind) for name, kind in known.items()], table, answer.scanned)


def _table_input(name: str, answer: Answer, location: str, query: str) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet", _QUERY: query},
        "StorageDescriptor": {
            "Columns": [{"Name": c.name.lower(), "Type": types.hive_name(c.type)} for c in answer.columns],
            "Location": location,
            "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
            "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe"},
        },
    }


def _texts(properties: dict[str, str | tuple[str, ...]]) -> dict[str, str]:
    """Return the properties whose value is one text; raise for a list, which none of those here is."""
    listed = next((key for key, value in properties.items() if isinstance(value, tuple)), None)
    if listed is not None and listed not in ("partitioning",):
        raise not_supported(f"the property {listed}")
    return {key: value for key, value in properties.items() if isinstance(value, str)}


def _write(place: Place, answer: Answer, target: str, *, codec: str | None) -> list[str]:
    names = [column.name.lower() for column in answer.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{twice}' specified more than once")
    unnamed = [index for index, name in enumerate(names, start=1) if name == f"_col{index - 1}"]
    if unnamed:
        raise QueryFailed("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {unnamed[0]}")
    for column in answer.columns:
        types.hive_name(column.type)
    if (codec or "gzip").lower() not in _CODECS:
        raise not_supported(f"the compression {codec}")
    if not answer.table.num_rows:
        return []
    fields = [pa.field(name, field.type) for name, field in zip(names, answer.table.schema, strict=True)]
    table = answer.table.rename_columns([field.name for field in fields])
    body = io.BytesIO()
    pq.write_table(table, body, compression=_CODECS[(codec or "gzip").lower()], coerce_timestamps="us")
    bucket, _, prefix = target.partition("://")[2].partition("/")
    key = f"{prefix.rstrip('/')}/{place.query_id}_0".lstrip("/")
    place.leave.write(f"{bucket}/{key}")
    place.unstopped()
    try:
        place.ctx.client("s3").put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    except BaseException:
        take_back(place.ctx, [f"s3://{bucket}/{key}"])
        raise
    return [f"s3://{bucket}/{key}"]


def _must_be_empty(place: Place, target: str) -> None:
    bucket, _, prefix = path_of(target).partition("/")
    place.leave.listing(f"s3://{bucket}/{prefix.rstrip('/')}/")
    found = place.ctx.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix.rstrip("/") + "/", MaxKeys=1)
    if found.get("KeyCount"):
        raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {target}")


def _only_parquet(properties: dict[str, str], known: set[str]) -> None:
    unknown = sorted(set(properties) - known)
    if unknown:
        raise not_supported(f"the property {unknown[0]}")
    if properties.get("format", "parquet").lower() != "parquet":
        raise not_supported(f"the format {properties['format']}")
