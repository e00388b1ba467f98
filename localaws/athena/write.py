"""Runs UNLOAD, CREATE TABLE AS and INSERT INTO: writes a query's rows as objects, or to a Hive or Iceberg table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from sqlglot import exp

from localaws.athena import iceberg_writes, nested_arrays
from localaws.athena import typing as types
from localaws.athena.catalog import Catalog
from localaws.athena.definitions import partitions
from localaws.athena.definitions.place import Place, is_iceberg, is_view
from localaws.athena.engine import Answer, Column, QueryEngine
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive.projection import Projection
from localaws.athena.hive.stored import WRITTEN
from localaws.athena.hive.writers import Compression, Writer, is_columnar
from localaws.athena.hive_writes import QUERY, Layout, Written, check_names, fields_of, register, write_files
from localaws.athena.leave import path_of
from localaws.athena.number_literals import stored_in
from localaws.athena.plan import Parsed, TableName, parsed_query
from localaws.athena.statements import kinds
from localaws.athena.statements.words import CATALOG
from localaws.athena.written_iceberg import take_back

_NOTHING = Answer([], pa.table({}), 0)
#: The properties of UNLOAD and of CREATE TABLE AS, and those whose value is an ARRAY.
#: https://docs.aws.amazon.com/athena/latest/ug/unload.html
#: https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html
_LISTED: Final = frozenset({"partitioned_by", "bucketed_by"})
_UNLOADED: Final = frozenset({"format", "compression", "compression_level", "field_delimiter", "partitioned_by"})
_COMPRESSED: Final = ("write_compression", "parquet_compression", "orc_compression")
_CREATED: Final = frozenset(
    {"format", "external_location", "is_external", "table_type", "field_delimiter", "compression_level", "bucket_count",
     *_COMPRESSED, *_LISTED}
)  # fmt: skip
_CLASSIFIED: Final = {"TEXTFILE": "csv"}


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
    given = _properties(statement.properties, _UNLOADED, "UNLOAD")
    form = _format(given)
    delimiter = _delimiter(given, form)
    _must_be_empty(place, statement.target)
    answer = place.answer(statement.query)
    check_names(answer.columns)
    layout = Layout.declared(answer.columns, statement.properties)
    fields = fields_of(answer.columns, layout)
    writer = Writer.of(WRITTEN[form].serde, {"field.delim": delimiter}, fields, Compression.of(given, "compression"))
    place.unstopped()
    target = statement.target.rstrip("/")
    written = write_files(
        place, answer, layout, writer,
        lambda values: f"{target}/{partitions.folders(layout.keys, values)}",
    )  # fmt: skip
    return answer, written.paths


def create_table_as(statement: kinds.CreateTableAs, place: Place) -> tuple[Answer, list[str]]:
    """Write the query's rows and register a table over them in the Glue catalog; return them and the objects' URIs."""
    given = {key: value for key, value in statement.properties.items() if isinstance(value, str)}
    name = statement.name.within(place.database)
    place.leave.glue("CreateTable", name.database, name.name)
    if place.found(name) is not None:
        if statement.exists_ok:
            return _NOTHING, []
        raise _already_there(name)
    if given.get("table_type", "hive").lower() == "iceberg":
        listed = next((key for key, value in statement.properties.items() if isinstance(value, tuple)), "partitioning")
        if listed != "partitioning":
            raise _unknown(listed, "an Iceberg table")
        return iceberg_writes.create_table_as(statement, name, given, place)
    _properties(statement.properties, _CREATED, "a Hive table")
    if given.get("table_type", "hive").lower() != "hive" or given.get("is_external", "true").lower() != "true":
        raise not_supported("CREATE TABLE AS with this table_type and is_external", allowed="HIVE and true, ICEBERG")
    form = _format(given)
    delimiter = _delimiter(given, form)
    location = given.get("external_location") or f"{place.output}tables/{place.query_id}"
    location = location.rstrip("/") + "/"
    _must_be_empty(place, location)
    answer = place.answer(statement.query) if statement.with_data else place.described(statement.query)
    check_names(answer.columns)
    layout = Layout.declared(answer.columns, statement.properties)
    fields = fields_of(answer.columns, layout)
    compression = Compression.of(given, *_COMPRESSED)
    writer = Writer.of(WRITTEN[form].serde, {"field.delim": delimiter}, fields, compression)
    made = _table_input(name.name, answer.columns, location, form, layout)
    made["Parameters"][QUERY] = place.query_id
    if form == "TEXTFILE":
        made["StorageDescriptor"]["SerdeInfo"]["Parameters"] = {
            "field.delim": delimiter, "serialization.format": delimiter,
        }  # fmt: skip
    made["Parameters"] |= compression.parameters()
    written = write_files(place, answer, layout, writer, lambda values: partitions.default_location(made, values))
    _made(name, made, written, place)
    return answer, written.paths


def _made(name: kinds.Name, made: dict[str, Any], written: Written, place: Place) -> None:
    """Create the table and its partitions over the files that are written; after an error all of it is taken back."""
    try:
        place.unstopped()
        place.glue.create_table(DatabaseName=name.database, TableInput=made)
    except BaseException as error:
        if not _is_ours(place.found(name), place):  # otherwise the answer was lost, not the table
            take_back(place.ctx, written.paths)
            if isinstance(error, place.glue.exceptions.AlreadyExistsException):
                raise _already_there(name) from None
            raise
        if not isinstance(error, Exception):
            raise
    try:
        register(place, name, made, written)
    except BaseException:
        if _is_ours(place.found(name), place):
            place.glue.delete_table(DatabaseName=name.database, Name=name.name)
        take_back(place.ctx, written.paths)
        raise


def _is_ours(table: dict[str, Any] | None, place: Place) -> bool:
    return table is not None and (table.get("Parameters") or {}).get(QUERY) == place.query_id


def insert_into(statement: kinds.InsertInto, place: Place) -> tuple[Answer, list[str]]:
    """Add the query's rows to a table; return them and the objects' URIs."""
    name = statement.name.within(place.database)
    table, answer = _inserted(statement, name, place.catalog, place.answer)
    if is_iceberg(table):
        return answer, iceberg_writes.append(name, answer, place)
    storage = table.get("StorageDescriptor") or {}
    parameters = {key.lower(): value for key, value in (table.get("Parameters") or {}).items()}
    layout = Layout(tuple(key["Name"].lower() for key in table.get("PartitionKeys") or []))
    serde = storage.get("SerdeInfo") or {}
    writer = Writer.of(
        serde.get("SerializationLibrary") or "", serde.get("Parameters") or {},
        fields_of(answer.columns, layout), Compression.of_table(parameters),
    )  # fmt: skip
    place.leave.glue("UpdateTable", name.database, name.name)
    projection = Projection.of(table)
    written = write_files(
        place, answer, layout, writer, projection.location if projection else _locations(name, table, layout, place)
    )
    if layout.keys and not projection:
        try:
            register(place, name, table, written)
        except BaseException:
            take_back(place.ctx, written.paths)
            raise
    return answer, written.paths


def check_insert(statement: kinds.InsertInto, database: str, engine: QueryEngine) -> None:
    """Raise QueryFailed where the table is not there or takes no such rows; no row is computed."""
    _inserted(statement, statement.name.within(database), engine.catalog, lambda sql: engine.described(sql, database))


def _inserted(
    statement: kinds.InsertInto, name: kinds.Name, catalog: Catalog, answer: Callable[[Parsed], Answer]
) -> tuple[dict[str, Any], Answer]:
    """Return the table, and what ``answer`` says of the query in the table's columns and types."""
    table = catalog.table(name.database, name.name)
    if is_view(table):
        raise QueryFailed("NOT_SUPPORTED", "line 1:1: Inserting into views is not supported")
    if not is_iceberg(table):
        _check_insertable(table)
    columns = list(catalog.columns_of(TableName(name.database, name.name), "line 1:1").items())
    return table, fitted(answer(_stored(statement, columns)), columns, statement.columns)


