"""What a refresh reads from an Iceberg table's metadata, through PyIceberg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot

from sluice.compiled import CompiledTransform
from sluice.contracts import Contract
from sluice.errors import TableError, WrongArgument
from sluice.nearest import nearest_first
from sluice.project import Project
from sluice.refresh.record import RUN_ID, Made, Rollback, Run, run_of
from sluice.refresh.strategy import Change
from sluice.tables.files import Difference, data_files, difference, snapshot_of
from sluice.tables.retired import retired_rows
from sluice.tables.upkeep import EMPTY


def made_from(table: Table) -> Made | None:
    """Return what the table's current snapshot was made from, or None when the table has no snapshot."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return None
    return Made.read(snapshot.summary.additional_properties)


def rollback_of(table: Table) -> Rollback | None:
    """Return the rollback that published the table's current snapshot, or None when a run did."""
    snapshot = table.current_snapshot()
    return Rollback.read(snapshot.summary.additional_properties) if snapshot and snapshot.summary else None


def is_newer(table: Table, before: str, now: str) -> bool:
    """Return whether the snapshot ``now`` came after ``before`` and has other data files, as far as is known."""
    if now in (before, EMPTY) or now in ancestors(table, before):
        return False
    found = difference(table, before, now)
    return found is None or found.changed


def ancestors(table: Table, snapshot: str) -> Iterator[str]:
    """Yield ``snapshot`` and its ancestors, newest first, as far as they have not expired."""
    at: int | None = None if snapshot == EMPTY else int(snapshot)
    while at is not None and (found := table.snapshot_by_id(at)) is not None:
        yield str(at)
        at = found.parent_snapshot_id


def snapshot_of_run(table: Table, run_id: str) -> Snapshot | None:
    """Return the newest snapshot that the run published, None when it published none."""
    own = [s for s in table.snapshots() if s.summary and s.summary.additional_properties.get(RUN_ID) == run_id]
    return max(own, key=lambda snapshot: snapshot.sequence_number or 0, default=None)


def described_run(table: Table, name: str, snapshot: Snapshot | None = None) -> Run:
    """Return the run that made a snapshot of the table (None: the current one), read from the snapshot's summary."""
    snapshot = snapshot or table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        raise TableError(
            f"{name} has no snapshot.", next_step="look at the log of the job that should have made it.", dataset=name
        )
    return run_of(name, str(snapshot.snapshot_id), snapshot.summary.additional_properties)


def transform_of(project: Project, table: str, *, safe: str = "nothing was changed.") -> CompiledTransform:
    """Return the transform that makes ``table``; ``WrongArgument`` for a table that none makes."""
    found = next((transform for transform in project.transforms if transform.table == table), None)
    if found is not None:
        return found
    delivered = table.startswith("quarantine.") or table in {contract.table for contract in project.arriving}
    retract = "; `sluice retract DELIVERY` takes one delivery out of it and of all that was made of it"
    raise WrongArgument(
        f"{table} is not a derived table{': it holds what was delivered' if delivered else ''}.",
        safe=safe,
        next_step=f"name one of {', '.join(nearest_first(table, (each.table for each in project.transforms)))}"
        f"{retract if delivered else ''}.",
        dataset=table,
        value=table,
    )


def retired_inputs(contract: Contract, inputs: Mapping[str, Table]) -> dict[str, int]:
    """Return how many rows retention removed so far from each input, by table; the others are left out.

    It is empty for a derived table whose ``contract`` declares a retention: its rows may go with what they are made of.
    """
    if contract.retention_days is not None:
        return {}
    return {name: rows for name, table in inputs.items() if (rows := retired_rows(table))}


def has_deletes(table: Table) -> bool:
    """Return whether the table has row-level deletes."""
    return data_files(table, snapshot_of(table)) is None


def change_between(table: Table, before: str, now: str) -> Change | None:
    """Return what changed from the snapshot ``before`` to ``now``, or None when that is not known."""
    found = difference(table, before, now)
    return None if found is None else change_of(found)


def change_of(difference: Difference) -> Change:
    """Return the numbers of a difference between two snapshots."""
    return Change(
        files_added=len(difference.added) + len(difference.passed),
        files_removed=len(difference.removed),
        changed_bytes=sum(file.file_size_in_bytes for file in (*difference.added, *difference.removed)),
        total_bytes=sum(file.file_size_in_bytes for file in difference.now),
        total_rows=sum(file.record_count for file in difference.now),
    )
