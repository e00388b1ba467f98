"""Iceberg tables: created empty, dropped with their files, and evolved.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyiceberg import types as iceberg
from pyiceberg.exceptions import TableAlreadyExistsError
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform, parse_transform
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.definitions.place import Place, failed, not_done
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name
from localaws.athena.typing import DType
from localaws.athena.written_iceberg import IcebergCatalog, committed

#: https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-table-properties.html
_PROPERTIES: Final = {
    "format": "write.format.default",
    "write_compression": "write.parquet.compression-codec",
    "compression_level": "write.parquet.compression-level",
    "write_target_data_file_size_bytes": "write.target-file-size-bytes",
    "write_object_storage_enabled": "write.object-storage.enabled",
}
_KEPT: Final = frozenset({
    "vacuum_min_snapshots_to_keep", "vacuum_max_snapshot_age_seconds", "vacuum_max_metadata_files_to_keep",
    "optimize_rewrite_data_file_threshold", "optimize_rewrite_delete_file_threshold", "write_data_path_enabled",
    "optimize_rewrite_max_data_file_size_bytes", "optimize_rewrite_min_data_file_size_bytes",
})  # fmt: skip
#: Properties whose values are whole numbers above 0.
_NUMBERS: Final = ("vacuum_", "optimize_rewrite_", "write_target_")
_SIMPLE: Final = {
    DType.BOOLEAN: iceberg.BooleanType(), DType.INT: iceberg.IntegerType(), DType.BIGINT: iceberg.LongType(),
    DType.FLOAT: iceberg.FloatType(), DType.DOUBLE: iceberg.DoubleType(), DType.DATE: iceberg.DateType(),
    DType.BINARY: iceberg.BinaryType(), DType.VARBINARY: iceberg.BinaryType(),
}  # fmt: skip
#: What a column's type may become without its files being written again; decimals may also get more digits.
_WIDENINGS: Final = (
    (iceberg.IntegerType(), iceberg.LongType()),
    (iceberg.FloatType(), iceberg.DoubleType()),
)


def create(statement: kinds.CreateTable, name: Name, place: Place) -> None:
    """Create an empty Iceberg table of format version 2."""
    if statement.external:
        failed("SemanticException an Iceberg table is created with CREATE TABLE, without EXTERNAL")
    if statement.keys:
        failed(f"SemanticException the partition field {statement.keys[0].name} of an Iceberg table has no type")
    if statement.serde or statement.stored_as or statement.formats or statement.buckets:
        failed("SemanticException ROW FORMAT, STORED AS and CLUSTERED BY are not for Iceberg tables")
    if not statement.location:
        failed("SemanticException an Iceberg table needs a LOCATION in S3")
    fields = [
        (column.name, iceberg_type(types.hive_type(column.type), column.name), column.comment)
        for column in statement.columns
    ]
    schema = schema_of(fields)
    properties = {"format-version": "2"} | properties_of(statement.properties)
    if statement.comment:
        properties["comment"] = statement.comment
    path_of(statement.location)
    catalog = IcebergCatalog(place.leave, place.unstopped)
    try:
        catalog.create_table(
            (name.database, name.name),
            schema,
            statement.location.rstrip("/"),
            spec_of(statement.transforms, schema),
            properties=properties,
        )
    except BaseException as error:
        undone = catalog.undone(name)
        if undone and isinstance(error, TableAlreadyExistsError):
            not_done(f"AlreadyExistsException(message:Table {name.name} already exists)")
        if undone or not isinstance(error, Exception):
            raise


def drop(name: Name, table: dict[str, Any], place: Place) -> None:
    """Drop an Iceberg table, and then the files below its location, as Athena does."""
    bucket, _, prefix = path_of(table["StorageDescriptor"]["Location"]).partition("/")
    prefix = f"{prefix.rstrip('/')}/"
    place.leave.listing(f"s3://{bucket}/{prefix}")
    s3, keys = place.ctx.client("s3"), []
    if prefix.strip("/"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            keys += [item["Key"] for item in page.get("Contents", [])]
    for key in keys:
        place.leave.ask("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}")
    place.glue.delete_table(DatabaseName=name.database, Name=name.name)
    for start in range(0, len(keys), 1000):
        s3.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[start : start + 1000]], "Quiet": True}
        )


def alter(action: kinds.Action, name: Name, place: Place) -> None:
    """Change columns or properties of an Iceberg table."""
    place.leave.glue("UpdateTable", name.database, name.name)
    try:
        committed(name, place.leave, place.unstopped, lambda table, _catalog: _apply(action, table))
    except ValueError as error:
        failed(f"SemanticException {str(error).splitlines()[0]}")


def _apply(action: kinds.Action, table: Table) -> None:
    if isinstance(action, kinds.SetProperties):
        with table.transaction() as transaction:
            transaction.set_properties(properties_of(action.properties))
    elif isinstance(action, kinds.UnsetProperties):
        with table.transaction() as transaction:
            there = transaction.table_metadata.properties
            kept = (_PROPERTIES.get(name, name) for name in action.names)
            transaction.remove_properties(*(name for name in kept if name in there))
    elif isinstance(action, kinds.AddColumns):
        with table.update_schema() as update:
            for column in action.columns:
                kind = iceberg_type(types.hive_type(column.type), column.name)
                update.add_column(column.name, kind, column.comment or None)
    elif isinstance(action, kinds.DropColumn):
        if any(f.name == action.name for f in table.spec().fields) or _partitioned_by(table, action.name, table.spec()):
            failed(f"SemanticException the column {action.name} is one that the table is partitioned by")
        if _partitioned_by(table, action.name, *table.specs().values()):
            # Trino refuses it, too: the delete files and manifests of older data could not be written any more.
            failed(f"SemanticException Cannot drop column which is used by an old partition spec: {action.name}")
        with table.update_schema() as update:
            update.delete_column(action.name)
    elif isinstance(action, kinds.ChangeColumn):
        _change(action, table)
    else:
        failed(f"SemanticException {type(action).__name__} is not for Iceberg tables")


def _change(action: kinds.ChangeColumn, table: Table) -> None:
    kind = iceberg_type(types.hive_type(action.column.type), action.column.name)
    before = table.schema().find_field(action.before)
    if before.field_type != kind and not _widens(before.field_type, kind):
        # https://iceberg.apache.org/spec/#schema-evolution
        failed(
            f"SemanticException Cannot change the column {action.before} of type {before.field_type} to {kind}: allowed"
            " are int to bigint, float to double, and more digits of a decimal with the same scale"
        )
    with table.update_schema() as update:
        if before.field_type != kind:
            update.update_column(action.before, kind)
        if action.column.comment:
            update.update_column(action.before, doc=action.column.comment)
        if action.column.name != action.before:
            update.rename_column(action.before, action.column.name)
        if action.after == "":
            update.move_first(action.before)
        elif action.after is not None:
            update.move_after(action.before, action.after)


def _widens(before: iceberg.IcebergType, after: iceberg.IcebergType) -> bool:
    """Return whether Iceberg's files of one type can be read as those of the other."""
    if isinstance(before, iceberg.DecimalType) and isinstance(after, iceberg.DecimalType):
        return before.scale == after.scale and before.precision <= after.precision
    return (before, after) in _WIDENINGS


