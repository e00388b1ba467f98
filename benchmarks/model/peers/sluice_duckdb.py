"""Sluice on DuckDB, as its Lambda runs it: read, compute, check the contract, write, commit to Iceberg."""

from __future__ import annotations

from pathlib import Path

import duckdb  # noqa: F401  # loaded before the clock runs, as for each peer
import msgspec

from benchmarks.model.child import MEMORY_GIB, Work
from benchmarks.model.lakes import ModelLake
from benchmarks.model.sql import TABLES
from sluice.project import Project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.storage import LocalStore

#: Of which a run gives DuckDB 0.6.
LAMBDA_MIB = int(MEMORY_GIB * 1024 / 0.6)


def main() -> None:
    work = Work()
    project = msgspec.json.decode(Path(work.given["project"]).read_bytes(), type=Project)
    lake = ModelLake(work.given["lake"])
    engine = DuckDbEngine(project, lake.load, LocalStore(), LAMBDA_MIB)
    lake.load("bronze.orders")
    for table in TABLES:
        with work.table(table):
            run = engine.run(table, run_id="model")
        work.add_steps(run.seconds)
    work.finish()


if __name__ == "__main__":
    main()
