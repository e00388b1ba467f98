"""The Iceberg catalog: AWS Glue, at the endpoint in ``AWS_ENDPOINT_URL`` if that is set."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import Any

import boto3
from pyiceberg.catalog import METADATA_LOCATION, Catalog
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from pyiceberg.io import FileIO
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import AddSnapshotUpdate, RemoveSnapshotsUpdate, TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Properties

from sluice.once import once
from sluice.tables.lake_files import LakeFiles

#: Properties of every new table. After a conflict Sluice reads the table again before it commits, so that no delivery
#: is committed twice; a retry by PyIceberg would not.
TABLE_PROPERTIES = {
    "format-version": "2",
    "commit.retry.num-retries": "0",
    "write.parquet.compression-codec": "zstd",
    "write.target-file-size-bytes": str(128 << 20),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
}


class LakeCatalog(GlueCatalog):
    """PyIceberg's Glue catalog with one file client for all tables, and a cache of their metadata files.

    A metadata file never changes, and a warm function loads the same tables again and again.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._files = LakeFiles(self.properties)
        #: By database and table: the address of the metadata that was loaded last, and the metadata.
        self._known: dict[tuple[str, str], tuple[str, TableMetadata]] = {}

    def _is_s3tables_database(self, database_name: str) -> bool:
        """Return False: no database of a lake is one of S3 Tables, which Glue would be asked before each commit."""
        return False

    def _load_file_io(self, properties: Properties = EMPTY_DICT, location: str | None = None) -> FileIO:
        return self._files

    def _convert_glue_to_iceberg(self, glue_table: dict[str, Any]) -> Table:
        identifier = (glue_table["DatabaseName"], glue_table["Name"])
        location, metadata = self._known.get(identifier, ("", None))
        if metadata and location == glue_table.get("Parameters", {}).get(METADATA_LOCATION):
            return Table(identifier, metadata, location, self._files, self)
        table = super()._convert_glue_to_iceberg(glue_table)
        self._known[identifier] = (table.metadata_location, table.metadata)
        return table

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit to a table; ``CommitFailedException`` when another writer was faster.

        Raise ``CommitStateUnknownException`` when nobody was, so that it may still take place.
        """
        return looked_for(self, lambda: GlueCatalog.commit_table(self, table, requirements, updates), table, updates)


def looked_for(
    catalog: Catalog, commit: Callable[[], CommitTableResponse], table: Table, updates: Iterable[TableUpdate]
) -> CommitTableResponse:
    """Return the answer of ``commit``; when it fails, look whether it took place, and raise only if it did not.

    boto3 repeats a call whose answer is lost, and the repetition then fails on the first call's own commit. PyIceberg
    takes that for a faster writer, and deletes the manifests of a snapshot that readers see by then. While the table
    has the snapshot that was read, the first call may still take place: ``CommitStateUnknownException`` is raised, and
    nothing is deleted.
    """
    updates = tuple(updates)
    try:
        return commit()
    except CommitFailedException as error:
        now = catalog.load_table(table.name())
        if _took_place(updates, {snapshot.snapshot_id for snapshot in now.snapshots()}):
            # Theirs is read by an alias, which mypy takes for the only name.
            return CommitTableResponse(metadata=now.metadata, metadata_location=now.metadata_location)  # type: ignore[call-arg]
        if _added(updates) and now.metadata.current_snapshot_id == table.metadata.current_snapshot_id:
            raise CommitStateUnknownException(f"{'.'.join(table.name())}: {error}") from error
        raise


def _took_place(updates: Iterable[TableUpdate], present: Collection[int]) -> bool:
    """Return whether a table with these snapshots shows the updates: by those that they add, or else by those that go.

    Other updates, of a schema or of properties alone, cannot be told from those of others.
    """
    if added := _added(updates):
        return added <= set(present)
    gone = {id_ for update in updates if isinstance(update, RemoveSnapshotsUpdate) for id_ in update.snapshot_ids}
    return bool(gone) and not gone & set(present)


def _added(updates: Iterable[TableUpdate]) -> set[int]:
    return {update.snapshot.snapshot_id for update in updates if isinstance(update, AddSnapshotUpdate)}


@once
def glue_catalog() -> Catalog:
    """Return the Glue catalog of this account and region, or the one at ``AWS_ENDPOINT_URL``; made once per process."""
    region = os.environ.get("AWS_REGION") or boto3.Session().region_name
    properties = {"glue.region": region, "s3.region": region, "glue.skip-archive": "true"}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        properties |= {"glue.endpoint": endpoint, "s3.endpoint": endpoint}
    return LakeCatalog("sluice", **properties)
