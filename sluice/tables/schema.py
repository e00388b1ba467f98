"""What a contract's tables look like in Iceberg: bronze and quarantine for what arrives, one table for what is derived.

Bronze and quarantine carry where each record came from; quarantine carries every reason.
"""

from __future__ import annotations

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import NullOrder, SortDirection, SortField, SortOrder
from pyiceberg.transforms import IdentityTransform, parse_transform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
)

from sluice.contracts import ColumnType, Contract
from sluice.ingestion.convert import arrow_type

_ICEBERG: dict[str, IcebergType] = {
    "string": StringType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "float": FloatType(),
    "double": DoubleType(),
    "boolean": BooleanType(),
    "date": DateType(),
    "timestamp": TimestampType(),
    "binary": BinaryType(),
}
#: Columns that Sluice adds to every bronze and quarantine table.
ORIGIN = (
    ("_delivery_id", StringType(), "Delivery that brought the record."),
    ("_source", StringType(), "S3 address and version of the file."),
    ("_position", LongType(), "Number of the record in its file, from 1."),
    ("_ingested_at", TimestampType(), "When the record was read, UTC."),
)
ORIGIN_ARROW = pa.schema(
    [
        ("_delivery_id", pa.string()),
        ("_source", pa.string()),
        ("_position", pa.int64()),
        ("_ingested_at", pa.timestamp("us")),
    ]
)
REASON_ARROW = pa.struct(
    [("code", pa.string()), ("column", pa.string()), ("value", pa.string()), ("message", pa.string())]
)
QUARANTINE_ARROW = pa.schema(
    [
        *ORIGIN_ARROW,
        ("reason", pa.string()),
        ("reasons", pa.list_(REASON_ARROW)),
        ("record", pa.binary()),
        ("record_pointer", pa.string()),
    ]
)


def iceberg_type(kind: ColumnType) -> IcebergType:
    """Return the Iceberg type that carries ``kind``."""
    return DecimalType(kind.precision, kind.scale) if kind.name == "decimal" else _ICEBERG[kind.name]


def data_schema(contract: Contract) -> Schema:
    """Return the Iceberg schema of the contract's own table, bronze with its origin columns."""
    fields = [(c.name, iceberg_type(c.type), c.description) for c in contract.columns]
    if not contract.derived:
        fields += ORIGIN
    return Schema(
        *(
            NestedField(field_id=number, name=name, field_type=kind, required=False, doc=doc or None)
            for number, (name, kind, doc) in enumerate(fields, start=1)
        )
    )


def data_arrow(contract: Contract) -> pa.Schema:
    """Return the Arrow schema of the contract's own table, without field ids."""
    fields = [pa.field(c.name, arrow_type(c.type)) for c in contract.columns]
    return pa.schema([*fields, *([] if contract.derived else ORIGIN_ARROW)])


def arrow_with_field_ids(schema: Schema) -> pa.Schema:
    """Return ``schema`` as Arrow fields that carry the Iceberg field ids, for data files that a table adopts."""
    narrow = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema(
        pa.field(field.name, narrow.get(field.type, field.type), metadata=field.metadata) for field in schema.as_arrow()
    )


def quarantine_schema() -> Schema:
    """Return the Iceberg schema of every quarantine table."""
    reason = StructType(
        NestedField(20, "code", StringType(), required=False, doc="What was broken, e.g. missing_required."),
        NestedField(21, "column", StringType(), required=False, doc="The column to blame, if one is."),
        NestedField(22, "value", StringType(), required=False, doc="Its value, cut at 200 characters."),
        NestedField(23, "message", StringType(), required=False, doc="The reason as a sentence."),
    )
    names = [(*column, number) for number, column in enumerate(ORIGIN, start=1)]
    return Schema(
        *(NestedField(number, name, kind, required=False, doc=doc) for name, kind, doc, number in names),
        NestedField(5, "reason", StringType(), required=False, doc="Code of the first reason."),
        NestedField(6, "reasons", ListType(19, reason, element_required=False), required=False, doc="Every reason."),
        NestedField(7, "record", BinaryType(), required=False, doc="The record's bytes as delivered."),
        NestedField(8, "record_pointer", StringType(), required=False, doc="S3 address of a record too long to keep."),
    )


def partition_spec(contract: Contract, schema: Schema) -> PartitionSpec:
    """Return the contract's partitioning over ``schema``."""
    fields = []
    for number, field in enumerate(contract.partitioning):
        transform = parse_transform(field.transform)
        suffix = "" if isinstance(transform, IdentityTransform) else f"_{field.transform.split('[')[0]}"
        fields.append(
            PartitionField(
                source_id=schema.find_field(field.column).field_id,
                field_id=1000 + number,
                transform=transform,
                name=f"{field.column}{suffix}",
            )
        )
    return PartitionSpec(*fields)


def sort_order(contract: Contract, schema: Schema) -> SortOrder:
    """Return the contract's sort order over ``schema``."""
    return SortOrder(
        *(
            SortField(
                source_id=schema.find_field(column).field_id,
                transform=IdentityTransform(),
                direction=SortDirection.ASC,
                null_order=NullOrder.NULLS_FIRST,
            )
            for column in contract.sort_order
        )
    )
