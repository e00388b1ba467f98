"""Reads a table's partitioning; refuses a transform that Iceberg does not have for the column's type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

from open_data_contract_standard.model import SchemaProperty

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import Column, PartitionField
from sluice.contracts.positions import NO_POSITION, in_order
from sluice.contracts.types import DUCKDB_NAMES
from sluice.nearest import did_you_mean

_EXACT = (*(name for name in DUCKDB_NAMES if name not in ("float", "double")), "decimal")
#: The types that each transform takes, of those that it may: https://iceberg.apache.org/spec/#partition-transforms
#: Without those that PyIceberg writes wrongly: -0.0 would be written with 0.0 twice, the least integers are cut to the
#: greatest, a decimal to one of too many digits, bytes not at all.
TRANSFORMS: dict[str, tuple[str, ...]] = {
    "identity": _EXACT,
    "year": ("date", "timestamp"),
    "month": ("date", "timestamp"),
    "day": ("date", "timestamp"),
    "hour": ("timestamp",),
    "bucket[n]": ("int", "bigint", "decimal", "date", "timestamp", "string", "binary"),
    "truncate[n]": ("string",),
}
_SPELLED = re.compile(r"(\w+)(?:\[(\d{1,10})\])?")
_MOST = 2**31 - 1


def read_partitioning(
    file: ContractFile,
    properties: Sequence[SchemaProperty],
    custom: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Column],
    at: Place,
) -> tuple[PartitionField, ...]:
    """Return the partition fields in their order; ``custom`` are the custom properties of each of ``properties``.

    A column that is not among the sound ``columns`` was refused already, and has none.
    """
    fields: list[tuple[int | None, Place, PartitionField]] = []
    sound = True
    for index, (prop, own) in enumerate(zip(properties, custom, strict=True)):
        here = (*at, "properties", index)
        if not prop.partitioned:
            for said, given in (
                ("customProperties", "partitionTransform" in own),
                ("partitionKeyPosition", prop.partitionKeyPosition not in NO_POSITION),
            ):
                if given and not file.concerned((*here, "partitioned")):
                    with file.found:
                        file.refuse((*here, said), f"{prop.name} is not partitioned: true")
            continue
        field = None
        if (column := columns.get(cast(str, prop.name))) is not None:
            field = file.found.tried(partial(_field, file, column, own, columns, here), None)
        if field is None:
            sound = False
        else:
            fields.append((prop.partitionKeyPosition, (*here, "partitionKeyPosition"), field))
    return in_order(file, fields) if sound else ()


def _field(
    file: ContractFile, column: Column, custom: Mapping[str, Any], columns: Mapping[str, Column], at: Place
) -> PartitionField:
    transform = custom.get("partitionTransform", "identity")
    _refuse_unfit(file, column, transform, (*at, "customProperties"))
    name = partition_name(column.name, transform)
    if name != column.name and name in columns:
        file.refuse(at, f"the partition of {column.name} by {transform} would be called as the column {name}")
    return PartitionField(column=column.name, transform=transform)


def partition_name(column: str, transform: str) -> str:
    """Return the partition field's name in Iceberg."""
    return column if transform == "identity" else f"{column}_{transform.split('[', maxsplit=1)[0]}"


def allowed_for(type_name: str) -> list[str]:
    """Return the transforms that a column of that type may have."""
    return [transform for transform, types in TRANSFORMS.items() if type_name in types]


def _refuse_unfit(file: ContractFile, column: Column, transform: Any, at: Place) -> None:
    match = _SPELLED.fullmatch(transform) if isinstance(transform, str) else None
    general = None if match is None else match[1] if match[2] is None else f"{match[1]}[n]"
    if match is None or general not in allowed_for(column.type.name):
        file.refuse(
            at,
            f"{transform!r} is not a partition transform of a {column.type};"
            f"{did_you_mean(transform, allowed_for(column.type.name))} allowed: "
            f"{', '.join(allowed_for(column.type.name)) or 'none'}",
        )
    if match[2] is not None and not 1 <= int(match[2]) <= _MOST:
        file.refuse(at, f"{transform!r} is not allowed; n is 1 to {_MOST:,}")