def _locations(
    name: kinds.Name, table: dict[str, Any], layout: Layout, place: Place
) -> Callable[[tuple[str, ...]], str]:
    """Return what tells a partition's location: the catalog, or for a new one the table's folders."""
    found = place.catalog.partitions(name.database, name.name) if layout.keys else []
    there = {tuple(partition["Values"]): partition["StorageDescriptor"] for partition in found}

    def location(values: tuple[str, ...]) -> str:
        storage = there.get(values)
        if storage is None:
            return partitions.default_location(table, list(values))
        own, given = _serde(table.get("StorageDescriptor") or {}), _serde(storage)
        if given[0] and given != own:
            raise QueryFailed(
                "HIVE_PARTITION_SCHEMA_MISMATCH",
                f"{name}: the partition {', '.join(values)} is read by the SerDe {given[0]} with {given[1]}, and the "
                f"table is written by {own[0]} with {own[1]}: the rows would not be read back; nothing was written. "
                "Drop the partition and add it again, or leave these rows out",
            )
        return str(storage["Location"])

    return location


def _serde(storage: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return a SerDe's name, and the properties that change what it reads."""
    info = storage.get("SerdeInfo") or {}
    library = str(info.get("SerializationLibrary") or "")
    return library, {} if is_columnar(library) else dict(info.get("Parameters") or {})


def _check_insertable(table: dict[str, Any]) -> None:
    """Raise for tables that Athena does not insert into. https://docs.aws.amazon.com/athena/latest/ug/insert-into.html"""
    storage = table.get("StorageDescriptor") or {}
    if storage.get("BucketColumns"):
        raise QueryFailed("NOT_SUPPORTED", "INSERT INTO is not supported on bucketed tables")
    parameters = {key.lower(): value for key, value in (table.get("Parameters") or {}).items()}
    told = {**((storage.get("SerdeInfo") or {}).get("Parameters") or {}), **parameters}
    for name in ("skip.header.line.count", "skip.footer.line.count"):
        if told.get(name, "0") != "0":
            raise QueryFailed(
                "NOT_SUPPORTED", f"Inserting into Hive table with {name} property not supported: its first rows would "
                "not be read back"
            )  # fmt: skip


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
                arrays.append(nested_arrays.fitted(column, target, nested_arrays.by_place))
            except pa.ArrowInvalid as error:
                raise QueryFailed("INVALID_CAST_ARGUMENT", f"line 1:1: column {name}: {error}") from None
        else:
            arrays.append(pa.nulls(answer.table.num_rows, target))
    table = pa.Table.from_arrays(arrays, names=list(known))
    return Answer([Column(name, kind) for name, kind in known.items()], table, answer.scanned)


def _table_input(name: str, columns: Sequence[Column], location: str, form: str, layout: Layout) -> dict[str, Any]:
    declared = [{"Name": c.name.lower(), "Type": types.hive_name(c.type)} for c in columns]
    own = len(declared) - len(layout.keys)
    stored = WRITTEN[form]
    storage: dict[str, Any] = {
        "Columns": declared[:own],
        "Location": location,
        "InputFormat": stored.reads,
        "OutputFormat": stored.writes,
        "SerdeInfo": {"SerializationLibrary": stored.serde, "Parameters": {"serialization.format": "1"}},
        "NumberOfBuckets": layout.buckets or -1,
    }
    if layout.bucketed_by:
        storage["BucketColumns"] = list(layout.bucketed_by)
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": _CLASSIFIED.get(form, form.lower())},
        "StorageDescriptor": storage,
        "PartitionKeys": declared[own:],
    }


