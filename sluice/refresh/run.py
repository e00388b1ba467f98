"""One run of a transform, on either engine: read the input snapshots, compute, audit, and publish in one commit.

The audit comes before the commit, so readers never see rows that break the contract. The commit asserts that the
table's snapshot is still the one that the run began with. What an engine does is ``Attempt``; the steps and decisions
are here. Imports the standard library only, as Spark's job requires.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Generic, Literal, Protocol, TypeVar

from sluice.compiled import Backfill, CompiledTransform
from sluice.conflicts import Retries, until_committed
from sluice.counted import counted
from sluice.errors import CheckFailed, RowsLost, TransformError
from sluice.refresh.clock import Clock
from sluice.refresh.failures import Failure
from sluice.refresh.propagation import Pruning, Relations
from sluice.refresh.record import Made, Rollback, Run, run_summary
from sluice.refresh.strategy import Change, Strategy, TooWide, choose_strategy

Rows = TypeVar("Rows")
#: Which rows rules of single rows and foreign keys look at: all that the table would have; those recomputed, which are
#: all rows of each affected key; or those added. The others passed the same checks when they were published.
Scope = Literal["all", "affected", "added"]
#: How often a run begins again because another writer committed first.
ATTEMPTS = 3
_SAFE = "nothing was published; readers still see the previous snapshot."
_NEXT = "the next refresh tries again."
#: How a run tries again, and how it tries again to quarantine conflicts, and what it says when it loses each time.
RUNS: Final[Retries] = {"attempts": ATTEMPTS, "safe": _SAFE, "next_step": _NEXT}
QUARANTINES: Final[Retries] = {"attempts": 20, "safe": _SAFE, "next_step": _NEXT}


class Held(Exception):
    """The run would bring back what ``rollback`` took from readers, so nothing was computed."""

    def __init__(self, table: str, rollback: Rollback) -> None:
        super().__init__(f"{table}: {rollback}")
        self.table, self.rollback = table, rollback


@dataclass(frozen=True)
class Published:
    """What was published: the snapshot's id, the rows that the table has now, and how many of them are in new files."""

    snapshot: str
    rows: int
    rows_written: int


@dataclass(frozen=True)
class Lost:
    """How many keys, or rows of a table without a key, would be gone, and one of them as a text."""

    number: int = 0
    of: Literal["keys", "rows"] = "keys"
    example: str = ""


class Attempt(Protocol[Rows]):
    """One attempt of a run on one engine, from the table's present snapshot.

    One of ``replace``, ``append``, ``merge`` and ``keep`` is called, then ``audit`` and ``quarantine`` if anything
    changed, then ``publish``. ``close`` is always called.
    """

    @property
    def made(self) -> Made | None:
        """Return what the present snapshot was made from; None when there is no snapshot."""

    @property
    def inputs(self) -> Mapping[str, str]:
        """Return the snapshots that the attempt reads, by table."""

    @property
    def rollback(self) -> Rollback | None:
        """Return the rollback that published the present snapshot; None when a run did."""

    def newer(self, table: str, before: str, now: str) -> bool:
        """Return whether an input's snapshot ``now`` came after ``before`` and has other data files."""

    def deletes(self) -> bool:
        """Return whether the table has row-level deletes."""

    def change(self, table: str, before: str, now: str) -> Change | None:
        """Return what changed in an input between two snapshots, or None when that is not known."""

    def relations(self) -> Relations[Rows]:
        """Return the rows of the inputs, for change propagation."""

    def replace(self) -> None:
        """Compute the whole table."""

    def append(self) -> None:
        """Compute the rows that the added rows of the inputs give, to be added to the table."""

    def merge(self, affected: Rows, inputs: Mapping[str, Rows]) -> None:
        """Compute the rows of the ``affected`` keys from pruned ``inputs`` (by parameter); they replace the present."""

    def keep(self) -> None:
        """Compute nothing: no row of the table changes."""

    def audit(self, scope: Scope) -> list[Failure]:
        """Return a failure for each check of the table that does not hold."""

    def retired(self) -> Mapping[str, int]:
        """Return how many rows retention removed so far from each input, by table; the others are left out.

        It is empty for a table that may lose what it was made of, as its contract's retention says.
        """

    def lost(self, besides: Rows | None) -> Lost:
        """Return what the table as it is has and the computed one has no more: keys, or without a key rows.

        Rows whose recompute key is in ``besides`` do not count.
        """

    def quarantine(self, run_id: str) -> int:
        """Quarantine the records that were not picked for their key; return how many were new there."""

    def publish(self, summary: Callable[[int], Mapping[str, str]]) -> Published:
        """Publish in one commit; ``summary`` returns the snapshot's summary for the number of the table's rows."""

    def tidy(self) -> None:
        """Expire old snapshots of the table, after it was published."""

    def close(self) -> None:
        """Remove what was not published."""


