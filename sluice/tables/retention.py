"""Retention: removes whole data files whose newest row is too old.

Only metadata is written and no file is rewritten: each commit to bronze and quarantine brings files of its own, so each
becomes wholly old. Where somebody compacts them, a file stays until its newest row is too old.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.conflicts import until_committed
from sluice.tables.commit import replace
from sluice.tables.files import bounds
from sluice.tables.maintain import expire_snapshots
from sluice.tables.retired import retired_rows, retirements
from sluice.tables.upkeep import RETIRED_BEFORE, RETIRED_ROWS, keep_seconds

#: The column that says how old a row is.
READ_AT = "_ingested_at"


def retire(load: Callable[[], Table], before: datetime) -> Table:
    """Remove the table's data files whose rows were all read before ``before`` (UTC, without a zone); return the table.

    ``load`` loads it anew, as is done after another writer's commit. ``CommitConflict`` when others were faster each
    time.
    """
    return until_committed(
        lambda: _retire_once(load(), before),
        ".".join(load().name()),
        attempts=20,
        safe="no row was removed.",
        next_step="the committer tries again by itself, today or tomorrow; look for a second writer on this table.",
    )


def _retire_once(table: Table, before: datetime) -> Table:
    old = [file for file in _files(table) if (newest := newest_in(table, file)) is not None and newest < before]
    if not old:
        return table
    rows = sum(file.record_count for file in old)
    return replace(
        table,
        [],
        removed=old,
        summary={RETIRED_BEFORE: before.replace(tzinfo=UTC).isoformat()},
        properties={RETIRED_ROWS: str(retired_rows(table) + rows)},
    )


def forget(table: Table, *, now: float) -> int:
    """Delete the files that retention removed, once nobody may read them; return how many snapshots expired for it."""
    kept = now - keep_seconds(len(table.snapshots()))
    due = [snapshot for snapshot in retirements(table) if snapshot.timestamp_ms / 1000 < kept]
    left = {snapshot.snapshot_id for snapshot in table.snapshots()}
    return expire_snapshots(table, now=now, worth=1) if any(s.parent_snapshot_id in left for s in due) else 0


def oldest(table: Table) -> datetime | None:
    """Return when the oldest row of the table was read, None without rows or when a file does not tell."""
    found = [_bounds(table, file)[0] for file in _files(table)]
    return min(each for each in found if each is not None) if found and None not in found else None


def newest_in(table: Table, file: DataFile) -> datetime | None:
    """Return when the newest row of a file was read, None when no row tells."""
    _, upper = _bounds(table, file)
    if upper is not None:
        return upper
    # Another writer may leave a column's bounds out, as Iceberg's Java library does for those after the hundredth:
    # https://iceberg.apache.org/docs/latest/configuration/#write-properties
    with table.io.new_input(file.file_path).open() as stream:
        column = pq.read_table(stream, columns=[READ_AT])[READ_AT]
    value = None if column.null_count else pc.max(column).as_py()
    return None if value is None else value.replace(tzinfo=None)


def _files(table: Table) -> list[DataFile]:
    return [task.file for task in table.scan().plan_files()] if table.current_snapshot() else []


def _bounds(table: Table, file: DataFile) -> tuple[datetime | None, datetime | None]:
    (row,) = bounds(table.schema(), [file], READ_AT).to_pylist()
    return row["lower"], row["upper"]
