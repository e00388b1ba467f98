"""Partitions of Hive tables: added, dropped, moved, and found below the table's location.

https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

from localaws.athena.definitions.place import Place, failed, is_iceberg, not_done
from localaws.athena.hive.values import DEFAULT_PARTITION
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name

#: What Hive escapes in a folder's name: https://hive.apache.org, ``FileUtils.escapePathName``.
_KEPT = "".join(chr(code) for code in range(32, 127) if chr(code) not in "\"#%'*/:=?\\{[]^")
#: What BatchDeletePartition and BatchCreatePartition take at once.
_BATCH, _CREATED_AT_ONCE = 25, 100


def add(action: kinds.AddPartitions, name: Name, table: dict[str, Any], place: Place) -> None:
    """Add partitions, all or none."""
    place.leave.glue("CreatePartition", name.database, name.name)
    there = {tuple(values): True for values in _values(name, place)}
    wanted = []
    for spec, location in action.partitions:
        values = values_of(spec, name, table)
        if tuple(values) in there:
            if not action.exists_ok:
                not_done(f"AlreadyExistsException(message:Partition already exists: {_shown(spec)})")
            continue
        there[tuple(values)] = True
        if location:
            path_of(location)
        wanted.append(_input(table, values, location or default_location(table, values)))
    _create(name, wanted, place)


def drop(action: kinds.DropPartitions, name: Name, table: dict[str, Any], place: Place) -> None:
    """Drop partitions; their objects stay."""
    place.leave.glue("DeletePartition", name.database, name.name)
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    gone: list[list[str]] = []
    for spec in action.partitions:
        wanted = _known(spec, name, keys)
        found = [
            values for values in _values(name, place) if all(values[keys.index(k)] == v for k, v in wanted.items())
        ]
        if not found and not action.exists_ok:
            failed(f"SemanticException [Error 10006]: Partition not found ({_shown(spec)})")
        gone += [values for values in found if values not in gone]
    forget(name, gone, place)


def forget(name: Name, gone: list[list[str]], place: Place) -> None:
    """Take partitions with these values out of the catalog."""
    for start in range(0, len(gone), _BATCH):
        place.glue.batch_delete_partition(
            DatabaseName=name.database,
            TableName=name.name,
            PartitionsToDelete=[{"Values": values} for values in gone[start : start + _BATCH]],
        )


def rename(action: kinds.RenamePartition, name: Name, table: dict[str, Any], place: Place) -> None:
    """Give a partition other values; its objects stay where they are."""
    before, after = values_of(action.before, name, table), values_of(action.after, name, table)
    if after in _values(name, place):
        not_done(f"AlreadyExistsException(message:Partition already exists: {_shown(action.after)})")
    _update(name, before, after, None, place)


def move(partition: kinds.Spec, location: str, name: Name, table: dict[str, Any], place: Place) -> None:
    """Give a partition another location."""
    path_of(location)
    values = values_of(partition, name, table)
    _update(name, values, values, location, place)


def repair(statement: kinds.RepairTable, place: Place) -> None:
    """Add a partition for each folder ``key=value`` below the table's location that the catalog does not have."""
    name, table = place.table(statement.name)
    if is_iceberg(table):
        failed(f"SemanticException MSCK REPAIR TABLE is for Hive tables; {name} is an Iceberg table")
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    if not keys:
        failed(f"SemanticException {name} is not a partitioned table")
    place.leave.glue("BatchCreatePartition", name.database, name.name)
    bucket, _, prefix = path_of(table["StorageDescriptor"]["Location"]).partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    place.leave.listing(f"s3://{bucket}/{prefix}")
    there = [tuple(values) for values in _values(name, place)]
    found: dict[tuple[str, ...], str] = {}
    for page in place.ctx.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            folders = item["Key"][len(prefix) :].split("/")[:-1][: len(keys)]
            parts = [folder.partition("=") for folder in folders]
            if [part[0].lower() for part in parts] == keys:
                values = tuple(unquote(part[2]) for part in parts)
                found.setdefault(values, f"s3://{bucket}/{prefix}{'/'.join(folders)}")
    _create(
        name, [_input(table, list(values), at) for values, at in sorted(found.items()) if values not in there], place
    )