def _partitioned_by(table: Table, column: str, *specs: PartitionSpec) -> bool:
    try:
        found = table.schema().find_field(column).field_id
    except ValueError:
        return False
    return any(field.source_id == found for spec in specs for field in spec.fields)


def properties_of(given: dict[str, str]) -> dict[str, str]:
    """Return Iceberg's properties for those of Athena's; raise for one that Athena refuses."""
    found: dict[str, str] = {}
    for key, value in given.items():
        low = key.lower()
        if low == "table_type":
            continue
        if low == "format" and value.lower() != "parquet":
            failed(f"SemanticException the local Athena writes Iceberg tables in the format parquet, not {value}")
        if low not in _PROPERTIES and low not in _KEPT:
            failed(f"SemanticException Unsupported table property key: {key}")
        if low.startswith(_NUMBERS) and not (value.isdecimal() and int(value)):
            failed(f"SemanticException the property {key} is a whole number above 0, not {value!r}")
        found[_PROPERTIES.get(low, low)] = value.lower() if low in ("format", "write_compression") else value
    return found


def given_properties(kept: Mapping[str, str]) -> dict[str, str]:
    """Return those of Athena's properties that an Iceberg table has, as ``properties_of`` takes them."""
    found = {ours: kept[theirs] for ours, theirs in _PROPERTIES.items() if theirs in kept}
    return found | {name: kept[name] for name in _KEPT if name in kept}


