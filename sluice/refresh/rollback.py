"""Rolls a derived table back: one commit gives readers the rows of an earlier snapshot, and no snapshot is lost.

The commit adds a snapshot with the earlier one's data files, so that tables made from this one refresh incrementally,
as after every other commit. It says what the earlier one was made from, which is where the next refresh goes on, and
which refresh is refused until an input or the transform changes: see ``sluice.refresh.record.Rollback``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from sluice.conflicts import until_committed
from sluice.counted import counted
from sluice.errors import CommitConflict, WrongArgument
from sluice.project import Project
from sluice.refresh.record import FINGERPRINT, ROWS, Made, Rollback
from sluice.refresh.tables import ancestors, made_from, rollback_of, transform_of
from sluice.tables.commit import discard, replace, write_data_files
from sluice.tables.files import data_files, snapshot_of

#: How many snapshots an error lists.
_LISTED = 10


class RolledBack(msgspec.Struct, frozen=True):
    """What a rollback did: the new snapshot, the one it equals, the one it took from readers, and their rows.

    ``changed`` is false when the table was rolled back so already, and nothing was done.
    """

    table: str
    snapshot: str
    to: str
    since: str
    rows: int
    rows_before: int
    changed: bool = True


def roll_back(project: Project, load: Callable[[str], Table], table: str, *, to: str, by: str) -> RolledBack:
    """Give readers of ``table`` the rows of the snapshot ``to``, or of the one they saw at that time.

    ``to`` is a snapshot's id or an ISO time (UTC where it names no zone), ``by`` who asked. Raise ``WrongArgument`` for
    a table that is not derived, a snapshot that is unknown, expired, never published, or the present one, and
    ``CommitConflict`` when other writers were faster each time. A rollback that was done already changes nothing.
    """
    inputs = tuple(transform_of(project, table).inputs.values())
    began = datetime.now(UTC).isoformat(timespec="microseconds")

    def attempt() -> RolledBack:
        target = load(table)
        if done := _made_by(target, by, began):  # by an attempt before this one, whose answer was uncertain
            return done
        chosen = _chosen(table, _published(target), to)
        now = {name: snapshot_of(load(name)) for name in inputs}
        return _commit(table, target, chosen, now, by=by)

    return until_committed(
        attempt,
        table,
        attempts=20,
        safe="readers see what the last of them published.",
        next_step="ask again; `sluice status` shows whether a refresh is running.",
    )


def _made_by(table: Table, by: str, began: str) -> RolledBack | None:
    """Return the rollback that is the table's present state, if ``by`` made it since ``began``."""
    back, current = rollback_of(table), table.current_snapshot()
    if back is None or current is None or back.by != by or back.at < began:
        return None
    return _told(table, back, current)


def _told(table: Table, back: Rollback, current: Snapshot, *, changed: bool = True) -> RolledBack:
    name, before = ".".join(table.name()), table.snapshot_by_id(int(back.since))
    snapshot, rows = str(current.snapshot_id), _rows(current)
    return RolledBack(name, snapshot, back.to, back.since, rows, _rows(before), changed=changed)


def _published(table: Table) -> list[Snapshot]:
    """Return the snapshots that runs or rollbacks published, newest first; others were never audited."""
    line = [table.snapshot_by_id(int(snapshot)) for snapshot in ancestors(table, snapshot_of(table))]
    return [s for s in line if s is not None and s.summary and s.summary.additional_properties.get(FINGERPRINT)]


def _chosen(table: str, published: Sequence[Snapshot], to: str) -> Snapshot:
    """Return the snapshot called ``to``, or the one that readers saw at that time."""
    if to.isdecimal():
        found = next((s for s in published if s.snapshot_id == int(to)), None)
        if found is None:
            raise _refused(table, f"{table} has no published snapshot {to}: it is unknown, or expired.", published)
        return found
    try:
        at = datetime.fromisoformat(to)
    except ValueError as error:
        raise _refused(
            table, f"{to[:80]!r} is no snapshot's id and no time, as 2026-01-31T12:00:00.", published
        ) from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    found = next((s for s in published if s.timestamp_ms / 1000 <= at.timestamp()), None)
    if found is None:
        raise _refused(
            table, f"{table} has no snapshot from {to} or before: none was published yet, or it expired.", published
        )
    return found


def _commit(name: str, table: Table, chosen: Snapshot, inputs: Mapping[str, str], *, by: str) -> RolledBack:
    current, present = snapshot_of(table), made_from(table)
    before = rollback_of(table)
    to = str(chosen.snapshot_id)
    if before is not None and before.to == to:
        seen = table.current_snapshot()
        assert seen is not None
        return _told(table, before, seen, changed=False)
    if to == current:
        raise _refused(name, f"{name} is at the rows of snapshot {to} already.", _published(table)[1:])
    assert present is not None
    assert chosen.summary is not None
    # Of a table that was rolled back already, the refused transform is the one that made what readers saw before that.
    fingerprint = before.fingerprint if before else present.fingerprint
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    back = Rollback(to=to, since=current, by=by, at=at, fingerprint=fingerprint, inputs=inputs)
    old, now = data_files(table, to), data_files(table, current)
    if old is None or now is None:
        # Files with deletes of single rows cannot come back as they were: a delete is older than a file added now.
        rows = table.scan(snapshot_id=int(to)).to_arrow()
        added, removed, count = write_data_files(table, rows), None, rows.num_rows
    else:
        had, has = {file.file_path for file in now}, {file.file_path for file in old}
        added = [file for file in old if file.file_path not in had]
        removed = [file for file in now if file.file_path not in has]
        count = sum(file.record_count for file in old)
    made = Made.read(chosen.summary.additional_properties)
    summary = {**made.summary(), **back.summary(), ROWS: str(count)}
    try:
        done = replace(table, added, removed=removed, summary=summary, needs=chosen.snapshot_id)
    except CommitConflict:
        if removed is None:
            discard(table, added)
        raise
    return RolledBack(name, snapshot_of(done), to, current, count, _rows(table.snapshot_by_id(int(current))))


def _rows(snapshot: Snapshot | None) -> int:
    said = snapshot.summary.additional_properties if snapshot and snapshot.summary else {}
    return int(said.get("total-records", "0"))


def _time(snapshot: Snapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def _refused(table: str, what: str, published: Sequence[Snapshot]) -> WrongArgument:
    listed = "; ".join(
        f"{each.snapshot_id} of {_time(each):%Y-%m-%dT%H:%M:%S}Z ({counted(_rows(each), 'row')})"
        for each in published[:_LISTED]
    )
    more = f", and {len(published) - _LISTED:,} older" if len(published) > _LISTED else ""
    return WrongArgument(
        what,
        safe="nothing was changed.",
        next_step=f"name one of {listed}{more}." if published else "wait for the table's first refresh.",
        dataset=table,
    )
