"""Chooses what makes a run: the small or the large Lambda with DuckDB, or Spark on Glue; the cheapest that can.

The estimate is rough by design: rows that are read, weighed by what the query does with them, over what one processor
does in a second. It is made from snapshot summaries, so planning reads no data and no manifests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from pyiceberg.table import Table

from sluice.decoding import json_decoder
from sluice.ledger import Backfill
from sluice.once import once
from sluice.project import CompiledTransform
from sluice.refresh.course import made_from
from sluice.tables.files import EMPTY

Engine = Literal["small", "large", "spark"]
#: MiB of Lambda memory that come with one processor.
_MIB_PER_CPU = 1769
#: Weighed rows a second: DuckDB on one processor of a Lambda, Spark on one of a Glue worker. At ten million order lines
#: ``python -m benchmarks.model`` had 2.4 and 0.5 million on a core; AWS's are taken for six tenths of that one.
_DUCKDB_ROWS, _SPARK_ROWS = 1_500_000.0, 300_000.0
#: Seconds before the first row: loading the function and reading metadata; starting Glue's workers.
_LAMBDA_START, _GLUE_START = 2.0, 50.0
#: A run must end well before Lambda's 900 s.
_LAMBDA_SECONDS = 600.0
#: Bytes that a weighed row takes while it is computed; what does not fit into memory goes to the function's disk.
_ROW_BYTES = 120.0
_USABLE_MEMORY, _DISK_BYTES, _SPILLING = 0.6, 8 << 30, 2.0
_WORKER_CPUS, _WORKER_ROWS, _MOST_WORKERS = 4, 40_000_000.0, 50
#: An incremental run also looks for its keys in files that did not change: so much of them counts.
LOOKED_AT = 0.02


class Prices(msgspec.Struct, frozen=True):
    """USD, by the unit that AWS bills."""

    region: str
    as_of: str
    source: str
    lambda_gb_second: float
    lambda_request: float
    glue_dpu_hour: float
    glue_least_seconds: float
    athena_scanned_tb: float


class Memory(msgspec.Struct, frozen=True):
    """MiB of the two Lambdas."""

    small: int = 1769
    large: int = 10_240


class Estimate(msgspec.Struct, frozen=True):
    """One engine's run: expected seconds and USD; ``workers`` of Glue; ``feasible`` or else why not in ``reason``."""

    engine: Engine
    seconds: float
    cost_usd: float
    workers: int = 0
    feasible: bool = True
    reason: str = ""


class Choice(msgspec.Struct, frozen=True):
    """The engine of one table's run, why, and what it is expected to take."""

    table: str
    engine: Engine
    workers: int
    reason: str
    rows: int
    seconds: float
    cost_usd: float
    backfill: Backfill | None = None


_decode_prices = json_decoder(Prices)


@once
def prices() -> Prices:
    """Return the price file."""
    return _decode_prices((Path(__file__).parents[1] / "prices.json").read_bytes())


def choose_engine(transform: CompiledTransform, rows: float, memory: Memory, *, incremental: bool = False) -> Choice:
    """Return the cheapest engine that can compute ``rows`` input rows, among those that the transform runs on."""
    weighed = rows * transform.weight
    options = [estimate for estimate in estimates(weighed, memory) if _runs_on(transform, estimate.engine)]
    feasible = [estimate for estimate in options if estimate.feasible] or options[-1:]
    best = min(feasible, key=lambda estimate: estimate.cost_usd)
    others = ", ".join(
        f"{other.engine} {other.reason or f'{other.cost_usd:.6f} USD'}" for other in options if other is not best
    )
    kind = "incremental" if incremental else "full"
    reason = f"{kind}, {rows:,.0f} rows: {best.cost_usd:.6f} USD" + (f"; {others}" if others else "")
    return Choice(
        transform.table, best.engine, best.workers, reason, round(rows), round(best.seconds, 1), round(best.cost_usd, 8)
    )


def estimates(weighed: float, memory: Memory) -> Iterator[Estimate]:
    """Yield what each engine would take for so many weighed rows."""
    yield _on_lambda("small", weighed, memory.small)
    yield _on_lambda("large", weighed, memory.large)
    yield _on_glue(weighed)


def lambda_cost(seconds: float, mib: int) -> float:
    """Return the USD of one invocation."""
    return seconds * mib / 1024 * prices().lambda_gb_second + prices().lambda_request


def glue_cost(seconds: float, workers: int) -> float:
    """Return the USD of one job run on G.1X workers, one DPU each."""
    return max(seconds, prices().glue_least_seconds) / 3600 * workers * prices().glue_dpu_hour


def input_rows(
    transform: CompiledTransform,
    target: Table,
    sources: Mapping[str, Table],
    inputs: Mapping[str, str],
    *,
    whole: bool = False,
) -> tuple[float, bool]:
    """Return about how many rows a run reads, and whether it can be incremental, from snapshot summaries alone."""
    every = sum(_total(sources[name], inputs[name]) for name in transform.inputs.values())
    before = made_from(target)
    if whole or transform.mode.whole or before is None or before[0] != transform.fingerprint:
        return every, False
    changed = 0.0
    for parameter, name in transform.inputs.items():
        rows = _changed(sources[name], before[1].get(name, EMPTY), inputs[name])
        if rows is None or (rows and not transform.mode.only_added and not transform.leads[parameter].leads):
            return every, False
        changed += rows
    return min(every, changed + LOOKED_AT * every), True


def _on_lambda(engine: Engine, weighed: float, mib: int) -> Estimate:
    usable, needed = mib * _USABLE_MEMORY * (1 << 20), weighed * _ROW_BYTES
    spilling = _SPILLING if needed > usable else 1.0
    seconds = _LAMBDA_START + weighed / (_DUCKDB_ROWS * mib / _MIB_PER_CPU) * spilling
    reason = ""
    if needed > usable + _DISK_BYTES:
        reason = f"too small for {needed / (1 << 30):.0f} GiB"
    elif seconds > _LAMBDA_SECONDS:
        reason = f"too slow, {seconds:,.0f} s"
    return Estimate(engine, seconds, lambda_cost(seconds, mib), feasible=not reason, reason=reason)


def _on_glue(weighed: float) -> Estimate:
    workers = min(_MOST_WORKERS, max(2, math.ceil(weighed / _WORKER_ROWS)))
    seconds = _GLUE_START + weighed / (_SPARK_ROWS * _WORKER_CPUS * workers)
    return Estimate("spark", seconds, glue_cost(seconds, workers), workers)


def _runs_on(transform: CompiledTransform, engine: Engine) -> bool:
    return transform.engine in ("any", "spark" if engine == "spark" else "duckdb")


def _total(table: Table, snapshot: str) -> float:
    return 0.0 if snapshot == EMPTY else _summary(table, snapshot).get("total-records", 0.0)


def _changed(table: Table, before: str, now: str) -> float | None:
    """Return how many rows were added and deleted between two snapshots; none when the earlier has expired."""
    rows, at = 0.0, now
    while at not in (before, EMPTY):
        snapshot = table.snapshot_by_id(int(at))
        if snapshot is None:
            return None
        summary = _summary(table, at)
        rows += summary.get("added-records", 0.0) + summary.get("deleted-records", 0.0)
        at = EMPTY if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id)
    return rows if at == before else None


def _summary(table: Table, snapshot: str) -> dict[str, float]:
    found = table.snapshot_by_id(int(snapshot))
    if found is None or found.summary is None:
        return {}
    numbers = ("total-records", "added-records", "deleted-records")
    said = found.summary.additional_properties
    return {name: float(said[name]) for name in numbers if name in said}
