"""Runs one transform on Spark: read the input snapshots, write to a branch, audit the branch, and publish it.

The summary of the previous run's snapshot, whichever engine made it, says from which snapshots this run goes on; this
run's snapshot says the same to the next one.
"""

from __future__ import annotations

import json
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pyspark.sql import DataFrame

from sluice.errors import CheckFailed, CommitConflict, TransformError
from sluice.refresh.clock import Clock
from sluice.refresh.failures import Failure
from sluice.refresh.spark.audit import AuditTarget, audit
from sluice.refresh.spark.branch import Branch, drop_leftovers
from sluice.refresh.spark.conflicts import quarantine_conflicts
from sluice.refresh.spark.lake import Head, Lake
from sluice.refresh.spark.maintain import expire_snapshots
from sluice.refresh.spark.pruning import Pruning, with_values
from sluice.refresh.spark.shipped import CompiledTransform, ShippedProject
from sluice.refresh.spark.strategy import CHECKS, FINGERPRINT, INPUTS, Strategy, choose_strategy
from sluice.transforms import Input, Transform, apply, conflicting

#: Prices as shipped with the code. Glue bills at least one minute: https://aws.amazon.com/glue/pricing/
_PRICES: dict[str, Any] = json.loads(pkgutil.get_data("sluice", "prices.json") or b"")


@dataclass(frozen=True)
class Run:
    """What one run did, with the fields of ``sluice.refresh.duckdb.run.Run``."""

    table: str
    run_id: str
    engine: str
    inputs: dict[str, str]
    rows: int
    snapshot: str
    seconds: dict[str, float]
    cost_usd: float
    incremental: bool
    reason: str
    rows_written: int
    conflicts: int
    warnings: tuple[str, ...]

    def to_json(self) -> str:
        """Return the run as JSON in one line."""
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True)
class RunContext:
    """The run context: the lake, the compiled project, the lookup of a table's function, and the DPUs that are billed.

    A text in ``whole`` forces a full refresh and is its reason. ``began`` is when billing started, on Python's
    monotonic clock.
    """

    lake: Lake
    project: ShippedProject
    function: Callable[[str], Transform]
    dpus: float = 0.0
    whole: str = ""
    attempts: int = 3
    began: float = field(default_factory=time.monotonic)

    def cost(self) -> float:
        """Return what this process has cost so far, in USD."""
        seconds = max(time.monotonic() - self.began, _PRICES["glue_least_seconds"])
        usd: float = seconds / 3600 * self.dpus * _PRICES["glue_dpu_hour"]
        return round(usd, 8)


def run_transform(context: RunContext, table: str, *, run_id: str, pinned: Mapping[str, str] | None = None) -> Run:
    """Refresh ``table`` from the ``pinned`` snapshots of its inputs; of an input not named there, the current snapshot.

    Raise ``CheckFailed`` when the result breaks the contract, ``CommitConflict`` when other writers were faster in each
    attempt, and ``TransformError`` when the transform runs on DuckDB alone.
    """
    if context.project.transform(table).engine == "duckdb":
        raise TransformError(
            f'{table} is declared with engine="duckdb" and cannot run on Spark.',
            safe="nothing was computed.",
            next_step="raise transform_memory_large (infra/config.py), or rewrite it for both engines.",
        )
    for attempt in range(context.attempts):
        try:
            return _Attempt(context, table, run_id, pinned or {}).run()
        except CommitConflict:
            if attempt + 1 == context.attempts:
                raise
    raise AssertionError("unreachable: attempts is at least 1")


