"""Sluice on DuckDB through a history: the model is built, then changes arrive and all that is behind is refreshed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.model.child import Work
from benchmarks.model.lakes import ModelLake
from benchmarks.model.peers.sluice_duckdb import LAMBDA_MIB
from benchmarks.model.sql import TABLES
from sluice.compiled import Backfill
from sluice.project import Project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.plan import plan_refresh
from sluice.refresh.record import Run
from sluice.storage import LocalStore


def main() -> None:
    work = Work()
    project = msgspec.json.decode(Path(work.given["project"]).read_bytes(), type=Project)
    lake = ModelLake(work.given["lake"])
    engine = DuckDbEngine(project, lake.load, LocalStore(), LAMBDA_MIB)
    for table in TABLES:
        with work.table(table):
            engine.run(table, run_id="whole", backfill=Backfill(table))
    refreshes = []
    for files in work.given["changes"]:
        lake.add(files)
        refreshes.append(_refresh(lake, engine))
    work.finish(refreshes=refreshes)


def _refresh(lake: ModelLake, engine: DuckDbEngine) -> dict[str, Any]:
    """Bring all tables up to date as the workflow does: plan, run what is ready, until nothing is behind."""
    seconds = {"plan": 0.0}
    tables: dict[str, dict[str, Any]] = {}
    while True:
        began = time.perf_counter()
        ready = plan_refresh(engine.project, lake.load).ready
        seconds["plan"] += time.perf_counter() - began
        if not ready:
            return {"seconds": seconds, "tables": tables}
        for choice in ready:
            held = set(lake.files(choice.table))
            began = time.perf_counter()
            run = engine.run(choice.table, run_id="change")
            seconds[choice.table] = time.perf_counter() - began
            tables[choice.table] = _told(run, [file for file in lake.files(choice.table) if file not in held])


def _told(run: Run, written: list[Path]) -> dict[str, Any]:
    return {
        "course": f"{'incremental' if run.incremental else 'full'}: {run.reason}",
        "rows": run.rows,
        "rows_written": run.rows_written,
        "bytes_written": sum(file.stat().st_size for file in written),
        "steps": run.seconds,
    }


if __name__ == "__main__":
    main()
