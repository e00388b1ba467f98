"""The rows of an Iceberg table whose rows are changed: each has a number, by which its file and position are known.

https://iceberg.apache.org/spec/#position-delete-files
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, _read_all_delete_files
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, Table
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.changes.reading import ROW
from localaws.athena.iceberg import planned, without_extensions
from localaws.athena.sources import Rows, quoted
from localaws.athena.typing import DType


@dataclass(frozen=True)
class Taken:
    """Rows of one data file: ``positions`` in it, of ``live`` rows that no delete file has taken away yet."""

    task: FileScanTask
    positions: np.ndarray
    live: int


class TargetRows:
    """The rows of the table's current snapshot as a query reads them, with a number each."""

    def __init__(self, table: Table) -> None:
        self._table = table
        schema = table.schema()
        self._names = {field.name.lower(): field.name for field in schema.fields}
        self.columns: dict[str, exp.DataType] = {
            field.name.lower(): types.iceberg_type(field.field_type) for field in schema.fields
        }
        self.hidden = {ROW: exp.DataType(this=DType.BIGINT)}
        self._tasks: list[FileScanTask] | None = None
        self._live: list[np.ndarray] = []

    def tasks(self) -> list[FileScanTask]:
        """Return the data files of the snapshot with their delete files."""
        if self._tasks is None:
            self._tasks = planned(self._table.scan())
            deletes = _read_all_delete_files(self._table.io, self._tasks)
            for task in self._tasks:
                kept = np.ones(task.file.record_count, dtype=bool)
                for chunked in deletes.get(task.file.file_path, []) if task.delete_files else []:
                    kept[chunked.to_numpy()] = False
                self._live.append(np.flatnonzero(kept))
        return self._tasks

    def rows(self, wanted: set[str]) -> Rows:
        """Return the rows with the ``wanted`` columns and their numbers."""
        tasks = self.tasks()
        size = sum(scanned_bytes(task) for task in tasks)
        names = [name for shown, name in self._names.items() if shown in wanted]
        parts = [self._read(task, live, names) for task, live in zip(tasks, self._live, strict=True)]
        schema = self._empty(names).schema
        table = pa.concat_tables([schema.empty_table(), *parts], promote_options="permissive") if names else None
        count = sum(len(live) for live in self._live)
        numbers = pa.chunked_array([pa.array(np.arange(count, dtype=np.int64))])
        data = pa.table({ROW: numbers}) if table is None else table.append_column(ROW, numbers)
        projection = {shown: quoted(name) for shown, name in self._names.items() if name in names}
        return Rows(without_extensions(data), size, projection | {ROW: quoted(ROW)})

    def taken(self, numbers: np.ndarray) -> list[Taken]:
        """Return where the rows of these numbers are, file by file in the order of the numbers."""
        found, start = [], 0
        numbers = np.sort(numbers)
        for task, live in zip(self.tasks(), self._live, strict=True):
            first, last = np.searchsorted(numbers, (start, start + len(live)))
            if last > first:
                found.append(Taken(task, live[numbers[first:last] - start], len(live)))
            start += len(live)
        return found

    def whole(self, taken: Iterable[Taken]) -> Iterator[pa.Table]:
        """Yield, for each file, the rows there with all columns of the table, named in small letters."""
        names = [field.name for field in self._table.schema().fields]
        for each in taken:
            rows = self._read(each.task, each.positions, names)
            yield rows.rename_columns([name.lower() for name in rows.column_names])

    def live(self, tasks: Iterable[FileScanTask]) -> list[Taken]:
        """Return all rows of these files of the table."""
        known = {task.file.file_path: live for task, live in zip(self.tasks(), self._live, strict=True)}
        return [Taken(task, live, len(live)) for task in tasks for live in [known[task.file.file_path]]]

    def _read(self, task: FileScanTask, positions: np.ndarray, names: list[str]) -> pa.Table:
        if not names:
            return pa.table({})
        bare = FileScanTask(task.file)  # with its delete files, positions would not be those in the file
        table = self._scan(names).to_table([bare])
        return table if len(positions) == table.num_rows else table.take(pa.array(positions))

    def _empty(self, names: list[str]) -> pa.Table:
        return self._scan(names).to_table([])

    def _scan(self, names: list[str]) -> ArrowScan:
        fields = [field for field in self._table.schema().fields if field.name in names]
        schema = Schema(*fields, schema_id=self._table.schema().schema_id)
        return ArrowScan(self._table.metadata, self._table.io, schema, AlwaysTrue())


def scanned_bytes(task: FileScanTask) -> int:
    """Return the size of a data file and its delete files."""
    return int(task.file.file_size_in_bytes + sum(file.file_size_in_bytes for file in task.delete_files))


def files_of(taken: Iterable[Taken]) -> list[DataFile]:
    """Return the data files of these rows."""
    return [each.task.file for each in taken]