def spec_of(transforms: tuple[kinds.Transform, ...], schema: Schema) -> PartitionSpec:
    """Return the partition spec of the fields that PARTITIONED BY names."""
    fields = []
    for number, each in enumerate(transforms):
        try:
            source = schema.find_field(each.column)
        except ValueError:
            failed(f"SemanticException [Error 10002]: Invalid column reference {each.column}")
        text = each.function if each.argument is None else f"{each.function}[{each.argument}]"
        transform = parse_transform(text)
        if not transform.can_transform(source.field_type):
            failed(f"SemanticException {each.function} cannot partition {each.column} of type {source.field_type}")
        name = each.column if each.function == "identity" else f"{each.column}_{_suffix(each.function)}"
        fields.append(PartitionField(source.field_id, 1000 + number, transform, name))
    spec = PartitionSpec(*fields)
    refuse_floats(spec, schema)
    return spec


def refuse_floats(spec: PartitionSpec, schema: Schema) -> None:
    """Raise for partitions by floating point values, of which NaN and the two zeros have no partition of their own."""
    for field in spec.fields:
        if isinstance(field.transform, IdentityTransform):
            kind = schema.find_type(field.source_id)
            if isinstance(kind, iceberg.FloatType | iceberg.DoubleType):
                raise not_supported(
                    f"a partition of an Iceberg table by {field.name}, whose type is {kind}",
                    allowed="partitions by whole numbers, decimals, texts and moments",
                )


def _suffix(function: str) -> str:
    return "trunc" if function == "truncate" else function


def schema_of(columns: list[tuple[str, iceberg.IcebergType, str]]) -> Schema:
    """Return a schema of optional columns, with fresh ids inside of nested types, too."""
    ids = iter(range(len(columns) + 1, 1_000_000))
    fields = [
        iceberg.NestedField(number, name, _numbered(kind, ids), required=False, doc=doc or None)
        for number, (name, kind, doc) in enumerate(columns, start=1)
    ]
    return Schema(*fields)


def _numbered(kind: iceberg.IcebergType, ids: Any) -> iceberg.IcebergType:
    if isinstance(kind, iceberg.ListType):
        return iceberg.ListType(next(ids), _numbered(kind.element_type, ids), element_required=False)
    if isinstance(kind, iceberg.MapType):
        return iceberg.MapType(
            next(ids), _numbered(kind.key_type, ids), next(ids), _numbered(kind.value_type, ids), value_required=False
        )
    if isinstance(kind, iceberg.StructType):
        return iceberg.StructType(
            *(iceberg.NestedField(next(ids), f.name, _numbered(f.field_type, ids), required=False) for f in kind.fields)
        )
    return kind


def iceberg_type(kind: exp.DataType, column: str) -> iceberg.IcebergType:  # noqa: PLR0911
    """Return the Iceberg type of one of Athena's types; raise for one that Iceberg does not have."""
    if kind.this in types.TEXT and not types.parameters(kind):
        return iceberg.StringType()
    if kind.this == DType.DECIMAL:
        return iceberg.DecimalType(*(types.as_decimal(kind) or (38, 0)))
    if kind.this in types.TIMESTAMPS:
        return iceberg.TimestampType()
    if kind.this == DType.TIMESTAMPTZ:
        return iceberg.TimestamptzType()
    if kind.this == DType.ARRAY:
        return iceberg.ListType(0, iceberg_type(kind.expressions[0], column), element_required=False)
    if kind.this == DType.MAP:
        key, value = (iceberg_type(each, column) for each in kind.expressions)
        return iceberg.MapType(0, key, 0, value, value_required=False)
    if kind.this == DType.STRUCT:
        names = [name for name, _ in types.fields(kind)]
        if None in names:
            raise QueryFailed("NOT_SUPPORTED", f"Row type field does not have a name: {types.trino_name(kind)}")
        return iceberg.StructType(
            *(
                iceberg.NestedField(0, str(name).lower(), iceberg_type(found, column), required=False)
                for name, found in types.fields(kind)
            )
        )
    if kind.this not in _SIMPLE:
        failed(f"SemanticException the type {types.trino_name(kind)} of the column {column} is none of Iceberg's")
    return _SIMPLE[kind.this]