class _Attempt:
    """One attempt of a run: it reads the table's state, writes a branch and publishes it."""

    def __init__(self, context: RunContext, table: str, run_id: str, pinned: Mapping[str, str]) -> None:
        self._context, self._lake, self._table, self._run_id = context, context.lake, table, run_id
        self._clock = Clock()
        self._transform: CompiledTransform = context.project.transform(table)
        self._function = context.function(table)
        self._head: Head = self._lake.head(table)
        drop_leftovers(self._lake, table, self._head, maker=table)
        names = self._transform.inputs.values()
        self._inputs = {name: pinned.get(name) or self._lake.head(name).main for name in names}
        self._strategy = (
            Strategy(None, context.whole)
            if context.whole
            else choose_strategy(self._lake, self._transform, self._head, self._inputs)
        )
        self._clock.lap("open")

    def run(self) -> Run:
        """Make the whole attempt; after any error the branch is removed and main is unchanged."""
        differences = self._strategy.differences or {}
        pruning = Pruning(self._lake, self._transform, self._inputs, differences)
        branch = Branch(self._lake, self._table, maker=self._table, at=self._head.main)
        try:
            return self._finish(branch, self._write(branch, pruning))
        finally:
            branch.drop()
            pruning.close()

    def _write(self, branch: Branch, pruning: Pruning) -> Mapping[str, DataFrame] | None:
        """Write the result to ``branch``; return the inputs it was computed from, or None when nothing was written."""
        if not self._strategy.incremental:
            frames = {parameter: self._lake.rows(n, self._inputs[n]) for parameter, n in self._transform.inputs.items()}
            branch.replace(self._computed(frames))
        elif self._transform.mode.only_added:
            frames = pruning.added()
            branch.append(self._computed(frames))
        else:
            affected = pruning.affected()
            if affected is None:
                return None
            frames = pruning.pruned(affected)
            recompute_key = self._transform.recompute_key
            rows = pruning.keep(with_values(self._computed(frames), recompute_key, affected, recompute_key))
            branch.merge(affected, rows, recompute_key)
        self._clock.lap("write")
        return frames

    def _computed(self, frames: Mapping[str, DataFrame]) -> DataFrame:
        """Return what the function computes from ``frames``, with the table's columns; writing casts their types."""
        keys = {name: self._context.project.dataset(table).key for name, table in self._transform.inputs.items()}
        columns = self._lake.spark.table(self._lake.name(self._table)).columns
        return apply(self._function, frames, keys).select(*columns)

    def _finish(self, branch: Branch, frames: Mapping[str, DataFrame] | None) -> Run:
        """Audit the branch, quarantine conflicts, and publish."""
        written, made = branch.head()
        failures: list[Failure] = []
        conflicts = 0
        if frames is not None or self._strategy.audit_all:
            failures = audit(self._transform.audit, self._audited(branch, written))
            self._refuse([failure for failure in failures if failure.severity == "error"])
            self._clock.lap("check")
        if frames is not None:
            conflicts = self._quarantine(frames)
            self._clock.lap("conflicts")
        rows, cost = branch.rows().count(), self._context.cost()
        branch.stamp(self._summary(rows, cost))
        snapshot = branch.publish()
        self._clock.lap("publish")
        expire_snapshots(self._lake, self._table)
        return Run(
            table=self._table,
            run_id=self._run_id,
            engine="spark",
            inputs=self._inputs,
            rows=rows,
            snapshot=snapshot,
            seconds=self._clock.laps,
            cost_usd=cost,
            incremental=self._strategy.incremental,
            reason=self._strategy.reason,
            rows_written=0 if frames is None else int(made.get("added-records", "0")),
            conflicts=conflicts,
            warnings=tuple(str(failure) for failure in failures),
        )

    def _audited(self, branch: Branch, written: str) -> AuditTarget:
        lake = self._lake
        only_new = self._strategy.incremental and not self._strategy.audit_all
        rows = lake.added(self._table, self._head.main, written) if only_new else branch.rows()
        looked_at = {name for check in self._transform.audit for name in (check.references, *check.reads) if name}
        references = {name: lake.name(name) for name in looked_at}
        references[self._table] = branch.address
        recompute_key = self._transform.recompute_key if only_new and not self._transform.mode.only_added else ()
        return AuditTarget(lake.spark, rows, branch.address, lake.name(self._table), recompute_key, references)

    def _refuse(self, errors: list[Failure]) -> None:
        if errors:
            raise CheckFailed(
                f"{self._table}: {len(errors)} of its checks fail:\n" + "\n".join(f"- {failure}" for failure in errors),
                safe="readers still see the previous snapshot; nothing was published.",
                next_step=f"mend the input or {self._context.project.dataset(self._table).file}; "
                "the next refresh tries again.",
            )

    def _quarantine(self, frames: Mapping[str, DataFrame]) -> int:
        """Quarantine the records that were not picked for their key; return how many were new in quarantine."""
        sources: Mapping[str, Input] = self._function.sources  # type: ignore[attr-defined]
        found = 0
        for parameter, given in sources.items():
            if given.newest is not None:
                dataset = self._context.project.dataset(given.table)
                losers = conflicting(frames[parameter], dataset.key, newest=given.newest)
                found += quarantine_conflicts(self._lake, losers, dataset, maker=self._table, run_id=self._run_id)
        return found

    def _summary(self, rows: int, cost: float) -> dict[str, Any]:
        """Return the summary of the snapshot that the run commits."""
        return {
            INPUTS: json.dumps(self._inputs, separators=(",", ":")),
            FINGERPRINT: self._transform.fingerprint,
            CHECKS: self._transform.checks,
            "sluice.run-id": self._run_id,
            "sluice.rows": str(rows),
            "sluice.engine": "spark",
            "sluice.strategy": str(self._strategy),
            "sluice.seconds": f"{sum(self._clock.laps.values()):.3f}",
            "sluice.cost-usd": f"{cost:.8f}",
        }