class Engine(Protocol[Rows]):
    """An engine that runs transforms."""

    @property
    def name(self) -> Literal["duckdb", "spark"]:
        """Return the engine's name in transforms and run records."""

    def begin(self, transform: CompiledTransform, pinned: Mapping[str, str]) -> Attempt[Rows]:
        """Read the table's state; of an input that is not ``pinned``, the current snapshot is read."""

    def cost(self, seconds: float) -> float:
        """Return the cost in USD of a run that has taken so many seconds."""


@dataclass(frozen=True)
class Request:
    """What is asked of a run: its id, the snapshots to read (by table), and a backfill that it fulfils."""

    run_id: str
    pinned: Mapping[str, str]
    backfill: Backfill | None = None


#: The way out when a transform is declared for the other engine alone.
_OTHER_ENGINE = {
    "duckdb": "let the refresh workflow choose, or start the Glue job.",
    "spark": "raise transform_memory_large (environments.yaml), or rewrite it for both engines.",
}


def run_transform(
    engine: Engine[Rows], transform: CompiledTransform, request: Request, *, file: str, memory_mib: int = 0
) -> Run:
    """Refresh the transform's table on ``engine``; ``file`` is its contract's, for error messages.

    Raise ``CheckFailed`` when the result breaks the contract, ``CommitConflict`` when other writers were faster in each
    attempt, ``TransformError`` when the transform runs on the other engine alone, and ``Held`` when the table was
    rolled back and neither an input nor the transform has changed since. A backfill asked for later lifts that.
    """
    if transform.engine not in ("any", engine.name):
        raise TransformError(
            f'{transform.table} is declared with engine="{transform.engine}" and cannot run on '
            f"{'DuckDB' if engine.name == 'duckdb' else 'Spark'}.",
            safe="nothing was computed.",
            next_step=_OTHER_ENGINE[engine.name],
            dataset=transform.table,
        )
    return until_committed(
        lambda: _run_once(engine, transform, request, file=file, memory_mib=memory_mib),
        transform.table,
        **RUNS,
    )


def _run_once(
    engine: Engine[Rows], transform: CompiledTransform, request: Request, *, file: str, memory_mib: int
) -> Run:
    clock = Clock()
    with closing(engine.begin(transform, request.pinned)) as attempt:
        back = attempt.rollback
        asked = request.backfill is not None and back is not None and back.lifted_by(request.backfill)
        if back is not None and not asked and back.holds(transform, attempt.inputs, attempt.newer):
            raise Held(transform.table, back)
        strategy = choose_strategy(
            transform,
            attempt.made,
            attempt.inputs,
            attempt.change,
            deletes=attempt.deletes,
            backfill=request.backfill,
            for_cost=not attempt.retired(),
        )
        clock.lap("open")
        done = _compute(attempt, transform, strategy)
        strategy, scope = done.strategy, done.scope
        clock.lap("compute")
        if scope in ("all", "affected") and (strategy.backfill or not strategy.incremental):
            _refuse_loss(attempt, transform, done, file)
        warnings, conflicts = [], 0
        if scope is not None or strategy.audit_all:
            warnings = _refuse(transform.table, attempt.audit("all" if strategy.audit_all else scope or "all"), file)
            clock.lap("check")
        if scope is not None:
            conflicts = attempt.quarantine(request.run_id)
            clock.lap("conflicts")
        made = Made(transform.fingerprint, attempt.inputs, transform.checks)

        def summary(rows: int) -> Mapping[str, str]:
            clock.lap("write")
            seconds = sum(clock.laps.values())
            return run_summary(
                made, strategy, engine=engine.name, run_id=request.run_id, rows=rows, seconds=seconds,
                cost=engine.cost(seconds),
            )  # fmt: skip

        published = attempt.publish(summary)
        clock.lap("publish")
        attempt.tidy()
    return Run(
        table=transform.table,
        run_id=request.run_id,
        engine=engine.name,
        inputs=dict(attempt.inputs),
        rows=published.rows,
        snapshot=published.snapshot,
        seconds=clock.laps,
        cost_usd=engine.cost(sum(clock.laps.values())),
        memory_mib=memory_mib,
        incremental=strategy.incremental,
        reason=strategy.reason,
        rows_written=published.rows_written,
        conflicts=conflicts,
        warnings=tuple(map(str, warnings)),
    )


