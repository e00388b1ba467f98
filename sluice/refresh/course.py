"""How a run goes: whole, or only what the changes of its inputs touch; and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.table import Table

from sluice.decoding import json_decoder
from sluice.ledger import Backfill
from sluice.project import CompiledTransform
from sluice.refresh.inputs import is_native
from sluice.tables.files import EMPTY, Difference, data_files, difference, snapshot_of

#: Snapshot properties that say what a derived snapshot was made from.
INPUTS, FINGERPRINT, CHECKS = "sluice.inputs", "sluice.fingerprint", "sluice.checks"
#: Reads the property ``INPUTS``: snapshot by table.
decode_inputs = json_decoder(dict[str, str])
#: When more than this share of an input changed, following each change costs more than computing all.
MOST_CHANGED = 0.5
#: … but inputs of so few bytes are followed whatever their share.
_SMALL = 1 << 20


@dataclass(frozen=True)
class Course:
    """``differences`` are the inputs' changes by parameter, none when the whole table is computed; with the reason.

    ``backfill`` is computed too, whatever changed. With ``audit_all`` rows that stay are checked like new ones.
    """

    differences: dict[str, Difference] | None
    reason: str
    backfill: Backfill | None = None
    audit_all: bool = False

    @property
    def incremental(self) -> bool:
        """Tell whether only what changes touch is computed."""
        return self.differences is not None


def made_from(table: Table) -> tuple[str, dict[str, str]] | None:
    """Return the fingerprint and the input snapshots that the table's current snapshot was made from."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return None
    properties = snapshot.summary.additional_properties
    return properties.get(FINGERPRINT, ""), decode_inputs(properties.get(INPUTS, "{}"))


def checked_by(table: Table) -> str:
    """Return by which checks the table's current snapshot was audited; nothing when it does not say."""
    snapshot = table.current_snapshot()
    summary = None if snapshot is None else snapshot.summary
    return "" if summary is None else summary.additional_properties.get(CHECKS, "")


def choose_course(
    transform: CompiledTransform,
    target: Table,
    sources: Mapping[str, Table],
    inputs: Mapping[str, str],
    backfill: Backfill | None = None,
) -> Course:
    """Return how a run goes that reads the snapshots ``inputs`` of ``sources`` (both by table name)."""
    if backfill is not None and (not backfill.column or not transform.mode.by):
        return Course(None, f"backfill of {backfill}", backfill)
    if why := _must_be_whole(transform, target):
        return Course(None, why, backfill)
    _, read = made_from(target) or ("", {})
    found: dict[str, Difference] = {}
    for parameter, name in transform.inputs.items():
        table = sources[name]
        change = difference(table, read.get(name, EMPTY), inputs[name])
        if change is None or not is_native(table):
            return Course(None, f"what changed in {name} cannot be told: its earlier snapshot expired or has deletes")
        if why := _too_wide(transform, parameter, name, change):
            return Course(None, why)
        found[parameter] = change
    changed = [transform.inputs[parameter] for parameter, change in found.items() if change.changed]
    reasons = [f"changes of {', '.join(changed) or 'nothing'}"]
    if backfill:
        reasons.append(f"backfill of {backfill}")
    if audit_all := checked_by(target) != transform.checks:
        reasons.append("its checks changed")
    return Course(found, "; ".join(reasons), backfill, audit_all)


def _must_be_whole(transform: CompiledTransform, target: Table) -> str:
    """Return why the table cannot be brought up to date from what it holds; nothing when it can."""
    if transform.mode.whole:
        return "written whole"
    before = made_from(target)
    if before is None:
        return "first run"
    if before[0] != transform.fingerprint:
        return "the transform or a contract changed"
    if data_files(target, snapshot_of(target)) is None or not is_native(target):
        return "the table has deletes of single rows"
    return ""


def undeclared(name: str) -> str:
    """Return why a change of ``name`` makes the whole table be computed."""
    return f"{name} changed, and nothing declares what that touches"


def _too_wide(transform: CompiledTransform, parameter: str, name: str, change: Difference) -> str:
    """Return why this change makes the whole table be computed; nothing when it does not."""
    if not change.changed:
        return ""
    if transform.mode.only_added:
        return f"rows of {name} were removed or replaced" if change.removed else ""
    if change.added and change.removed:
        return ""  # rows that were only written anew are no change: the run looks at them
    if not transform.leads[parameter].leads:
        return undeclared(name)
    size = sum(file.file_size_in_bytes for file in (*change.added, *change.removed))
    whole = sum(file.file_size_in_bytes for file in change.now)
    if size > max(MOST_CHANGED * whole, _SMALL):
        return f"most of {name} changed"
    return ""