def create(
    name: Name, table: dict[str, Any], new: list[tuple[list[str], str]], parameters: dict[str, str], place: Place
) -> None:
    """Add partitions with these values and locations, each with the parameters."""
    _create(name, [_input(table, values, at) | {"Parameters": parameters} for values, at in new], place)


def values_of(spec: kinds.Spec, name: Name, table: dict[str, Any]) -> list[str]:
    """Return a partition's values in the order of the table's keys; raise unless each key has one."""
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    given = _known(spec, name, keys)
    missing = next((key for key in keys if key not in given), None)
    if missing is not None:
        failed(f"SemanticException partition spec {{{_shown(spec)}}} doesn't contain all ({len(keys)}) keys: {missing}")
    return [given[key] for key in keys]


def default_location(table: dict[str, Any], values: Sequence[str]) -> str:
    """Return where Hive has a partition below its table's location."""
    keys = [key["Name"] for key in table.get("PartitionKeys") or []]
    return f"{table['StorageDescriptor']['Location'].rstrip('/')}/{folders(keys, values)}"


def folders(keys: Sequence[str], values: Sequence[str]) -> str:
    """Return the folders of a partition: ``key=value/key=value``; nothing where there are no keys."""
    return "/".join(f"{key}={escaped(value)}" for key, value in zip(keys, values, strict=True))


def escaped(value: str) -> str:
    """Return a value as it stands in a folder's name."""
    return quote(value, safe=_KEPT) if value else DEFAULT_PARTITION


def _known(spec: kinds.Spec, name: Name, keys: list[str]) -> dict[str, str]:
    given = dict(spec)
    unknown = next((key for key in given if key not in keys), None)
    if unknown is not None:
        failed(
            f"SemanticException [Error 10098]: Non-Partition column {unknown} of {name} in a partition specification"
        )
    return given


def _values(name: Name, place: Place) -> list[list[str]]:
    return [list(partition["Values"]) for partition in place.catalog.partitions(name.database, name.name)]


def _shown(spec: kinds.Spec) -> str:
    return ", ".join(f"{key}={value}" for key, value in spec)


def _input(table: dict[str, Any], values: list[str], location: str) -> dict[str, Any]:
    return {"Values": values, "StorageDescriptor": {**table["StorageDescriptor"], "Location": location}}


def _create(name: Name, wanted: list[dict[str, Any]], place: Place) -> None:
    for start in range(0, len(wanted), _CREATED_AT_ONCE):
        answer = place.glue.batch_create_partition(
            DatabaseName=name.database, TableName=name.name, PartitionInputList=wanted[start : start + _CREATED_AT_ONCE]
        )
        for error in answer.get("Errors", []):
            if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException":  # added by another query meanwhile
                not_done(f"{error['ErrorDetail']['ErrorCode']}(message:{error['ErrorDetail'].get('ErrorMessage')})")


def _update(name: Name, before: list[str], after: list[str], location: str | None, place: Place) -> None:
    place.leave.glue("UpdatePartition", name.database, name.name)
    glue = place.glue
    try:
        found = glue.get_partition(DatabaseName=name.database, TableName=name.name, PartitionValues=before)["Partition"]
    except glue.exceptions.EntityNotFoundException:
        failed(f"SemanticException [Error 10006]: Partition not found ({', '.join(before)})")
    storage = found["StorageDescriptor"] | ({"Location": location} if location else {})
    glue.update_partition(
        DatabaseName=name.database,
        TableName=name.name,
        PartitionValueList=before,
        PartitionInput={"Values": after, "StorageDescriptor": storage, "Parameters": found.get("Parameters") or {}},
    )
