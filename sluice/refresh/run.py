"""Runs one transform: read its inputs' snapshots, compute on DuckDB, check, and only then publish.

The result is checked before anything is committed, so readers never see rows that broke the contract. The commit
asserts that the table is still the one the run began with.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
import msgspec
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table

from sluice.contracts import Contract
from sluice.errors import CheckFailed, CommitConflict
from sluice.project import CompiledTransform, Project
from sluice.refresh.audit import audit
from sluice.refresh.conflicts import quarantine_conflicts
from sluice.refresh.inputs import register
from sluice.refresh.plan import FINGERPRINT, INPUTS, snapshot_of
from sluice.storage import Store
from sluice.tables.commit import adopt_data_files, discard, replace, write_data_files
from sluice.tables.maintain import expire_snapshots

#: USD for one second of one GB of arm64 Lambda in us-east-1, 2026.
USD_PER_GB_SECOND = 0.0000133334
_RESULT = "sluice_result"


class Run(msgspec.Struct, frozen=True):
    """What one run did: rows in the result, seconds by step, cost in USD, new conflicts, warnings of its checks."""

    table: str
    run_id: str
    engine: str
    inputs: dict[str, str]
    rows: int
    snapshot: str
    seconds: dict[str, float]
    cost_usd: float
    conflicts: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workshop:
    """Where a run works: how it loads tables, where it puts files, and how much memory (MiB) it may use."""

    load: Callable[[str], Table]
    store: Store
    memory_mib: int = 0
    attempts: int = 3


def run_transform(
    project: Project, table: str, workshop: Workshop, *, run_id: str, pinned: Mapping[str, str] | None = None
) -> Run:
    """Rebuild ``table`` from the ``pinned`` snapshots of its inputs (those not named: the current ones).

    ``CheckFailed`` when the result breaks the contract; ``CommitConflict`` when other writers were faster each time.
    """
    for attempt in range(workshop.attempts):
        try:
            return _run_once(project, table, workshop, run_id=run_id, pinned=pinned or {})
        except CommitConflict:
            if attempt + 1 == workshop.attempts:
                raise
    raise AssertionError("unreachable: attempts is at least 1")


def _run_once(project: Project, table: str, workshop: Workshop, *, run_id: str, pinned: Mapping[str, str]) -> Run:
    contract, transform = project.contract(table), project.transform(table)
    clock = _Clock()
    target = workshop.load(table)
    sources = {name: workshop.load(name) for name in transform.inputs.values()}
    inputs = {name: pinned.get(name, snapshot_of(source)) for name, source in sources.items()}
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        _prepare(connection, scratch, workshop)
        for name, source in sources.items():
            register(connection, name, source, inputs[name])
        clock.lap("open")
        local = Path(scratch) / f"{uuid4().hex}.parquet"
        rows = _compute(connection, transform, target, contract, local)
        clock.lap("compute")
        failures = audit(connection, _RESULT, contract)
        if errors := [failure for failure in failures if failure.severity == "error"]:
            raise CheckFailed(
                f"{table}: {len(errors)} of its checks fail:\n" + "\n".join(f"- {failure}" for failure in errors),
                safe="readers still see the previous snapshot; nothing was published.",
                next_step=f"mend the input or {contract.file}; the next refresh tries again.",
            )
        clock.lap("check")
        conflicts = sum(
            quarantine_conflicts(connection, sql, project.contract(name), workshop.load, run_id=run_id)
            for name, sql in transform.conflicts.items()
        )
        clock.lap("conflicts")
        files = _write(connection, target, contract, workshop.store, local) if rows else []
        clock.lap("write")
        summary = _summary(transform, inputs, run_id=run_id, rows=rows, clock=clock, workshop=workshop)
        try:
            published = replace(target, files, summary=summary)
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
        cost_usd=_cost(clock, workshop),
        conflicts=conflicts,
        warnings=tuple(str(failure) for failure in failures),
    )


class _Clock:
    """Measures the steps of a run, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the step ``name``."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self._last = now


def _prepare(connection: duckdb.DuckDBPyConnection, scratch: str, workshop: Workshop) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"SET temp_directory = '{scratch}'")
    if workshop.memory_mib:
        # The rest is for Python, Arrow and the Parquet writer.
        connection.execute(f"SET memory_limit = '{int(workshop.memory_mib * 0.6)}MiB'")


def _compute(
    connection: duckdb.DuckDBPyConnection,
    transform: CompiledTransform,
    target: Table,
    contract: Contract,
    local: Path,
) -> int:
    """Write the transform's result to ``local`` as a data file of ``target``, readable in SQL; return its rows."""
    ids = ", ".join(f'"{field.name}": {field.field_id}' for field in target.schema().fields)
    columns = ", ".join(f'"{field.name}"' for field in target.schema().fields)
    order = f" ORDER BY {', '.join(contract.sort_order)}" if contract.sort_order else ""
    copied = connection.execute(
        f"COPY (SELECT {columns} FROM ({transform.sql}){order}) TO '{local}' "
        f"(FORMAT parquet, COMPRESSION zstd, FIELD_IDS {{{ids}}})"
    ).fetchone()
    connection.execute(f"CREATE VIEW {_RESULT} AS FROM read_parquet('{local}')")
    assert copied is not None
    return int(copied[0])


def _write(
    connection: duckdb.DuckDBPyConnection, target: Table, contract: Contract, store: Store, local: Path
) -> list[DataFile]:
    """Put the result where ``target`` keeps its data; nothing is committed."""
    if contract.partitioning:
        return write_data_files(target, connection.sql(f"FROM {_RESULT}").to_arrow_table())
    address = f"{target.location()}/data/{local.name}"
    with local.open("rb") as body:
        store.put(address, body)
    return adopt_data_files(target, [address])


def _summary(
    transform: CompiledTransform,
    inputs: Mapping[str, str],
    *,
    run_id: str,
    rows: int,
    clock: _Clock,
    workshop: Workshop,
) -> dict[str, str]:
    """Return what the snapshot says of its making."""
    return {
        INPUTS: msgspec.json.encode(dict(inputs)).decode(),
        FINGERPRINT: transform.fingerprint,
        "sluice.run-id": run_id,
        "sluice.rows": str(rows),
        "sluice.engine": "duckdb",
        "sluice.cost-usd": f"{_cost(clock, workshop):.8f}",
    }


def _cost(clock: _Clock, workshop: Workshop) -> float:
    memory = workshop.memory_mib or int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))
    return round(sum(clock.laps.values()) * memory / 1024 * USD_PER_GB_SECOND, 8)
