"""Commits to Iceberg tables: data, snapshot summary and properties become visible in one commit, or none of them does.

Each commit asserts that the table's snapshot is the one that the caller read. When another writer was faster,
``CommitConflict`` is raised: nothing was committed, and the caller deletes what it wrote and reads the table again. The
catalog has looked whether it was (``sluice.tables.catalog``); when it cannot know yet, ``CommitUncertain`` is raised,
and nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Literal

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, CommitStateUnknownException
from pyiceberg.io.pyarrow import _dataframe_to_data_files, parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import ValidatableTableRequirement
from pyiceberg.table.update.snapshot import UpdateSnapshot

from sluice.errors import CommitConflict, CommitUncertain, TableError
from sluice.tables.text_bounds import mend
from sluice.tables.transactions import LookedAtOnce, share_the_past

mend()
share_the_past()


def write_data_files(table: Table, rows: pa.Table | pa.RecordBatchReader) -> list[DataFile]:
    """Write ``rows`` as data files with the table's schema, partitioning and sort order; nothing is committed."""
    if isinstance(rows, pa.Table) and rows.num_rows == 0:
        return []
    return list(_dataframe_to_data_files(table.metadata, _as_table(table, rows), table.io, counter=count()))


def adopt_data_files(table: Table, paths: Iterable[str]) -> list[DataFile]:
    """Return Parquet files right in the table's data folder as its data files; nothing is copied or committed.

    Raise ``ValueError`` for a file elsewhere, which is another table's or a query's.
    """
    folder = f"{table.location()}/data/"
    paths = list(paths)
    if others := [path for path in paths if not path.startswith(folder) or "/" in path.removeprefix(folder)]:
        raise ValueError(f"{', '.join(others[:3])} is not in {folder}")
    return [parquet_file_to_data_file(table.io, table.metadata, path) for path in paths]


def append(
    table: Table, files: Sequence[DataFile], *, summary: Mapping[str, str], properties: Mapping[str, str]
) -> Table:
    """Append ``files`` and set ``properties`` in one commit; without files its snapshot adds no row."""
    return _commit(table, lambda update: update.merge_append(), added=files, summary=summary, properties=properties)


def replace(
    table: Table,
    files: Sequence[DataFile],
    *,
    removed: Iterable[DataFile] | None = None,
    summary: Mapping[str, str],
    properties: Mapping[str, str] | None = None,
    needs: int | None = None,
) -> Table:
    """Replace the files in ``removed`` by ``files`` in one commit; None stands for all files of the table.

    The same commit sets the table's ``properties``. It fails when the snapshot ``needs`` has expired by then, since the
    files of that snapshot are being deleted.
    """
    if removed is None:
        removed = [task.file for task in table.scan().plan_files()] if table.current_snapshot() else []
    return _commit(
        table,
        lambda update: update.overwrite(),
        added=files,
        removed=removed,
        summary=summary,
        properties=properties,
        needs=needs,
    )


class _StillThere(ValidatableTableRequirement):
    """A requirement of a commit, which PyIceberg's catalogs check: the table still has the snapshot ``needs``."""

    type: Literal["assert-sluice-snapshot"] = "assert-sluice-snapshot"
    needs: int

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]  # so is pydantic's called
        """Raise ``CommitFailedException`` when the snapshot has expired."""
        if base_metadata is None or base_metadata.snapshot_by_id(self.needs) is None:
            raise CommitFailedException(f"Requirement failed: snapshot {self.needs} has expired")


def discard(table: Table, files: Iterable[DataFile | str]) -> None:
    """Delete files that were written for a commit that did not happen."""
    for file in files:
        table.io.delete(file if isinstance(file, str) else file.file_path)


def _commit(
    table: Table,
    producer: Callable[[UpdateSnapshot], Any],
    *,
    added: Sequence[DataFile],
    summary: Mapping[str, str],
    removed: Iterable[DataFile] = (),
    properties: Mapping[str, str] | None = None,
    needs: int | None = None,
) -> Table:
    try:
        with LookedAtOnce(table) as transaction:
            if needs is not None:
                transaction._apply((), (_StillThere(needs=needs),))  # type: ignore[arg-type]  # theirs is a closed list
            with producer(transaction.update_snapshot(snapshot_properties=dict(summary))) as snapshot:
                for file in removed:
                    snapshot.delete_data_file(file)
                for file in added:
                    snapshot.append_data_file(file)
            if properties:
                transaction.set_properties(dict(properties))
    except CommitStateUnknownException as error:
        raise CommitUncertain(f"{error}.", dataset=".".join(table.name())) from error
    except CommitFailedException as error:
        raise CommitConflict(
            f"{'.'.join(table.name())}: another writer committed first ({error}).",
            dataset=".".join(table.name()),
        ) from error
    return table


def _as_table(table: Table, rows: pa.Table | pa.RecordBatchReader) -> pa.Table | pa.RecordBatchReader:
    """Return ``rows`` with exactly the table's columns, in its sort order; columns that ``rows`` lacks are null.

    Raise ``TableError`` when the table lacks a column of ``rows``.
    """
    schema = table.schema().as_arrow()
    unknown = set(rows.schema.names) - set(schema.names)
    if unknown:
        raise TableError(
            f"{'.'.join(table.name())} has no column {', '.join(sorted(unknown))}: the contract is ahead of the table.",
            safe="nothing was committed; the staged files are kept.",
            next_step="deploy again, which adds the column; the commit is then tried again by itself.",
            dataset=".".join(table.name()),
            column=min(unknown),
        )
    plain = pa.schema([pa.field(f.name, f.type) for f in schema])
    if isinstance(rows, pa.RecordBatchReader):
        return rows.cast(plain)
    columns = [
        rows[field.name].cast(field.type) if field.name in rows.schema.names else pa.nulls(len(rows), field.type)
        for field in plain
    ]
    ordered = pa.table(columns, schema=plain)
    keys = [(schema.field(table.schema().find_column_name(f.source_id)).name, "ascending") for f in _sorted_by(table)]
    return ordered.sort_by(keys) if keys else ordered


def _sorted_by(table: Table) -> list:  # type: ignore[type-arg]
    return list(table.sort_order().fields)
