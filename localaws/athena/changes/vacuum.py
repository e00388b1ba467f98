"""VACUUM: expires old snapshots, and removes the files that no snapshot names any more.

https://docs.aws.amazon.com/athena/latest/ug/vacuum-statement.html
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.refs import MAIN_BRANCH, SnapshotRefType
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from localaws.athena.changes.row_changes import writable
from localaws.athena.definitions.place import Place
from localaws.athena.errors import QueryFailed
from localaws.athena.leave import path_of
from localaws.athena.statements import kinds
from localaws.athena.statements.kinds import Name
from localaws.athena.written_iceberg import IcebergCatalog, committed, delete_object

_AGE: Final = 432_000
_SNAPSHOTS: Final = 1
_METADATA_FILES: Final = 100
#: An object that nothing names may be one of a writer that has not committed yet, so it stays for three days at least:
#: https://iceberg.apache.org/docs/latest/spark-procedures/#remove_orphan_files
_ORPHAN_AGE: Final = 3 * 86_400
_COLLECTED: Final = "gc.enabled"


@dataclass(frozen=True)
class _Kept:
    """What stays: snapshots younger than ``since`` (milliseconds), at least so many; so many old metadata files."""

    since: float
    snapshots: int
    metadata_files: int

    @classmethod
    def of(cls, table: Table) -> _Kept:
        age = int(table.properties.get("vacuum_max_snapshot_age_seconds", _AGE))
        return cls(
            (time.time() - age) * 1000,
            int(table.properties.get("vacuum_min_snapshots_to_keep", _SNAPSHOTS)),
            int(table.properties.get("vacuum_max_metadata_files_to_keep", _METADATA_FILES)),
        )

    def too_much(self, table: Table) -> bool:
        """Return whether the table names more old metadata files than stay."""
        return len(table.metadata.metadata_log) > self.metadata_files

    def expired(self, table: Table) -> set[int]:
        """Return the snapshots that no branch or tag keeps: https://iceberg.apache.org/spec/#snapshot-retention-policy"""
        metadata = table.metadata
        kept: set[int] = set()
        reached: set[int] = set()
        for name, ref in metadata.refs.items():
            history = list(ancestors_of(metadata.snapshot_by_id(ref.snapshot_id), metadata))
            reached |= {snapshot.snapshot_id for snapshot in history}
            kept.add(ref.snapshot_id)
            if ref.snapshot_ref_type != SnapshotRefType.BRANCH:
                continue
            least, since = self.snapshots, self.since
            if name != MAIN_BRANCH:
                least = ref.min_snapshots_to_keep or least
                since = time.time() * 1000 - ref.max_snapshot_age_ms if ref.max_snapshot_age_ms else since
            for number, snapshot in enumerate(history):
                if number >= least and snapshot.timestamp_ms < since:
                    break
                kept.add(snapshot.snapshot_id)
        kept |= {
            s.snapshot_id for s in metadata.snapshots if s.snapshot_id not in reached and s.timestamp_ms >= self.since
        }
        return {snapshot.snapshot_id for snapshot in metadata.snapshots} - kept


def vacuum(statement: kinds.Vacuum, place: Place) -> None:
    """Expire snapshots in one commit, and then delete what only they had and what no snapshot ever had.

    A file that the caller may not delete stays, as on AWS.
    """
    name = statement.name.within(place.database)
    writable(name, "VACUUM", place)
    unnamed: list[str] = []

    def change(table: Table, catalog: IcebergCatalog) -> None:
        _may_lose_files(table, name)
        kept = _Kept.of(table)
        expired = kept.expired(table)
        unnamed[:] = _unnamed(table, kept, expired, _objects(table, name, place))
        catalog.old_metadata_files = kept.metadata_files
        if expired or kept.too_much(table):
            table.maintenance.expire_snapshots().by_ids(sorted(expired)).commit()

    committed(name, place.leave, place.unstopped, change)
    for path in unnamed:
        place.unstopped()
        if place.leave.allows("s3:DeleteObject", f"arn:aws:s3:::{path}"):
            delete_object(place.ctx, path)


