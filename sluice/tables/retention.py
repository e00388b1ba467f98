"""Retention: removes whole data files whose newest row is too old.

Only metadata is written and no file is rewritten: each commit to bronze and quarantine brings files of its own, so each
becomes wholly old. Where somebody compacts them, a file stays until its newest row is too old.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

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
#: The most files that one commit removes, since it rewrites the manifests that list them.
_AT_ONCE = 5000
#: Seconds that one such commit, or looking into one file, may take.
_COMMIT_SECONDS = 30.0


def retire(load: Callable[[], Table], before: datetime, *, time_left: Callable[[], float] = lambda: math.inf) -> Table:
    """Remove the table's data files whose rows were all read before ``before`` (UTC, without a zone); return the table.

    ``load`` loads it anew, as is done after another writer's commit. The oldest files go first, and a part of them when
    ``time_left`` (in seconds) does not suffice for all. ``CommitConflict`` when others were faster each time.
    """
    table, unfinished = load(), True
    while unfinished and time_left() > _COMMIT_SECONDS:
        table, unfinished = until_committed(
            lambda: _retire_some(load(), before, time_left),
            ".".join(table.name()),
            attempts=20,
            safe="no row of these files was removed.",
            next_step="the committer tries again by itself, today or tomorrow; look for a second writer on this table.",
        )
    return table


def _retire_some(table: Table, before: datetime, time_left: Callable[[], float]) -> tuple[Table, bool]:
    """Remove as many files as one commit takes; return the table, and whether there may be more."""
    old = list(islice(_older(table, before, time_left), _AT_ONCE))
    if not old:
        return table, False
    rows = sum(file.record_count for file in old)
    retired = replace(
        table,
        [],
        removed=old,
        summary={RETIRED_BEFORE: before.replace(tzinfo=UTC).isoformat()},
        properties={RETIRED_ROWS: str(retired_rows(table) + rows)},
    )
    return retired, len(old) == _AT_ONCE


def _older(table: Table, before: datetime, time_left: Callable[[], float]) -> Iterator[DataFile]:
    """Yield the files whose rows are all older: first those that tell it in the metadata, then those that are read."""
    ages = _ages(table)
    known = [(newest, file) for file, _, newest in ages if newest is not None and newest < before]
    yield from (file for _, file in sorted(known, key=lambda each: each[0]))
    for file, _, newest in ages:
        if newest is None and time_left() > _COMMIT_SECONDS:
            read = _newest_in(table, file)
            if read is not None and read < before:
                yield file


def forget(table: Table, *, now: float) -> int:
    """Delete the files that retention removed, once nobody may read them; return how many snapshots expired for it."""
    kept = now - keep_seconds(len(table.snapshots()))
    due = [snapshot for snapshot in retirements(table) if snapshot.timestamp_ms / 1000 < kept]
    left = {snapshot.snapshot_id for snapshot in table.snapshots()}
    return expire_snapshots(table, now=now, worth=1) if any(s.parent_snapshot_id in left for s in due) else 0


def oldest(table: Table) -> datetime:
    """Return when the oldest row was read: ``datetime.max`` without rows, ``datetime.min`` when that is not known."""
    return min((lower or datetime.min for _, lower, _ in _ages(table)), default=datetime.max)


def _newest_in(table: Table, file: DataFile) -> datetime | None:
    """Return when the newest row of a file was read, looking into it; None when one does not tell, or there is none."""
    with table.io.new_input(file.file_path).open() as stream:
        column = pq.read_table(stream, columns=[READ_AT])[READ_AT]
    value = None if column.null_count else pc.max(column).as_py()
    return None if value is None else value.replace(tzinfo=None)


def _ages(table: Table) -> list[tuple[DataFile, datetime | None, datetime | None]]:
    """Return each file with when its oldest and its newest row were read, None where the metadata does not tell of all.

    Bounds say nothing of nulls. Another writer may leave a column's bounds out, as Iceberg's Java library does for
    those after the hundredth: https://iceberg.apache.org/docs/latest/configuration/#write-properties
    """
    if table.current_snapshot() is None:
        return []
    files = [task.file for task in table.scan().plan_files()]
    told = bounds(table.schema(), files, READ_AT)
    field = table.schema().find_field(READ_AT).field_id
    every = [(file.null_value_counts or {}).get(field) == 0 for file in files]
    lower, upper = (told[name].to_pylist() for name in ("lower", "upper"))
    return [
        (file, first, last) if of_all else (file, None, None)
        for file, first, last, of_all in zip(files, lower, upper, every, strict=True)
    ]
