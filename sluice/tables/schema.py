"""The Iceberg schemas of a contract's tables: bronze and quarantine for arriving records, one for a derived table.

Bronze and quarantine have the origin of each record; quarantine also has every reason why it was rejected.
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

from sluice.contracts import ColumnType, Contract, LandingContract
from sluice.tables.arrow import REASON_ARROW, added, quarantine_columns

#: The Iceberg type of each simple column type.
ICEBERG_TYPES: dict[str, IcebergType] = {
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
_REASON = StructType(
    NestedField(20, "code", StringType(), required=False, doc="What was broken, e.g. missing_required."),
    NestedField(21, "column", StringType(), required=False, doc="The column to blame, if one is."),
    NestedField(22, "value", StringType(), required=False, doc="Its value, cut at 200 characters."),
    NestedField(23, "message", StringType(), required=False, doc="The reason as a sentence."),
)
_OF_ADDED: dict[pa.DataType, IcebergType] = {
    pa.string(): StringType(),
    pa.int64(): LongType(),
    pa.timestamp("us"): TimestampType(),
    pa.bool_(): BooleanType(),
    pa.binary(): BinaryType(),
    pa.list_(REASON_ARROW): ListType(19, _REASON, element_required=False),
}


def iceberg_type(kind: ColumnType) -> IcebergType:
    """Return the Iceberg type of a column type."""
    return DecimalType(kind.precision, kind.scale) if kind.name == "decimal" else ICEBERG_TYPES[kind.name]


def data_schema(contract: Contract) -> Schema:
    """Return the Iceberg schema of the contract's own table, with the columns that Sluice adds to bronze."""
    fields = [(c.name, iceberg_type(c.type), c.description) for c in contract.columns]
    fields += [(column.name, _OF_ADDED[column.type], column.description) for column in added(contract)]
    return Schema(
        *(
            NestedField(field_id=number, name=name, field_type=kind, required=False, doc=doc or None)
            for number, (name, kind, doc) in enumerate(fields, start=1)
        )
    )


def arrow_with_field_ids(schema: Schema) -> pa.Schema:
    """Return ``schema`` as an Arrow schema with Iceberg field ids, for Parquet files that a table adopts."""
    narrow = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
    return pa.schema(
        pa.field(field.name, narrow.get(field.type, field.type), metadata=field.metadata) for field in schema.as_arrow()
    )


def quarantine_schema(contract: LandingContract) -> Schema:
    """Return the Iceberg schema of the contract's quarantine table."""
    return Schema(
        *(
            NestedField(number, column.name, _OF_ADDED[column.type], required=False, doc=column.description)
            for number, column in enumerate(quarantine_columns(contract), start=1)
        )
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
