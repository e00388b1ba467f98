"""The refresh strategy of a run on Spark, full or incremental, and why; the rules of ``sluice.refresh.strategy``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sluice.refresh.spark.lake import EMPTY, Difference, Head, Lake
from sluice.refresh.spark.shipped import CompiledTransform

#: Keys in the summary of a derived table's snapshot: its input snapshots, the transform's and the checks' fingerprints.
INPUTS, FINGERPRINT, CHECKS = "sluice.inputs", "sluice.fingerprint", "sluice.checks"
#: When more than this share of an input's bytes changed, a full refresh is cheaper than an incremental one.
_MOST_CHANGED = 0.5
#: Changes of at most so many bytes are refreshed incrementally, whatever their share.
_SMALL = 1 << 20


@dataclass(frozen=True)
class Strategy:
    """A refresh strategy: ``differences`` are the inputs' changes by parameter, or None for a full refresh.

    ``reason`` says why. With ``audit_all`` the checks run on all rows, not only on the new ones.
    """

    differences: Mapping[str, Difference] | None
    reason: str
    audit_all: bool = False

    @property
    def incremental(self) -> bool:
        """Return whether only the rows that changes affect are computed."""
        return self.differences is not None

    def __str__(self) -> str:
        return f"{'incremental' if self.incremental else 'full'}: {self.reason}"


def choose_strategy(lake: Lake, transform: CompiledTransform, head: Head, inputs: Mapping[str, str]) -> Strategy:
    """Return the refresh strategy for a table at ``head`` when it reads the input snapshots ``inputs`` (by table)."""
    if why := _must_be_whole(lake, transform, head):
        return Strategy(None, why)
    read: Mapping[str, str] = json.loads(head.summaries[head.main].get(INPUTS, "{}"))
    found: dict[str, Difference] = {}
    for parameter, name in transform.inputs.items():
        change = lake.difference(name, read.get(name, EMPTY), inputs[name])
        if change is None:
            return Strategy(None, f"what changed in {name} cannot be told: its earlier snapshot expired or has deletes")
        if why := _too_wide(transform, parameter, name, change):
            return Strategy(None, why)
        found[parameter] = change
    changed = [transform.inputs[parameter] for parameter, change in found.items() if change.changed]
    audit_all = head.summaries[head.main].get(CHECKS, "") != transform.checks
    reason = f"changes of {', '.join(changed) or 'nothing'}"
    return Strategy(found, f"{reason}; its checks changed" if audit_all else reason, audit_all)


def _must_be_whole(lake: Lake, transform: CompiledTransform, head: Head) -> str:
    """Return why the table needs a full refresh whatever changed, or an empty text when it does not."""
    if transform.mode.whole:
        return "written whole"
    if head.main == EMPTY:
        return "first run"
    if head.summaries[head.main].get(FINGERPRINT) != transform.fingerprint:
        return "the transform or a contract changed"
    if lake.has_deletes(transform.table, head.main):
        return "the table has deletes of single rows"
    return ""


def _too_wide(transform: CompiledTransform, parameter: str, name: str, change: Difference) -> str:
    """Return why this change of an input needs a full refresh, or an empty text when it does not."""
    if not change.changed:
        return ""
    if transform.mode.only_added:
        return f"rows of {name} were removed or replaced" if change.removed else ""
    if not transform.propagations[parameter].declared:
        return f"{name} changed, and nothing declares what that touches"
    if change.changed_bytes > max(_MOST_CHANGED * change.whole_bytes, _SMALL):
        return f"most of {name} changed"
    return ""