def _properties(given: Mapping[str, str | tuple[str, ...]], known: Collection[str], what: str) -> dict[str, str]:
    """Return the properties whose value is one text; raise for one that Athena does not have."""
    unknown = next((key for key in sorted(given) if key not in known), None)
    if unknown is not None:
        raise _unknown(unknown, what)
    listed = next((key for key, value in given.items() if isinstance(value, tuple) and key not in _LISTED), None)
    if listed is not None:
        raise QueryFailed("INVALID_TABLE_PROPERTY", f"the property {listed} is one text, and no ARRAY")
    return {key: value for key, value in given.items() if isinstance(value, str) and key not in _LISTED}


def _format(given: Mapping[str, str]) -> str:
    form = given.get("format", "PARQUET").upper()
    if form not in WRITTEN:
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY", f"the property format is one of {', '.join(WRITTEN)}, not {given['format']}"
        )
    return form


def _delimiter(given: Mapping[str, str], form: str) -> str:
    delimiter = given.get("field_delimiter", "\x01")
    if "field_delimiter" in given and form != "TEXTFILE":
        raise QueryFailed("INVALID_TABLE_PROPERTY", f"field_delimiter is for the format TEXTFILE, not for {form}")
    if len(delimiter) != 1 or delimiter in "\r\n":
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY", f"field_delimiter is a single character and no line break, not {delimiter!r}"
        )
    return delimiter


def _unknown(name: str, what: str) -> QueryFailed:
    return QueryFailed("INVALID_TABLE_PROPERTY", f"Catalog '{CATALOG}' property '{name}' does not exist for {what}")


def _already_there(name: kinds.Name) -> QueryFailed:
    return QueryFailed("TABLE_ALREADY_EXISTS", f"line 1:1: Destination table '{CATALOG}.{name}' already exists")


def _must_be_empty(place: Place, target: str) -> None:
    bucket, _, key = path_of(target).partition("/")
    prefix = f"{key.rstrip('/')}/".lstrip("/")  # nothing for a whole bucket
    place.leave.listing(f"s3://{bucket}/{prefix}")
    found = place.ctx.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    if found.get("KeyCount"):
        raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {target}")
