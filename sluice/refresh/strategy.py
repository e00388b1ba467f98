"""The refresh strategy of a run: full (the whole table) or incremental (what the inputs' changes affect), and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyiceberg.table import Table

from sluice.decoding import json_decoder
from sluice.ledger import Backfill
from sluice.project import CompiledTransform
from sluice.refresh.duckdb.inputs import is_native
from sluice.tables.files import EMPTY, Difference, data_files, difference, snapshot_of

#: Keys in the summary of a derived table's snapshot: its input snapshots, the transform's and the checks' fingerprints.
INPUTS, FINGERPRINT, CHECKS = "sluice.inputs", "sluice.fingerprint", "sluice.checks"
#: Decodes the value of ``INPUTS``: snapshot id by table.
decode_inputs = json_decoder(dict[str, str])
#: When more than this share of an input's bytes changed, a full refresh is cheaper than an incremental one.
MOST_CHANGED = 0.5
#: Changes of at most so many bytes are refreshed incrementally, whatever their share.
_SMALL = 1 << 20


@dataclass(frozen=True)
class Strategy:
    """A refresh strategy: ``differences`` are the inputs' changes by parameter, or None for a full refresh.

    ``reason`` says why. The rows of ``backfill`` are computed whether their inputs changed or not. With ``audit_all``
    the checks run on all rows, not only on the new ones.
    """

    differences: dict[str, Difference] | None
    reason: str
    backfill: Backfill | None = None
    audit_all: bool = False

    @property
    def incremental(self) -> bool:
        """Return whether only the rows that changes affect are computed."""
        return self.differences is not None


def made_from(table: Table) -> tuple[str, dict[str, str]] | None:
    """Return the transform's fingerprint and the input snapshots (by table) recorded in the table's current snapshot.

    Return None when the table has no snapshot.
    """
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return None
    properties = snapshot.summary.additional_properties
    return properties.get(FINGERPRINT, ""), decode_inputs(properties.get(INPUTS, "{}"))


def checked_by(table: Table) -> str:
    """Return the fingerprint of the checks that audited the table's current snapshot, or an empty text."""
    snapshot = table.current_snapshot()
    summary = None if snapshot is None else snapshot.summary
    return "" if summary is None else summary.additional_properties.get(CHECKS, "")


def choose_strategy(
    transform: CompiledTransform,
    target: Table,
    sources: Mapping[str, Table],
    inputs: Mapping[str, str],
    backfill: Backfill | None = None,
) -> Strategy:
    """Return the refresh strategy for ``target`` when it reads the snapshots ``inputs`` of ``sources``.

    Both are by table name. A request in ``backfill`` without an interval makes the refresh full.
    """
    if backfill is not None and (not backfill.column or not transform.mode.recompute_key):
        return Strategy(None, f"backfill of {backfill}", backfill)
    if why := _must_be_whole(transform, target):
        return Strategy(None, why, backfill)
    _, read = made_from(target) or ("", {})
    found: dict[str, Difference] = {}
    for parameter, name in transform.inputs.items():
        table = sources[name]
        change = difference(table, read.get(name, EMPTY), inputs[name])
        if change is None or not is_native(table):
            return Strategy(None, f"what changed in {name} cannot be told: its earlier snapshot expired or has deletes")
        if why := _too_wide(transform, parameter, name, change):
            return Strategy(None, why)
        found[parameter] = change
    changed = [transform.inputs[parameter] for parameter, change in found.items() if change.changed]
    reasons = [f"changes of {', '.join(changed) or 'nothing'}"]
    if backfill:
        reasons.append(f"backfill of {backfill}")
    if audit_all := checked_by(target) != transform.checks:
        reasons.append("its checks changed")
    return Strategy(found, "; ".join(reasons), backfill, audit_all)


def _must_be_whole(transform: CompiledTransform, target: Table) -> str:
    """Return why the table needs a full refresh whatever changed, or an empty text when it does not."""
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
    """Return the reason for a full refresh when ``name`` changed and no change propagation is declared for it."""
    return f"{name} changed, and nothing declares what that touches"


def _too_wide(transform: CompiledTransform, parameter: str, name: str, change: Difference) -> str:
    """Return why this change of an input needs a full refresh, or an empty text when it does not."""
    if not change.changed:
        return ""
    if transform.mode.only_added:
        return f"rows of {name} were removed or replaced" if change.removed else ""
    if change.added and change.removed:
        return ""  # a compaction rewrites files and changes no row: only the run, which compares rows, can say
    if not transform.propagations[parameter].declared:
        return undeclared(name)
    size = sum(file.file_size_in_bytes for file in (*change.added, *change.removed))
    whole = sum(file.file_size_in_bytes for file in change.now)
    if size > max(MOST_CHANGED * whole, _SMALL):
        return f"most of {name} changed"
    return ""
