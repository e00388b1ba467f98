"""When derived tables are refreshed: in each window of its latency a table has one turn, at the first change in it.

Windows begin at multiples of the latency, so that tables of one latency have their turns together. A change that comes
after the table's turn waits for the next window, which begins within the latency. A table's latency counts from the
commit of what arrived, through whatever tables lie between: these are refreshed as often as the most hurried table that
needs them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sluice.pace_items import Refreshes
from sluice.project import Project


@dataclass(frozen=True)
class Turns:
    """The latencies of a project's derived tables, and which tables had their turn, read at one moment, ``now``.

    ``plan`` says for which plan of a round: in the ``first`` the tables have their turn whose latency allows it, and
    those of a round before it that did not end; in a ``later`` one the tables that the first has chosen. ``since`` is
    when that round began.
    """

    project: Project
    refreshes: Refreshes
    now: float
    plan: Literal["", "first", "later"] = ""
    since: float | None = None
    latencies: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "latencies", latencies(self.project))

    def opens(self, table: str) -> float:
        """Return when the table may have its next turn, in seconds since the epoch; 0 if somebody asked for it now."""
        before = self.refreshes.considered.get(table)
        forward = max(self.refreshes.forward.get(each, 0.0) for each in ("", table))
        if before is None or forward > self.refreshes.heeded:
            return 0.0
        latency = self.latencies[table]
        window = (math.floor(before / latency) + 1) * latency
        return min(window, self.refreshes.again[table]) if self.died(table) else window

    def died(self, table: str) -> bool:
        """Return whether the table's last run was killed, or that of a table that it needs."""
        return self.refreshes.again.get(table, 0.0) > self.refreshes.considered.get(table, 0.0)

    def _has_turn(self, table: str) -> bool:
        if self.since is not None and self.refreshes.considered.get(table, 0.0) >= self.since:
            return True
        return self.plan != "later" and self.opens(table) <= self.now

    def due(self, behind: Collection[str], requested: Collection[str] = ()) -> set[str]:
        """Return which of the tables that are behind are refreshed now: those with a turn, and what these need.

        One whose backfill was ``requested`` has its turn.
        """
        turn = {table for table in behind if table in requested or self._has_turn(table)}
        return self._with_needs(turn) & set(behind)

    def seen(self, chosen: Collection[str], current: Mapping[str, str]) -> dict[str, str]:
        """Return digests of what the tables are made of that have their turn: the ``chosen`` ones that are behind.

        In the first plan also others that have it and changed: what they need is held as it is, and would start a
        refresh at each change.
        """
        found = set(chosen)
        if self.plan == "first":
            found |= {table for table in self.latencies if self._has_turn(table) and self.changed(table, current)}
        return {table: self.digest(table, current) for table in sorted(found)}

    def next(self, later: Iterable[str], current: Mapping[str, str]) -> float | None:
        """Return when the first of the tables that are behind has its turn, of those that changed since their last."""
        opens = (self.opens(table) for table in later if self.died(table) or self.changed(table, current))
        return min((max(self.now, moment) for moment in opens), default=None)

    def first(self, sources: Iterable[str]) -> float | None:
        """Return when a change of the bronze tables ``sources`` is to be refreshed; None when nothing is made of them.

        It is now where a table that is made of them may have its turn.
        """
        reached = made_of(self.project, set(sources))
        return max(self.now, min(map(self.opens, reached))) if reached else None

    def digest(self, table: str, current: Mapping[str, str]) -> str:
        """Return a digest of what ``table`` is made of.

        That is the ``current`` snapshots of what arrived, and the transforms, directly or not, and the snapshots of the
        derived tables that it needs itself: one of them that failed may be made later, of what arrived before.
        """
        needed = self._with_needs({table})
        made = {t.table: f"{t.table} {t.fingerprint} {t.checks}" for t in self.project.transforms}
        read = ((needed - made.keys()) | self.project.transform(table).needs) & current.keys() - {table}
        lines = [*(made[each] for each in made.keys() & needed), *(f"{name} {current[name]}" for name in read)]
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]

    def changed(self, table: str, current: Mapping[str, str]) -> bool:
        """Return whether something changed since the table's last turn, in which it may have failed, or waited."""
        return self.refreshes.saw.get(table) != self.digest(table, current)

    def _with_needs(self, tables: set[str]) -> set[str]:
        needs = {transform.table: transform.needs for transform in self.project.transforms}
        found = set(tables)
        while more := {name for table in found for name in needs.get(table, ())} - found:
            found |= more
        return found


def latencies(project: Project) -> dict[str, float]:
    """Return by derived table how long a change may wait: no longer than any table allows that needs it."""
    tables = {transform.table for transform in project.transforms}
    found = {table: float(project.contract(table).latency_seconds) for table in tables}
    changed = True
    while changed:
        changed = False
        for transform in project.transforms:
            for name in transform.needs & tables:
                if found[name] > found[transform.table]:
                    found[name], changed = found[transform.table], True
    return found


def made_of(project: Project, sources: set[str]) -> set[str]:
    """Return the derived tables that are made of ``sources``, directly or not."""
    found = set(sources)
    while more := {t.table for t in project.transforms if not found.isdisjoint(t.inputs.values())} - found:
        found |= more
    return found - sources
