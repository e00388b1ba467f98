"""Runs one transform on DuckDB: read the input snapshots, compute, audit, and publish in one commit.

The audit comes before the commit, so readers never see rows that break the contract. The commit asserts that the
table's snapshot is still the one that the run began with.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec
from pyiceberg.table import Table

from sluice.confined import connect
from sluice.errors import CheckFailed, CommitConflict, TableError, TransformError
from sluice.ledger import Backfill
from sluice.project import CompiledTransform, Project
from sluice.refresh.clock import Clock
from sluice.refresh.duckdb.audit import audit
from sluice.refresh.duckdb.build import Build
from sluice.refresh.duckdb.conflicts import quarantine_conflicts
from sluice.refresh.duckdb.inputs import protocol
from sluice.refresh.engine import prices
from sluice.refresh.strategy import CHECKS, FINGERPRINT, INPUTS, Strategy, choose_strategy, decode_inputs
from sluice.storage import Store
from sluice.tables.commit import discard, replace
from sluice.tables.files import snapshot_of
from sluice.tables.maintain import expire_snapshots


class Run(msgspec.Struct, frozen=True):
    """What one run did: rows in the table, seconds by step, cost in USD, new conflicts, failed checks of warnings.

    ``rows_written`` counts the rows of the new files: those recomputed, and those copied from files that were replaced.
    """

    table: str
    run_id: str
    engine: str
    inputs: dict[str, str]
    rows: int
    snapshot: str
    seconds: dict[str, float]
    cost_usd: float
    memory_mib: int = 0
    incremental: bool = False
    reason: str = ""
    rows_written: int = 0
    conflicts: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunContext:
    """The run context: how tables are loaded, where files are stored, the memory limit (MiB, 0: none), the attempts."""

    load: Callable[[str], Table]
    store: Store
    memory_mib: int = 0
    attempts: int = 3


def run_transform(
    project: Project,
    table: str,
    context: RunContext,
    *,
    run_id: str,
    pinned: Mapping[str, str] | None = None,
    backfill: Backfill | None = None,
) -> Run:
    """Refresh ``table`` from the ``pinned`` snapshots of its inputs; of an input not named there, the current snapshot.

    The rows of ``backfill`` are recomputed whether their inputs changed or not. Raise ``CheckFailed`` when the result
    breaks the contract, ``CommitConflict`` when other writers were faster in each attempt, and ``TransformError`` when
    the transform runs on Spark alone.
    """
    if project.transform(table).engine == "spark":
        raise TransformError(
            f'{table} is declared with engine="spark" and cannot run on DuckDB.',
            safe="nothing was computed.",
            next_step="let the refresh workflow choose, or start the Glue job.",
        )
    for attempt in range(context.attempts):
        try:
            return _run_once(project, table, context, run_id=run_id, pinned=pinned or {}, backfill=backfill)
        except CommitConflict:
            if attempt + 1 == context.attempts:
                raise
    raise AssertionError("unreachable: attempts is at least 1")


def described_run(table: Table, name: str) -> Run:
    """Return the run that made the table's current snapshot, read from the snapshot's summary."""
    snapshot = table.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        raise TableError(f"{name} has no snapshot.", next_step="look at the log of the job that should have made it.")
    said = snapshot.summary.additional_properties
    strategy = said.get("sluice.strategy", said.get("sluice.course", ""))  # as it was called once
    return Run(
        table=name,
        run_id=said["sluice.run-id"],
        engine=said["sluice.engine"],
        inputs=decode_inputs(said[INPUTS]),
        rows=int(said["sluice.rows"]),
        snapshot=snapshot_of(table),
        seconds={"all": float(said.get("sluice.seconds", "0"))},
        cost_usd=float(said["sluice.cost-usd"]),
        incremental=strategy.startswith("incremental"),
        reason=strategy.partition(": ")[2],
    )


def _run_once(
    project: Project,
    table: str,
    context: RunContext,
    *,
    run_id: str,
    pinned: Mapping[str, str],
    backfill: Backfill | None,
) -> Run:
    contract, transform = project.contract(table), project.transform(table)
    clock = Clock()
    target = context.load(table)
    sources = {name: context.load(name) for name in transform.inputs.values()}
    inputs = {name: pinned.get(name, snapshot_of(source)) for name, source in sources.items()}
    strategy = choose_strategy(transform, target, sources, inputs, backfill)
    clock.lap("open")
    with tempfile.TemporaryDirectory() as scratch, _connection(scratch, transform, context) as connection:
        folder = Path(scratch) / "result"
        folder.mkdir()
        build = Build(connection, transform, contract, target, folder)
        build.compute(strategy, sources, inputs)
        strategy = build.strategy
        clock.lap("compute")
        failures = []
        if not build.nothing_to_do:
            failures = audit(connection, transform.audit, build.audit_target(context.load))
        if errors := [failure for failure in failures if failure.severity == "error"]:
            raise CheckFailed(
                f"{table}: {len(errors)} of its checks fail:\n" + "\n".join(f"- {failure}" for failure in errors),
                safe="readers still see the previous snapshot; nothing was published.",
                next_step=f"mend the input or {contract.file}; the next refresh tries again.",
            )
        clock.lap("check")
        conflicts = 0
        if not build.nothing_to_do:
            conflicts = sum(
                quarantine_conflicts(connection, sql, project.contract(name), context.load, run_id=run_id)
                for name, sql in transform.conflicts.items()
            )
        clock.lap("conflicts")
        files = build.write(context.store)
        clock.lap("write")
        rows = sum(file.record_count for file in (*files, *build.untouched))
        summary = _summary(transform, inputs, strategy, run_id=run_id, rows=rows, clock=clock, context=context)
        try:
            published = replace(target, files, removed=build.removed, summary=summary)
        except CommitConflict:
            discard(target, files)
            raise
        clock.lap("publish")
        expire_snapshots(published)
    return Run(
        table=table,
        run_id=run_id,
        engine="duckdb",
        inputs=inputs,
        rows=rows,
        snapshot=snapshot_of(published),
        seconds=clock.laps,
        cost_usd=_cost(clock, context),
        memory_mib=context.memory_mib,
        incremental=strategy.incremental,
        reason=strategy.reason,
        rows_written=build.rows,
        conflicts=conflicts,
        warnings=tuple(str(failure) for failure in failures),
    )


def _connection(scratch: str, transform: CompiledTransform, context: RunContext) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that can read only the tables of the run and the folder ``scratch``."""
    settings: dict[str, str | bool] = {
        "preserve_insertion_order": False,
        "temp_directory": scratch,
        # All checks read the same files, which never change: their Parquet footers are read once and kept.
        "parquet_metadata_cache": True,
        # Whole column chunks are fetched in few large reads, which suits S3's latency.
        "prefetch_all_parquet_files": True,
    }
    if context.memory_mib:
        # The rest is for Python, Arrow and the Parquet writer.
        settings["memory_limit"] = f"{int(context.memory_mib * 0.6)}MiB"
    tables = {transform.table, *transform.needs}
    return connect(settings=settings, readable=[scratch, *(protocol(name) for name in sorted(tables))])


def _summary(
    transform: CompiledTransform,
    inputs: Mapping[str, str],
    strategy: Strategy,
    *,
    run_id: str,
    rows: int,
    clock: Clock,
    context: RunContext,
) -> dict[str, str]:
    """Return the summary of the snapshot that the run commits."""
    return {
        INPUTS: msgspec.json.encode(dict(inputs)).decode(),
        FINGERPRINT: transform.fingerprint,
        CHECKS: transform.checks,
        "sluice.run-id": run_id,
        "sluice.rows": str(rows),
        "sluice.engine": "duckdb",
        "sluice.strategy": f"{'incremental' if strategy.incremental else 'full'}: {strategy.reason}",
        "sluice.cost-usd": f"{_cost(clock, context):.8f}",
    }


def _cost(clock: Clock, context: RunContext) -> float:
    memory = context.memory_mib or int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))
    return round(sum(clock.laps.values()) * memory / 1024 * prices().lambda_gb_second, 8)
