"""Explains refreshes to people: the runs that a refresh would make, and since when each derived table is behind.

Each run is explained by its wave, refresh strategy, engine, and the reasons for both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial

import msgspec
from pyiceberg.table import Table

from sluice.compiled import Backfill, Pause
from sluice.project import Project
from sluice.refresh.engine import Memory
from sluice.refresh.plan import State, choose, read_state
from sluice.refresh.strategy import choose_strategy
from sluice.refresh.tables import change_between, has_deletes, made_from, retired_inputs
from sluice.refresh.windows import Turns


class Step(msgspec.Struct, frozen=True):
    """One run that a refresh would make, with its strategy, engine and expected rows, seconds and USD.

    A run of a later wave reads tables that do not exist in their new state yet; it is estimated from the present one.
    """

    table: str
    wave: int
    strategy: str
    engine: str
    engine_reason: str
    rows: int
    seconds: float
    cost_usd: float


class Standing(msgspec.Struct, frozen=True):
    """How current one derived table is; times are seconds since the epoch.

    ``made`` is when its rows were published (None: never), ``behind_since`` when the first change happened that they do
    not include (None: they include all). With ``awaits_rows`` neither the table nor any table it is made from ever held
    a row, so no refresh is due. ``held`` says by which rollback or pause the table is held as it is; it is empty
    when it is not. ``inputs`` are the other tables that it is made from, by name. ``due`` is when its latency lets it
    be refreshed (None: it is not behind, or nothing changed since its turn, in which it failed or waited for one that
    did).
    """

    table: str
    made: float | None
    behind_since: float | None
    awaits_rows: bool
    held: str = ""
    inputs: tuple[str, ...] = ()
    due: float | None = None


def standings(
    project: Project,
    load: Callable[[str], Table],
    backfills: Collection[Backfill] = (),
    pauses: Collection[Pause] = (),
    turns: Turns | None = None,
) -> list[Standing]:
    """Return how current each derived table is now, sorted by name; without ``turns`` not when they are due."""
    state = read_state(project, load, {}, backfills, pauses)
    since: dict[str, float] = {}
    for name in _in_order(state):
        if name in state.behind:
            inputs = state.transforms[name].inputs.values()
            changes = [change for table in inputs if (change := _first_unread(state, name, table)) is not None]
            since[name] = min([*changes, *(since[table] for table in inputs if table in since)], default=time.time())
    filled = {name for name, table in state.tables.items() if table.snapshots() and _ever_held_rows(table)}
    return [
        Standing(
            name,
            _published(table),
            since.get(name),
            _awaits_rows(state, name, filled),
            str(state.held.get(name, "")),
            tuple(sorted({*state.transforms[name].inputs.values()} - {name})),
            _due(state, name, turns),
        )
        for name, table in sorted(state.tables.items())
        if name in state.transforms
    ]


def _due(state: State, name: str, turns: Turns | None) -> float | None:
    """Return when a table that is behind has its turn, None when it is not, or nothing changed since its last turn."""
    if turns is None or name not in state.behind or not turns.changed(name, state.current):
        return None
    return max(turns.now, turns.opens(name))


def _in_order(state: State) -> list[str]:
    """Return the derived tables in an order in which each follows the tables it is made from."""
    done: list[str] = []
    left = set(state.transforms)
    while ready := sorted(name for name in left if not (state.transforms[name].needs - {name}) & left):
        done += ready
        left -= set(ready)
    return done


def _first_unread(state: State, name: str, source: str) -> float | None:
    """Return when the first snapshot of ``source`` was committed that ``name`` does not include, or None."""
    made = made_from(state.tables[name])
    read = made.inputs if made else {}
    if read.get(source) == state.current[source]:
        return None
    snapshots = sorted(state.tables[source].snapshots(), key=lambda snapshot: snapshot.timestamp_ms)
    ids = [str(snapshot.snapshot_id) for snapshot in snapshots]
    unread = snapshots[ids.index(read[source]) + 1 :] if read.get(source) in ids else snapshots
    return unread[0].timestamp_ms / 1000 if unread else None


def _published(table: Table) -> float | None:
    snapshot = table.current_snapshot()
    return snapshot.timestamp_ms / 1000 if snapshot is not None and made_from(table) else None


def _ever_held_rows(table: Table) -> bool:
    """Return whether any snapshot of the table that has not expired holds rows."""
    totals = [s.summary.additional_properties.get("total-records", "0") for s in table.snapshots() if s.summary]
    return any(int(total) for total in totals)


def _awaits_rows(state: State, name: str, filled: set[str]) -> bool:
    """Return whether neither the table nor any table it is made from, directly or not, ever held a row."""
    above = {name}
    while more := {t for table in above & set(state.transforms) for t in state.transforms[table].needs} - above:
        above |= more
    return not above & filled


def holds(
    project: Project,
    load: Callable[[str], Table],
    backfills: Collection[Backfill] = (),
    pauses: Collection[Pause] = (),
) -> dict[str, str]:
    """Return by table, for each that a rollback or a pause holds as it is, since when and by whom."""
    return {name: str(hold) for name, hold in sorted(read_state(project, load, {}, backfills, pauses).held.items())}


def explain(
    project: Project,
    load: Callable[[str], Table],
    memory: Memory,
    backfills: Collection[Backfill] = (),
    pauses: Collection[Pause] = (),
) -> list[Step]:
    """Return the runs that a refresh would make now, in order; nothing is changed."""
    state = read_state(project, load, {}, backfills, pauses)
    steps: list[Step] = []
    left, wave = set(state.behind), 1
    while left:
        ready = sorted(name for name in left if not (state.transforms[name].needs - {name}) & left)
        for name in ready:
            transform, backfill = state.transforms[name], state.requested.get(name)
            choice = choose(state, name, memory)
            inputs = {table: state.current[table] for table in transform.inputs.values()}
            retired = retired_inputs(project.contract(name), {table: state.tables[table] for table in inputs})
            strategy = choose_strategy(
                transform,
                made_from(state.tables[name]),
                inputs,
                lambda table, before, now: change_between(state.tables[table], before, now),
                deletes=partial(has_deletes, state.tables[name]),
                backfill=backfill,
                for_cost=not retired,
            )
            said = str(strategy)
            if wave > 1 and not strategy.reason.startswith(("written", "first", "backfill")):
                said = "decided once its inputs are refreshed"
            steps.append(
                Step(
                    name,
                    wave,
                    said,
                    choice.engine,
                    choice.reason.partition(": ")[2],
                    choice.rows,
                    choice.seconds,
                    choice.cost_usd,
                )
            )
        left -= set(ready)
        wave += 1
    return steps
