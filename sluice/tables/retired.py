"""Which data files retention removed between two snapshots: their rows are gone by declaration, which is no change."""

from __future__ import annotations

from collections.abc import Iterator

from pyiceberg.manifest import DataFile, ManifestEntryStatus
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from sluice.tables.upkeep import EMPTY, RETIRED_BEFORE, RETIRED_ROWS


def retirements(table: Table) -> list[Snapshot]:
    """Return the snapshots that retention made and that have not expired."""
    return [snapshot for snapshot in table.snapshots() if _by_retention(snapshot)]


def retired_rows(table: Table) -> int:
    """Return how many rows retention has removed from the table so far."""
    return int(table.properties.get(RETIRED_ROWS, "0"))


def retired_between(table: Table, before: str, now: str) -> dict[str, DataFile] | None:
    """Return the files that retention removed after ``before`` up to ``now``, by path.

    Return None when that is not known: a snapshot between the two has expired.
    """
    if not retired_rows(table) or EMPTY in (before, now):
        return {}
    known = {snapshot.snapshot_id: snapshot for snapshot in table.snapshots()}
    earlier = {snapshot.snapshot_id for snapshot in _ancestors(known, int(before))}
    found: dict[str, DataFile] = {}
    place: int | None = int(now)
    while place is not None and place not in earlier:
        if place not in known:
            return None
        if _by_retention(known[place]):
            found |= {file.file_path: file for file in _removed_by(table, known[place])}
        place = known[place].parent_snapshot_id
    return found


def _ancestors(known: dict[int, Snapshot], place: int | None) -> Iterator[Snapshot]:
    while place is not None and place in known:
        yield known[place]
        place = known[place].parent_snapshot_id


def _by_retention(snapshot: Snapshot) -> bool:
    return snapshot.summary is not None and RETIRED_BEFORE in snapshot.summary.additional_properties


def _removed_by(table: Table, snapshot: Snapshot) -> Iterator[DataFile]:
    """Yield the data files that a snapshot removed: its own manifests list them as deleted."""
    for manifest in snapshot.manifests(table.io):
        if manifest.added_snapshot_id == snapshot.snapshot_id:
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                if entry.status == ManifestEntryStatus.DELETED and entry.snapshot_id == snapshot.snapshot_id:
                    yield entry.data_file
