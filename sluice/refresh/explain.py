"""The whole plan for people: every table that a refresh would bring up to date, in which wave, on what, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec
from pyiceberg.table import Table

from sluice.project import Project
from sluice.refresh.backfill import Backfill
from sluice.refresh.course import choose_course
from sluice.refresh.engine import Memory
from sluice.refresh.plan import choose, look


class Step(msgspec.Struct, frozen=True):
    """One run of the plan. Of a later wave, what it reads is not known yet: it is estimated from what there is now."""

    table: str
    wave: int
    course: str
    engine: str
    engine_reason: str
    rows: int
    seconds: float
    cost_usd: float


def explain(
    project: Project, load: Callable[[str], Table], memory: Memory, backfills: Collection[Backfill] = ()
) -> list[Step]:
    """Return the steps that a refresh would take now, in order; nothing is changed."""
    state = look(project, load, {}, backfills)
    steps: list[Step] = []
    left, wave = set(state.behind), 1
    while left:
        ready = sorted(name for name in left if not (state.transforms[name].needs - {name}) & left)
        for name in ready:
            transform, backfill = state.transforms[name], state.requested.get(name)
            choice = choose(state, name, memory)
            inputs = {table: state.current[table] for table in transform.inputs.values()}
            sources = {table: state.tables[table] for table in inputs}
            course = choose_course(transform, state.tables[name], sources, inputs, backfill)
            said = f"{'incremental' if course.incremental else 'full'}: {course.reason}"
            if wave > 1 and not course.reason.startswith(("written", "first", "backfill")):
                said = "after what it reads"
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