def _may_lose_files(table: Table, name: Name) -> None:
    """Raise for a table whose files may be those of others, too."""
    if table.properties.get(_COLLECTED, "true").lower() == "false":
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY",
            f"VACUUM of {name}: its property {_COLLECTED} is false, since other tables may name its files; nothing was "
            f"done. Where none does, set {_COLLECTED} to true with another engine",
        )


def _unnamed(table: Table, kept: _Kept, expired: set[int], objects: dict[str, float]) -> list[str]:
    """Return ``bucket/key`` of what goes: files of expired snapshots, old metadata, old objects that nothing names.

    Files are compared without their scheme, since writers may spell one ``s3://`` and ``s3a://``.
    """
    snapshots = table.snapshots()
    read: dict[str, set[str]] = {}
    named = _files((s for s in snapshots if s.snapshot_id not in expired), table, read)
    once = _files((s for s in snapshots if s.snapshot_id in expired), table, read)
    log = [entry.metadata_file for entry in table.metadata.metadata_log]
    if expired or kept.too_much(table):  # then what is the newest now is an old one of the next
        once |= set([*log, table.metadata_location][: -kept.metadata_files])
        log = [*log, table.metadata_location][-kept.metadata_files :]
    named |= {*log, table.metadata_location}
    for each in (*table.metadata.statistics, *table.metadata.partition_statistics):
        (once if each.snapshot_id in expired else named).add(each.statistics_path)
    since = min(kept.since / 1000, time.time() - _ORPHAN_AGE)
    orphans = {path for path, modified in objects.items() if modified < since}
    return sorted(({path_of(each) for each in once} | orphans) - {path_of(each) for each in named})


def _files(snapshots: Iterable[Snapshot], table: Table, read: dict[str, set[str]]) -> set[str]:
    """Return the files that snapshots name; ``read`` keeps what each manifest names, so that it is read once."""
    found: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path not in read:
                read[manifest.manifest_path] = _entries(manifest, table)
            found |= {manifest.manifest_path, *read[manifest.manifest_path]}
    return found


def _entries(manifest: ManifestFile, table: Table) -> set[str]:
    return {entry.data_file.file_path for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)}


def _objects(table: Table, name: Name, place: Place) -> dict[str, float]:
    """Return when each object below the table's location was written, by its ``bucket/key``.

    Those of tables and partitions of tables that lie there, too, are left out.
    """
    location = table.location().rstrip("/")
    bucket, _, prefix = path_of(location).partition("/")
    if not prefix:
        raise QueryFailed("GENERIC_INTERNAL_ERROR", f"Path missing in file system location: {location}")
    place.leave.listing(f"{location}/")
    inner = []
    for other, where in _locations(place):
        if other == name or not where.startswith(f"{bucket}/{prefix}/"):
            continue
        if where == f"{bucket}/{prefix}/":
            raise QueryFailed(
                "INVALID_TABLE_PROPERTY",
                f"{location} is the location of {name} and of {other}: VACUUM of one would remove the other's files; "
                "nothing was done. Give each table a location of its own",
            )
        inner.append(where)
    found: dict[str, float] = {}
    s3 = place.ctx.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for item in page.get("Contents", []):
            if not f"{bucket}/{item['Key']}".startswith(tuple(inner)):
                found[f"{bucket}/{item['Key']}"] = _moment(item)
    return found


def _moment(item: dict[str, Any]) -> float:
    return float(item["LastModified"].timestamp())


def _locations(place: Place) -> Iterable[tuple[Name, str]]:
    """Yield the tables of the catalog with ``bucket/key/`` of their locations and of their partitions' locations."""
    glue = place.glue
    for database in _listed(glue, "get_databases", "DatabaseList"):
        for table in _listed(glue, "get_tables", "TableList", DatabaseName=database["Name"]):
            name = Name(table["Name"], database["Name"])
            yield name, _folder(table)
            if table.get("PartitionKeys"):
                for partition in _listed(
                    glue, "get_partitions", "Partitions", DatabaseName=name.database, TableName=name.name
                ):
                    yield name, _folder(partition)


def _listed(glue: Any, call: str, key: str, **given: str) -> Iterable[dict[str, Any]]:
    for page in glue.get_paginator(call).paginate(**given):
        yield from page[key]


def _folder(described: dict[str, Any]) -> str:
    where = (described.get("StorageDescriptor") or {}).get("Location") or ""
    return f"{where.partition('://')[2].rstrip('/')}/"
