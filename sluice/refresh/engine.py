"""Chooses the engine of a run: DuckDB in the small Lambda, DuckDB in the large Lambda, or Spark on Glue.

The cheapest engine that can finish the run is chosen. The estimate is rough on purpose: the number of input rows, times
the weight of the query (joins, windows, groupings), divided by the rows that one processor computes per second. Row
counts come from Iceberg snapshot summaries, so planning reads neither data files nor manifests.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from pyiceberg.table import Table

from sluice.compiled import Backfill, CompiledTransform
from sluice.decoding import json_decoder
from sluice.once import once
from sluice.refresh.tables import made_from
from sluice.tables.upkeep import EMPTY

Compute = Literal["small", "large", "spark"]
#: MiB of memory at which a Lambda function has one processor:
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_MIB_PER_CPU = 1769
#: Weighed rows per second and processor: DuckDB in a Lambda, Spark on a Glue worker. ``python -m benchmarks.model``
#: measured 2.4 and 0.5 million on one core with ten million order lines; AWS's processors are assumed to do 60 % of it.
_DUCKDB_ROWS, _SPARK_ROWS = 1_500_000.0, 300_000.0
#: Seconds until the first row is computed: a Lambda loads its code and table metadata, Glue starts its workers.
_LAMBDA_START, _GLUE_START = 2.0, 50.0
#: A run is estimated to end well before Lambda's limit of 900 s:
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LAMBDA_SECONDS = 600.0
#: Bytes of memory per weighed row while it is computed; DuckDB spills what does not fit to the function's disk.
_ROW_BYTES = 120.0
_USABLE_MEMORY, _DISK_BYTES, _SPILLING = 0.6, 8 << 30, 2.0
_WORKER_CPUS, _WORKER_ROWS, _MOST_WORKERS = 4, 40_000_000.0, 50
#: Share of the unchanged rows that an incremental run is assumed to read, too, to find the rows of its affected keys.
LOOKED_AT = 0.02


class Prices(msgspec.Struct, frozen=True):
    """Prices of one AWS region in USD, per unit that AWS bills; ``glue_least_seconds`` is the least that Glue bills."""

    region: str
    as_of: str
    source: str
    lambda_gb_second: float
    lambda_request: float
    glue_dpu_hour: float
    glue_least_seconds: float
    athena_scanned_tb: float


class Memory(msgspec.Struct, frozen=True):
    """Memory of the small and of the large Lambda function, in MiB."""

    small: int = 1769
    large: int = 10_240


class Estimate(msgspec.Struct, frozen=True):
    """What a run would take on one engine: seconds, USD, and the number of Glue ``workers`` (0 for a Lambda).

    ``reason`` says why the engine is not ``feasible``; it is empty when the engine is.
    """

    engine: Compute
    seconds: float
    cost_usd: float
    workers: int = 0
    feasible: bool = True
    reason: str = ""


class Choice(msgspec.Struct, frozen=True):
    """The engine chosen for one table's run, the reason, and the expected input rows, seconds and USD."""

    table: str
    engine: Compute
    workers: int
    reason: str
    rows: int
    seconds: float
    cost_usd: float
    backfill: Backfill | None = None


_decode_prices = json_decoder(Prices)


@once
def prices() -> Prices:
    """Return the prices in ``sluice/prices.json``."""
    return _decode_prices((Path(__file__).parents[1] / "prices.json").read_bytes())


def choose_engine(transform: CompiledTransform, rows: float, memory: Memory, *, incremental: bool = False) -> Choice:
    """Return the cheapest feasible engine for a run that reads ``rows`` rows, among those the transform allows.

    When no allowed engine is feasible, the last of small Lambda, large Lambda and Spark that is allowed is chosen.
    """
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
    """Yield the estimate of each engine for ``weighed`` rows: input rows times the transform's weight."""
    yield _on_lambda("small", weighed, memory.small)
    yield _on_lambda("large", weighed, memory.large)
    yield _on_glue(weighed)


def lambda_cost(seconds: float, mib: int) -> float:
    """Return the cost in USD of one Lambda invocation of ``seconds`` with ``mib`` of memory."""
    return seconds * mib / 1024 * prices().lambda_gb_second + prices().lambda_request


def glue_cost(seconds: float, workers: int) -> float:
    """Return the cost in USD of one Glue job run on G.1X workers, which have one DPU each.

    https://docs.aws.amazon.com/glue/latest/dg/worker-types.html
    """
    return max(seconds, prices().glue_least_seconds) / 3600 * workers * prices().glue_dpu_hour


def input_rows(
    transform: CompiledTransform,
    target: Table,
    sources: Mapping[str, Table],
    inputs: Mapping[str, str],
    *,
    whole: bool = False,
) -> tuple[float, bool]:
    """Return how many rows a run is expected to read, and whether its refresh is expected to be incremental.

    ``inputs`` are the snapshots to read by table; ``whole`` demands a full refresh. Only snapshot summaries are read.
    """
    every = sum(_total(sources[name], inputs[name]) for name in transform.inputs.values())
    before = made_from(target)
    if whole or transform.mode.whole or before is None or before.fingerprint != transform.fingerprint:
        return every, False
    changed = 0.0
    for parameter, name in transform.inputs.items():
        rows = _changed(sources[name], before.inputs.get(name, EMPTY), inputs[name])
        if rows is None or (rows and not transform.mode.only_added and not transform.propagations[parameter].declared):
            return every, False
        changed += rows
    return min(every, changed + LOOKED_AT * every), True


def _on_lambda(engine: Compute, weighed: float, mib: int) -> Estimate:
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


def _runs_on(transform: CompiledTransform, engine: Compute) -> bool:
    return transform.engine in ("any", "spark" if engine == "spark" else "duckdb")


def _total(table: Table, snapshot: str) -> float:
    return 0.0 if snapshot == EMPTY else _summary(table, snapshot).get("total-records", 0.0)


def _changed(table: Table, before: str, now: str) -> float | None:
    """Return how many rows were added or deleted between two snapshots, or None when the earlier one has expired."""
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
