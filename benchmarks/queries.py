"""Through the local Athena, reported only: what a query takes from its start to its rows, as a ratio to bare calls."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

_ROUNDS = 50


def report(athena: Any, workgroup: str, queries: Mapping[str, str], console: Console) -> None:
    """Print the median of each query, and how many times that of the three calls is that every query takes."""
    first = _run(athena, workgroup, "SELECT 1")

    def three_calls() -> None:
        for _ in range(3):
            athena.get_query_execution(QueryExecutionId=first)

    calls = _median(three_calls)
    for name, sql in queries.items():
        _run(athena, workgroup, sql)
        took = _median(functools.partial(_run, athena, workgroup, sql))
        console.print(f"Athena, {name}: {took * 1000:.0f} ms, {took / calls:.1f} times three calls")


def _median(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _run(athena: Any, workgroup: str, sql: str) -> str:
    query_id: str = athena.start_query_execution(QueryString=sql, WorkGroup=workgroup)["QueryExecutionId"]
    while (state := _state(athena, query_id)) in ("QUEUED", "RUNNING"):
        time.sleep(0.002)
    if state != "SUCCEEDED":
        raise RuntimeError(f"{sql!r} ended as {state}")
    athena.get_query_results(QueryExecutionId=query_id)
    return query_id


def _state(athena: Any, query_id: str) -> str:
    found: str = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"]
    return found
