"""Expires old snapshots of a table and deletes the files that only they referred to, which PyIceberg leaves behind."""

from __future__ import annotations

import time

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from sluice.tables.upkeep import ROLLED_BACK, WORTH_EXPIRING, keep_seconds


def expire_snapshots(table: Table, *, now: float | None = None, worth: int | None = None) -> int:
    """Expire old snapshots, delete the files that nothing refers to any more, and return how many were expired.

    That is 0 when fewer than ``worth`` are old (None: as many as pay for a commit), or another writer commits
    meanwhile; the next call tries again.
    """
    dead = _expirable(table, now or time.time())
    if len(dead) < (WORTH_EXPIRING if worth is None else worth):
        return 0
    ids = {snapshot.snapshot_id for snapshot in dead}
    unused = _files(table, dead) - _files(table, _witnesses([s for s in table.snapshots() if s.snapshot_id not in ids]))
    try:
        table.maintenance.expire_snapshots().by_ids(sorted(ids)).commit()
    except CommitFailedException:
        return 0
    for path in sorted(unused):
        table.io.delete(path)
    return len(dead)


def _expirable(table: Table, now: float) -> list[Snapshot]:
    snapshots = table.snapshots()
    kept = keep_seconds(len(snapshots))
    referred = {ref.snapshot_id for ref in table.refs().values()}
    return [s for s in snapshots if s.timestamp_ms / 1000 < now - kept and s.snapshot_id not in referred]


def _witnesses(kept: list[Snapshot]) -> list[Snapshot]:
    """Return those of the ``kept`` snapshots that suffice to find every file shared with an expired snapshot.

    In a linear history a removed file returns by a rollback alone, so the oldest kept snapshot and those that rollbacks
    published have all files that any of them shares with an older one.
    """
    in_order = sorted(kept, key=lambda snapshot: snapshot.sequence_number or 0)
    made_from = [snapshot.parent_snapshot_id for snapshot in in_order[1:]]
    if made_from != [snapshot.snapshot_id for snapshot in in_order[:-1]]:
        return kept
    return [*in_order[:1], *(s for s in in_order[1:] if s.summary and ROLLED_BACK in s.summary.additional_properties)]


def _files(table: Table, snapshots: list[Snapshot]) -> set[str]:
    """Return every file of the snapshots: manifest lists, manifests, and the data files that they have not deleted."""
    found: set[str] = set()
    read: set[str] = set()
    for snapshot in snapshots:
        found.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path in read:
                continue
            read.add(manifest.manifest_path)
            found.add(manifest.manifest_path)
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            found.update(entry.data_file.file_path for entry in entries)
    return found
