"""The refresh plan: which derived tables are behind, found by comparing snapshots and not from events.

A table is behind when its current snapshot was not made from the present snapshots of its inputs by the present
transform, was not audited by its present checks, or is made from a table that is behind. It is ready when it is behind
and no table that it needs is. A table that was rolled back is held, and not behind, until an input or its transform
changes; one that is paused is held until it is resumed, and what is made from it goes on from its present rows. A table
that is behind has its turn once in each window of its latency, or when somebody asks for it now; until then it waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
from pyiceberg.table import Table

from sluice.compiled import Backfill, CompiledTransform, Pause
from sluice.project import Project
from sluice.refresh.engine import Choice, Memory, choose_engine, input_rows
from sluice.refresh.record import Made, Rollback
from sluice.refresh.tables import is_newer, made_from, rollback_of
from sluice.refresh.windows import Turns
from sluice.tables.files import snapshot_of

_LOADS_AT_ONCE = 8
#: A plan names so many ready tables at most, since a workflow's state holds 256 KiB; the next plan names the others.
#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_MOST_AT_ONCE = 200


class RefreshPlan(msgspec.Struct, frozen=True):
    """The tables to run now, each with its engine (``ready``), those that wait for them, and those that failed.

    ``pinned`` are the bronze snapshots that all runs of this round read, by table. The tables in ``later`` are behind,
    and their turn has not come: ``due`` is when that of the first of them comes, or of one whose run was killed; None
    without one. ``saw`` has the digests of what those are made of that have their turn in this plan: the tables that
    run or wait, and those that are not behind though something changed, since what they need is held as it is.
    """

    ready: tuple[Choice, ...]
    waiting: tuple[str, ...]
    failed: tuple[str, ...]
    pinned: dict[str, str]
    later: tuple[str, ...] = ()
    due: float | None = None
    saw: dict[str, str] = {}


@dataclass(frozen=True)
class State:
    """What a plan is made from, read at one moment.

    ``sources`` are the snapshots of the bronze tables, ``current`` those of all tables, ``behind`` the tables that need
    a run, ``requested`` their backfills, and ``held`` the pauses and rollbacks that hold tables as they are, each by
    table.
    """

    transforms: dict[str, CompiledTransform]
    tables: dict[str, Table]
    sources: dict[str, str]
    current: dict[str, str]
    behind: set[str]
    requested: dict[str, Backfill]
    held: dict[str, Rollback | Pause]


def read_state(
    project: Project,
    load: Callable[[str], Table],
    pinned: Mapping[str, str],
    backfills: Collection[Backfill],
    pauses: Collection[Pause] = (),
) -> State:
    """Read the state of all tables now; a bronze table named in ``pinned`` is taken at that snapshot."""
    transforms = {transform.table: transform for transform in project.transforms}
    names = sorted(transforms.keys() | {table for t in transforms.values() for table in t.inputs.values()})
    with ThreadPoolExecutor(_LOADS_AT_ONCE) as pool:
        tables = dict(zip(names, pool.map(load, names), strict=True))
    sources = {name: snapshot_of(table) for name, table in tables.items() if name not in transforms}
    sources |= {name: snapshot for name, snapshot in pinned.items() if name in sources}
    current = sources | {name: snapshot_of(tables[name]) for name in transforms}
    requested = {backfill.table: backfill for backfill in backfills if backfill.table in transforms}
    behind = requested.keys() | {
        name
        for name, transform in transforms.items()
        if made_from(tables[name])
        != Made(transform.fingerprint, {t: current[t] for t in transform.inputs.values()}, transform.checks)
    }
    paused = {pause.table: pause for pause in pauses if pause.table in transforms}
    rolled_back = {
        name: back
        for name in behind
        if (back := _hold(transforms[name], tables, current))
        and not (name in requested and back.lifted_by(requested[name]))
    }
    held = rolled_back | paused
    behind -= held.keys()
    # A paused table does not wait for its inputs, so nothing that is made from it waits either.
    inputs = {name: set(t.inputs.values()) for name, t in transforms.items() if name not in paused}
    behind = _with_dependents(behind, inputs)
    return State(transforms, tables, sources, current, behind, requested, held)


def plan_refresh(
    project: Project,
    load: Callable[[str], Table],
    *,
    pinned: Mapping[str, str] | None = None,
    failed: Collection[str] = (),
    memory: Memory | None = None,
    backfills: Collection[Backfill] = (),
    pauses: Collection[Pause] = (),
    turns: Turns | None = None,
) -> RefreshPlan:
    """Return the plan for the present state; ``load`` returns a table by its name.

    ``pinned`` are the bronze snapshots that the ongoing round reads (None: the present ones). Tables in ``failed`` and
    the tables made from them are not run again in this round. A table with a backfill counts as behind, one that is
    paused never does. Without ``turns`` every table has its turn.
    """
    state = read_state(project, load, pinned or {}, backfills, pauses)
    behind = state.behind if turns is None else turns.due(state.behind, state.requested)
    ready = {name for name in behind - set(failed) if not (state.transforms[name].needs - {name}) & behind}
    first = sorted(ready)[:_MOST_AT_ONCE]
    waiting = behind - set(first) - set(failed)
    later = state.behind - behind - set(failed)
    plan = RefreshPlan(
        ready=tuple(choose(state, name, memory or Memory()) for name in first),
        waiting=tuple(sorted(waiting)),
        failed=tuple(sorted(failed)),
        pinned=state.sources,
        later=tuple(sorted(later)),
    )
    if turns is None:
        return plan
    # Those that died in this round come again; in a first plan they have just had their turn.
    died = set(filter(turns.died, state.behind)) if turns.plan != "first" else set()
    due = turns.next(later | died, state.current)
    return msgspec.structs.replace(plan, due=due, saw=turns.seen({*first, *waiting}, state.current))


def choose(state: State, table: str, memory: Memory) -> Choice:
    """Return the engine for the run of ``table``, with its backfill."""
    backfill = state.requested.get(table)
    transform = state.transforms[table]
    whole = backfill is not None and not (backfill.column and transform.mode.recompute_key)
    rows, incremental = input_rows(transform, state.tables[table], state.tables, state.current, whole=whole)
    choice = choose_engine(transform, rows, memory, incremental=incremental)
    return msgspec.structs.replace(choice, backfill=backfill)


def followers(project: Project, table: str) -> list[str]:
    """Return the derived tables that are made from ``table``, directly or not, by name."""
    inputs = {transform.table: set(transform.inputs.values()) for transform in project.transforms}
    return sorted(_with_dependents({table}, inputs) - {table})


def _hold(transform: CompiledTransform, tables: Mapping[str, Table], current: Mapping[str, str]) -> Rollback | None:
    """Return the rollback because of which ``transform`` is not run now, or None."""
    back = rollback_of(tables[transform.table])
    inputs = {name: current[name] for name in transform.inputs.values()}

    def newer(name: str, before: str, now: str) -> bool:
        return is_newer(tables[name], before, now)

    return back if back is not None and back.holds(transform, inputs, newer) else None


def _with_dependents(behind: set[str], inputs: Mapping[str, set[str]]) -> set[str]:
    """Return ``behind`` and all tables that are made from them, directly or not; ``inputs`` are by table."""
    found = set(behind)
    while more := {name for name, needs in inputs.items() if needs & found} - found:
        found |= more
    return found
