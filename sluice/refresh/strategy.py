"""The refresh strategy of a run: full (the whole table) or incremental (what the inputs' changes affect), and why.

Imports the standard library only, as Spark's job requires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sluice.compiled import Backfill, CompiledTransform
from sluice.refresh.record import Made
from sluice.tables.upkeep import EMPTY

#: When more than this share of an input's bytes or rows changed, a full refresh is cheaper than an incremental one.
_MOST_CHANGED = 0.5
#: Changes of at most so many bytes, or rows, are refreshed incrementally, whatever their share.
_FEW_BYTES, _FEW_ROWS = 1 << 20, 100_000


@dataclass(frozen=True)
class Change:
    """What changed in a table between two snapshots: how many data files were added and removed, with their bytes.

    ``total_bytes`` and ``total_rows`` are those of the later snapshot.
    """

    files_added: int = 0
    files_removed: int = 0
    changed_bytes: int = 0
    total_bytes: int = 0
    total_rows: int = 0

    @property
    def changed(self) -> bool:
        """Return whether the two snapshots consist of different files."""
        return bool(self.files_added or self.files_removed)


@dataclass(frozen=True)
class Strategy:
    """A refresh strategy: ``changes`` are those of the inputs by parameter, or None for a full refresh.

    ``reason`` says why. The rows of ``backfill`` are computed whether their inputs changed or not. With ``audit_all``
    the checks run on all rows, not only on the new ones. With ``for_cost`` it becomes full where that is cheaper.
    """

    changes: Mapping[str, Change] | None
    reason: str
    backfill: Backfill | None = None
    audit_all: bool = False
    for_cost: bool = True

    @property
    def incremental(self) -> bool:
        """Return whether only the rows that changes affect are computed."""
        return self.changes is not None

    def __str__(self) -> str:
        return f"{'incremental' if self.incremental else 'full'}: {self.reason}"


class TooWide(Exception):
    """An incremental refresh is not possible or not worth it; the message is the reason for a full one."""


def choose_strategy(
    transform: CompiledTransform,
    made: Made | None,
    inputs: Mapping[str, str],
    change_of: Callable[[str, str, str], Change | None],
    *,
    deletes: Callable[[], bool],
    backfill: Backfill | None = None,
    for_cost: bool = True,
) -> Strategy:
    """Return the refresh strategy for a table that was ``made`` (None: never) and reads the snapshots ``inputs``.

    ``change_of`` returns what changed in a table from one snapshot to another, or None when that is not known.
    ``deletes`` says whether the table has row-level deletes. A ``backfill`` without an interval makes the refresh full.
    Without ``for_cost`` it is never full only because that is cheaper: retention removed what a full one would need.
    """
    if backfill is not None and (not backfill.column or not transform.mode.recompute_key):
        return Strategy(None, f"backfill of {backfill}", backfill)
    if why := _must_be_whole(transform, made, deletes):
        return Strategy(None, why, backfill)
    assert made is not None
    found: dict[str, Change] = {}
    for parameter, name in transform.inputs.items():
        change = change_of(name, made.inputs.get(name, EMPTY), inputs[name])
        if change is None:
            why = f"what changed in {name} cannot be told: its earlier snapshot expired or has deletes"
            return Strategy(None, why, backfill)
        if why := _too_wide(transform, parameter, change, for_cost):
            return Strategy(None, why, backfill)
        found[parameter] = change
    changed = [transform.inputs[parameter] for parameter, change in found.items() if change.changed]
    reasons = [f"changes of {', '.join(changed) or 'nothing'}"]
    if backfill:
        reasons.append(f"backfill of {backfill}")
    if audit_all := made.checks != transform.checks:
        reasons.append("its checks changed")
    return Strategy(found, "; ".join(reasons), backfill, audit_all, for_cost)


def refuse_rows(
    transform: CompiledTransform, parameter: str, change: Change, rows: int, *, for_cost: bool = True
) -> None:
    """Raise ``TooWide`` when the ``rows`` of an input that really changed need a full refresh.

    Files say what may have changed: a compaction rewrites files and changes no row.
    """
    name = transform.inputs[parameter]
    if for_cost and rows > max(_FEW_ROWS, _MOST_CHANGED * change.total_rows):
        raise TooWide(f"most of {name} changed")
    if rows and not transform.propagations[parameter].declared:
        raise TooWide(_undeclared(name))


def _must_be_whole(transform: CompiledTransform, made: Made | None, deletes: Callable[[], bool]) -> str:
    """Return why the table needs a full refresh whatever changed, or an empty text when it does not."""
    if transform.mode.whole:
        return "written whole"
    if made is None:
        return "first run"
    if made.fingerprint != transform.fingerprint:
        return "the transform or a contract changed"
    return "the table has deletes of single rows" if deletes() else ""


def _too_wide(transform: CompiledTransform, parameter: str, change: Change, for_cost: bool) -> str:
    """Return why this change of an input needs a full refresh, or an empty text when it does not."""
    name = transform.inputs[parameter]
    if not change.changed:
        return ""
    if transform.mode.only_added:
        return f"rows of {name} were removed or replaced" if change.files_removed else ""
    if change.files_added and change.files_removed:
        return ""  # rows may only have moved between files: `refuse_rows` decides, once the run has compared them
    if not transform.propagations[parameter].declared:
        return _undeclared(name)
    if for_cost and change.changed_bytes > max(_MOST_CHANGED * change.total_bytes, _FEW_BYTES):
        return f"most of {name} changed"
    return ""


def _undeclared(name: str) -> str:
    return f"{name} changed, and nothing declares what that touches"
