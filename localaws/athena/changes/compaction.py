"""OPTIMIZE: rewrites small and large data files, and those with many delete files, as files of about one size.

https://docs.aws.amazon.com/athena/latest/ug/optimize-statement.html
https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html#querying-iceberg-table-properties
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from pyiceberg.io.pyarrow import bin_pack_arrow_table
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table, TableProperties
from pyiceberg.table.snapshots import Operation
from pyiceberg.typedef import Record

from localaws.athena import iceberg_writes
from localaws.athena.changes import delete_files, reading, row_delta
from localaws.athena.changes.reading import ROW
from localaws.athena.changes.row_changes import pinned, writable
from localaws.athena.changes.target import TargetRows, files_of, scanned_bytes
from localaws.athena.definitions.place import Place
from localaws.athena.statements import kinds
from localaws.athena.written_iceberg import IcebergCatalog, committed

_TARGET_SIZE: Final = 512 * 1024**2
#: Parts of the target size below and above which a file is rewritten.
_SMALL, _LARGE = 0.75, 1.8
_DATA_FILES: Final = 5
_DELETE_FILES: Final = 2


@dataclass(frozen=True)
class Limits:
    """Which files are rewritten: sizes in bytes, and numbers of files."""

    target: int
    smallest: int
    largest: int
    data_files: int
    delete_files: int

    @classmethod
    def of(cls, table: Table) -> Limits:
        """Return the limits that the table's properties declare, Athena's own where they do not."""

        def number(name: str, otherwise: float) -> int:
            return int(table.properties.get(name, otherwise))

        target = number(TableProperties.WRITE_TARGET_FILE_SIZE_BYTES, _TARGET_SIZE)
        return cls(
            target,
            number("optimize_rewrite_min_data_file_size_bytes", target * _SMALL),
            number("optimize_rewrite_max_data_file_size_bytes", target * _LARGE),
            number("optimize_rewrite_data_file_threshold", _DATA_FILES),
            number("optimize_rewrite_delete_file_threshold", _DELETE_FILES),
        )

    def chosen(self, tasks: Iterable[FileScanTask]) -> list[list[FileScanTask]]:
        """Return the files to rewrite, those of each partition together."""
        groups: dict[tuple[int, Record], list[FileScanTask]] = defaultdict(list)
        for task in tasks:
            size, deleted = task.file.file_size_in_bytes, len(task.delete_files) >= self.delete_files
            if deleted or not self.smallest <= size <= self.largest:
                groups[task.file.spec_id, task.file.partition].append(task)
        return [group for group in groups.values() if len(group) >= self.data_files or self._many_deletes(group)]

    def at_rest(self, group: list[FileScanTask], rows: pa.Table, spec_id: int) -> bool:
        """Return whether the rows of these files of one partition would come out in files like those they are in.

        PyIceberg measures what it writes in memory, so that its files may be smaller than ``smallest`` for good.
        """
        if self._many_deletes(group) or not rows.num_rows or group[0].file.spec_id != spec_id:
            return False
        files = sum(1 for _ in bin_pack_arrow_table(rows, self.target))
        large = any(task.file.file_size_in_bytes > self.largest for task in group)
        return files == len(group) or (files > len(group) and not large)

    def _many_deletes(self, group: list[FileScanTask]) -> bool:
        return any(len(task.delete_files) >= self.delete_files for task in group)


def optimize(statement: kinds.Optimize, place: Place) -> list[str]:
    """Rewrite data files in one snapshot, in which the rows are the same; return the files that were written."""
    name = statement.name.within(place.database)
    writable(name, "OPTIMIZE", place)

    def change(table: Table, _catalog: IcebergCatalog) -> None:
        target = pinned(table, name, place)
        tasks, scanned = target.tasks(), 0
        if statement.condition:
            wanted, scanned = _matching(statement, target, place)
            tasks = [task for task in tasks if task.file in wanted]
        limits = Limits.of(table)
        groups = limits.chosen(tasks)
        place.allow(scanned + sum(scanned_bytes(task) for group in groups for task in group))
        _rewrite(table, target, limits, groups)

    return committed(name, place.leave, place.unstopped, change)


def _matching(statement: kinds.Optimize, target: TargetRows, place: Place) -> tuple[list[DataFile], int]:
    """Return the files with a row for which the condition holds, and how many bytes were read for it."""
    name = statement.name.within(place.database)
    answer = place.answer(reading.matching(name, statement.condition))
    return files_of(target.taken(answer.table.column(ROW).to_numpy())), answer.scanned


def _rewrite(table: Table, target: TargetRows, limits: Limits, groups: list[list[FileScanTask]]) -> None:
    schema = table.schema()
    added: list[DataFile] = []
    removed: list[DataFile] = []
    for group in groups:
        parts = [iceberg_writes.of_schema(rows, schema) for rows in target.whole(target.live(group))]
        rows = pa.concat_tables([iceberg_writes.of_schema(pa.table({}), schema), *parts])
        if limits.at_rest(group, rows, table.metadata.default_spec_id):
            continue
        added += iceberg_writes.data_files(table.metadata, table.io, rows)
        removed += [task.file for task in group]
    removed += delete_files.orphaned(target.tasks(), removed)
    if removed:
        row_delta.commit(table, Operation.REPLACE, added, removed)
