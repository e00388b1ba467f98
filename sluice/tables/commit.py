"""Commits to Iceberg tables: data and what it came from become current together, or nothing does.

Each commit asserts the snapshot in which its caller looked; when another writer was faster, ``CommitConflict`` says so
and the caller looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import _dataframe_to_data_files, parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import UpdateSnapshot

from sluice.errors import CommitConflict, TableError
from sluice.tables.text_bounds import mend

mend()


def write_data_files(table: Table, rows: pa.Table | pa.RecordBatchReader) -> list[DataFile]:
    """Write ``rows`` as data files of ``table``, in its schema, partitioning and sort order; nothing is committed."""
    if isinstance(rows, pa.Table) and rows.num_rows == 0:
        return []
    return list(_dataframe_to_data_files(table.metadata, _as_table(table, rows), table.io, counter=count()))


def adopt_data_files(table: Table, paths: Iterable[str]) -> list[DataFile]:
    """Return Parquet files that lie under the table's location as data files of it; nothing is copied or committed."""
    return [parquet_file_to_data_file(table.io, table.metadata, path) for path in paths]


def append(
    table: Table, files: Sequence[DataFile], *, summary: Mapping[str, str], properties: Mapping[str, str]
) -> Table:
    """Add ``files`` (none is allowed: the commit then only carries its properties) and set ``properties`` with them."""
    return _commit(table, lambda update: update.merge_append(), added=files, summary=summary, properties=properties)


def replace(
    table: Table, files: Sequence[DataFile], *, removed: Iterable[DataFile] | None = None, summary: Mapping[str, str]
) -> Table:
    """Put ``files`` in the place of the ``removed`` ones (none: of everything the table holds)."""
    if removed is None:
        removed = [task.file for task in table.scan().plan_files()] if table.current_snapshot() else []
    return _commit(table, lambda update: update.overwrite(), added=files, removed=removed, summary=summary)


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
) -> Table:
    try:
        with table.transaction() as transaction:
            with producer(transaction.update_snapshot(snapshot_properties=dict(summary))) as snapshot:
                for file in removed:
                    snapshot.delete_data_file(file)
                for file in added:
                    snapshot.append_data_file(file)
            if properties:
                transaction.set_properties(dict(properties))
    except CommitFailedException as error:
        raise CommitConflict(
            f"{'.'.join(table.name())}: another writer committed first ({error}).",
            safe="nothing of this commit is visible.",
            next_step="look again and commit anew; this happens by itself.",
        ) from error
    return table


def _as_table(table: Table, rows: pa.Table | pa.RecordBatchReader) -> pa.Table | pa.RecordBatchReader:
    """Return ``rows`` with exactly the table's columns: those it lacks are null, those the table lacks are refused."""
    schema = table.schema().as_arrow()
    unknown = set(rows.schema.names) - set(schema.names)
    if unknown:
        raise TableError(
            f"{'.'.join(table.name())} has no column {', '.join(sorted(unknown))}: the contract is ahead of the table.",
            safe="nothing was committed; what was staged stays.",
            next_step="deploy again so that the table evolves; the step then goes on by itself.",
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