@dataclass(frozen=True)
class _Computed(Generic[Rows]):
    """The strategy that was followed in the end, and which rows are new (None: none).

    Of an incremental backfill, ``changed_keys`` are those that changes affect, which any run would have recomputed.
    """

    strategy: Strategy
    scope: Scope | None
    changed_keys: Rows | None = None


def _compute(attempt: Attempt[Rows], transform: CompiledTransform, strategy: Strategy) -> _Computed[Rows]:
    """Compute by ``strategy``; an incremental run becomes full when its rows tell that too much changed."""
    if strategy.incremental and transform.mode.only_added:
        if not any(change.changed for change in (strategy.changes or {}).values()):
            attempt.keep()
            return _Computed(strategy, None)
        attempt.append()
        return _Computed(strategy, "added")
    if strategy.incremental:
        relations = attempt.relations()
        pruning = Pruning(transform, strategy, relations)
        try:
            affected = pruning.affected_keys()
        except TooWide as why:
            relations.forget()
            strategy = Strategy(None, str(why), strategy.backfill)
        else:
            if affected is None:
                attempt.keep()
                return _Computed(strategy, None)
            attempt.merge(affected, pruning.pruned(affected))
            return _Computed(strategy, "affected", pruning.changed_keys)
    attempt.replace()
    return _Computed(strategy, "all")


def _refuse_loss(attempt: Attempt[Rows], transform: CompiledTransform, done: _Computed[Rows], file: str) -> None:
    """Raise ``RowsLost`` when rows would go whose inputs retention removed.

    A loss of some days is accepted for these days alone, not when the run became full. An incremental run recomputes
    what a correction touches from what is left; that is no rebuild, and not refused.
    """
    strategy, backfill = done.strategy, done.strategy.backfill
    if backfill and backfill.accept_loss and (strategy.incremental or not backfill.column):
        return
    retired = attempt.retired()
    lost = attempt.lost(done.changed_keys) if retired else Lost()
    if lost.number:
        gone = ", ".join(f"{counted(rows, 'row')} of {name}" for name, rows in sorted(retired.items()))
        raise RowsLost(
            f"{transform.table}: this run ({strategy}) would lose {lost.number:,} of its {lost.of}, for example "
            f"{lost.example}: retention removed {gone}, of which they were made.",
            safe="readers still see the previous snapshot; nothing was published.",
            next_step=f"`sluice backfill {transform.table} --accept-loss` computes it from what is left; to keep the "
            f"rows, put back what changed in the transform or {file}, or deliver what is missing again.",
            dataset=transform.table,
        )


def _refuse(table: str, failures: Sequence[Failure], file: str) -> list[Failure]:
    """Return the failures that are warnings; raise ``CheckFailed`` when there are others."""
    errors = [failure for failure in failures if failure.severity == "error"]
    if errors:
        raise CheckFailed(
            f"{table}: {len(errors)} of its checks fail:\n" + "\n".join(f"- {failure}" for failure in errors),
            next_step=f"mend the input or {file}; the next refresh tries again.",
            dataset=table,
            file=file,
        )
    return list(failures)
