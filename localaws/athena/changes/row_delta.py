"""Commits files added to and removed from an Iceberg table, position-delete files among them, in one snapshot.

PyIceberg's own operations write data files alone; its writers of manifests, lists and snapshots are used as they are.
https://iceberg.apache.org/spec/#snapshots
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriter,
    ManifestWriterV2,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.snapshots import Operation, SnapshotSummaryCollector, Summary, update_snapshot_summaries
from pyiceberg.table.update.snapshot import _SnapshotProducer
from pyiceberg.typedef import EMPTY_DICT


class _DeleteManifestWriter(ManifestWriterV2):
    """Writes a manifest of delete files."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return super()._meta | {"content": "deletes"}


class RowDelta(_SnapshotProducer["RowDelta"]):
    """One snapshot that adds data and delete files and removes others, all of them files of its parent snapshot."""

    def __init__(
        self, operation: Operation, transaction: Transaction, added: Iterable[DataFile], removed: Iterable[DataFile]
    ) -> None:
        super().__init__(operation, transaction, transaction._table.io)
        for file in added:
            if file.content == DataFileContent.DATA:
                self.append_data_file(file)
        self._added_delete_files = [file for file in added if file.content != DataFileContent.DATA]
        self._removed = {file.file_path: file for file in removed}
        self._kept: list[ManifestFile] = []
        self._gone: list[ManifestEntry] = []

    def _build_delete_files_partition_predicate(self) -> None:
        """Read the parent's manifests once; which files are removed is known, so no predicate prunes anything."""
        head = self._transaction.table_metadata.snapshot_by_name(self._target_branch)
        for manifest in head.manifests(self._io) if head is not None else []:
            entries = manifest.fetch_manifest_entry(self._io, discard_deleted=True)
            gone = [entry for entry in entries if entry.data_file.file_path in self._removed]
            if not gone:
                if entries:
                    self._kept.append(manifest)
                continue
            self._gone += gone
            rest = [entry for entry in entries if entry.data_file.file_path not in self._removed]
            if rest:
                with self._writer(manifest.content, self.spec(manifest.partition_spec_id)) as writer:
                    for entry in rest:
                        writer.existing(entry)
                self._kept.append(writer.to_manifest_file())

    def _existing_manifests(self) -> list[ManifestFile]:
        return self._kept

    def _deleted_entries(self) -> list[ManifestEntry]:
        return [_removal(entry, self._snapshot_id) for entry in self._gone if _is_data(entry)]

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Return the manifests with those of delete files, one a partition spec."""
        entries = [_removal(entry, self._snapshot_id) for entry in self._gone if not _is_data(entry)]
        entries += [
            ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED,
                snapshot_id=self._snapshot_id,
                sequence_number=None,
                file_sequence_number=None,
                data_file=file,
            )
            for file in self._added_delete_files
        ]
        by_spec: dict[int, list[ManifestEntry]] = defaultdict(list)
        for entry in entries:
            by_spec[entry.data_file.spec_id].append(entry)
        for spec_id, group in by_spec.items():
            with self._writer(ManifestContent.DELETES, self.spec(spec_id)) as writer:
                for entry in group:
                    writer.add_entry(entry)
            manifests.append(writer.to_manifest_file())
        return manifests

    def _summary(self, snapshot_properties: dict[str, str] = EMPTY_DICT) -> Summary:
        metadata = self._transaction.table_metadata
        limit = metadata.properties.get(
            TableProperties.WRITE_PARTITION_SUMMARY_LIMIT, TableProperties.WRITE_PARTITION_SUMMARY_LIMIT_DEFAULT
        )
        collector = SnapshotSummaryCollector(partition_summary_limit=int(limit))
        for file in self._added_data_files:
            collector.add_file(file, schema=metadata.schema(), partition_spec=metadata.spec())
        for file in self._added_delete_files:
            collector.add_file(file, schema=metadata.schema(), partition_spec=self.spec(file.spec_id))
        for entry in self._gone:
            spec = self.spec(entry.data_file.spec_id)
            collector.remove_file(entry.data_file, schema=metadata.schema(), partition_spec=spec)
        before = metadata.snapshot_by_id(self._parent_snapshot_id) if self._parent_snapshot_id is not None else None
        # PyIceberg sums up no "replace"; its counts are those of an overwrite.
        found = update_snapshot_summaries(
            Summary(operation=Operation.OVERWRITE, **collector.build(), **snapshot_properties),
            before.summary if before is not None else None,
        )
        return Summary(operation=self._operation, **found.additional_properties)

    def _writer(self, content: ManifestContent, spec: PartitionSpec) -> ManifestWriter:
        if content == ManifestContent.DATA:
            return self.new_manifest_writer(spec)
        return _DeleteManifestWriter(
            spec, self.schema(), self.new_manifest_output(), self._snapshot_id, self._compression
        )


def commit(table: Table, operation: Operation, added: list[DataFile], removed: list[DataFile]) -> None:
    """Commit to the table as it was loaded; raise CommitFailedException where it was changed since."""
    with table.transaction() as transaction, RowDelta(operation, transaction, added, removed):
        pass


def _is_data(entry: ManifestEntry) -> bool:
    return bool(entry.data_file.content == DataFileContent.DATA)


def _removal(entry: ManifestEntry, snapshot_id: int) -> ManifestEntry:
    return ManifestEntry.from_args(
        status=ManifestEntryStatus.DELETED,
        snapshot_id=snapshot_id,
        sequence_number=entry.sequence_number,
        file_sequence_number=entry.file_sequence_number,
        data_file=entry.data_file,
    )
