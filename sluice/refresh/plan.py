"""The plan: which derived tables are behind. Events are hints; the plan compares snapshots.

A table is behind when its current snapshot was not made from the present snapshots of its inputs by the present
transform. It is ready when it is behind and none of its inputs is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec
from pyiceberg.table import Table

from sluice.project import Project
from sluice.refresh.course import made_from
from sluice.tables.files import snapshot_of

_LOADS_AT_ONCE = 8


class Plan(msgspec.Struct, frozen=True):
    """What can run now (``ready``), what waits for it (``waiting``), and the bronze snapshots that the run reads."""

    ready: tuple[str, ...]
    waiting: tuple[str, ...]
    failed: tuple[str, ...]
    pinned: dict[str, str]


def plan_refresh(
    project: Project,
    load: Callable[[str], Table],
    *,
    pinned: Mapping[str, str] | None = None,
    failed: Collection[str] = (),
) -> Plan:
    """Return the plan at this moment; ``load`` returns a table by its name.

    ``pinned`` are the bronze snapshots that an ongoing run decided to read (none: the present ones); tables in
    ``failed`` and what depends on them are not tried again.
    """
    transforms = {transform.table: transform for transform in project.transforms}
    names = sorted(transforms.keys() | {table for t in transforms.values() for table in t.inputs.values()})
    with ThreadPoolExecutor(_LOADS_AT_ONCE) as pool:
        tables = dict(zip(names, pool.map(load, names), strict=True))
    sources = {name: snapshot_of(table) for name, table in tables.items() if name not in transforms}
    sources |= {name: snapshot for name, snapshot in (pinned or {}).items() if name in sources}
    current = sources | {name: snapshot_of(tables[name]) for name in transforms}
    behind = {
        name
        for name, transform in transforms.items()
        if made_from(tables[name]) != (transform.fingerprint, {t: current[t] for t in transform.inputs.values()})
    }
    behind = _with_dependents(behind, {name: set(t.inputs.values()) for name, t in transforms.items()})
    ready = {name for name in behind - set(failed) if not (transforms[name].needs - {name}) & behind}
    return Plan(
        ready=tuple(sorted(ready)),
        waiting=tuple(sorted(behind - ready - set(failed))),
        failed=tuple(sorted(failed)),
        pinned=sources,
    )


def _with_dependents(behind: set[str], inputs: Mapping[str, set[str]]) -> set[str]:
    """Return ``behind`` and all that is made of it."""
    found = set(behind)
    while more := {name for name, needs in inputs.items() if needs & found} - found:
        found |= more
    return found
