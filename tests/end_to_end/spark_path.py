"""Derived tables computed anew by real runs of the deployed Glue job, each from what the runs before it published."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from graphlib import TopologicalSorter
from typing import Any

from sluice.refresh.tables import described_run
from tests.end_to_end.running import Deployment
from tests.waiting import until

#: Each run is a JVM of its own.
_AT_ONCE = 2


def with_inputs(deployed: Deployment, tables: Collection[str]) -> set[str]:
    """Return ``tables`` and every derived table that they are made of."""
    found: set[str] = set()
    waiting = set(tables)
    while waiting:
        found |= waiting
        waiting = {name for table in waiting for name in derived_inputs(deployed, table)} - found
    return found


def derived_inputs(deployed: Deployment, table: str) -> set[str]:
    """Return the derived tables that the table's present snapshot was made of."""
    inputs = described_run(deployed.table(table), table).inputs
    return {name for name in inputs if not name.startswith("bronze.")}


def recompute(deployed: Deployment, tables: Collection[str]) -> None:
    """Compute each table as a whole on Spark, after those that it reads; the first failure is raised."""
    order = TopologicalSorter({table: derived_inputs(deployed, table) & set(tables) for table in tables})
    order.prepare()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while order.is_active():
            ready = order.get_ready()
            list(pool.map(lambda table: run_job(deployed, table), ready))
            order.done(*ready)


def run_job(deployed: Deployment, table: str) -> Mapping[str, Any]:
    """Start the Glue job for one table, as a request to compute all of it does, and wait for its end."""
    glue = deployed.client("glue")
    (job,) = glue.list_jobs()["JobNames"]
    arguments = {"--table": table, "--run": "on-spark", "--backfill": json.dumps({"table": table})}
    run_id = glue.start_job_run(JobName=job, Arguments=arguments)["JobRunId"]

    def ended() -> dict[str, Any]:
        found: dict[str, Any] = glue.get_job_run(JobName=job, RunId=run_id)["JobRun"]
        return {} if found["JobRunState"] in ("STARTING", "RUNNING") else found

    run = until(ended, f"the job run of {table} ends", 300)
    assert run["JobRunState"] == "SUCCEEDED", (table, run.get("ErrorMessage"))
    return run
