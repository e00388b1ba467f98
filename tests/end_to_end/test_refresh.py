"""Refreshes on the deployed stacks: what readers see while one fails, engines that hand on, and backfills."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sluice.ledger import Ledger
from tests.end_to_end.running import Deployment, as_csv, sluice
from tests.waiting import until

pytestmark = pytest.mark.slow

TABLE = "silver.weighed_parcels"
HEADER = "parcel_id,grams,weighed_at"
PARCELS = ("a", "b", "c", "d", "e")


def deliver(deployed: Deployment, name: str, *rows: tuple[str, int, str]) -> None:
    notice = deployed.put(f"weighed_parcels/{name}.csv", as_csv(rows, HEADER))
    deployed.ended([notice])


def runs(deployed: Deployment, table: str = TABLE) -> list[dict[str, Any]]:
    return [run for run in Ledger(deployed.outputs["LedgerTableName"]).runs() if run["table"] == table]


def rows(deployed: Deployment) -> dict[str, int]:
    """The weight of each parcel of these tests, whose names are one small letter; other tests have left their own."""
    found = deployed.table(TABLE).scan().to_arrow().to_pylist()
    return {row["parcel_id"]: row["grams"] for row in found if row["parcel_id"] in PARCELS}


def broken(deployed: Deployment) -> set[str]:
    """What the runs say that failed their check."""
    return {run["error"] for run in runs(deployed) if run["status"] == "failed" and "grams is at most" in run["error"]}


def asked(deployed: Deployment, sql: str) -> tuple[str, ...]:
    """Return the first row of a query as Athena gives it."""
    athena = deployed.client("athena")
    name = athena.start_query_execution(QueryString=sql, WorkGroup=deployed.outputs["AthenaWorkGroupName"])
    query = {"QueryExecutionId": name["QueryExecutionId"]}

    def state() -> str:
        found = athena.get_query_execution(**query)["QueryExecution"]["Status"]
        assert found["State"] != "FAILED", found
        return str(found["State"])

    until(lambda: state() == "SUCCEEDED", "the query ends")
    _, first = athena.get_query_results(**query)["ResultSet"]["Rows"]
    return tuple(cell.get("VarCharValue", "") for cell in first["Data"])


@contextmanager
def asking(ask: Callable[[], tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """Ask over and over in a thread; yields the answers, which grow."""
    answers: list[tuple[str, ...]] = []
    enough = threading.Event()

    def loop() -> None:
        while not enough.is_set():
            answers.append(ask())

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield answers
    finally:
        enough.set()
        thread.join(60)


def test_a_delivery_that_breaks_a_check_is_never_seen_and_its_correction_is(deployed: Deployment) -> None:
    deliver(deployed, "good", ("a", 10, "2026-01-01 00:00:00"), ("b", 20, "2026-01-01 00:00:00"))
    until(lambda: len(runs(deployed)) >= 1 and rows(deployed) == {"a": 10, "b": 20}, "the first rows are published")
    sql = f"SELECT count(*), max(grams), sum(grams) FROM {TABLE} WHERE parcel_id IN {PARCELS}"
    with asking(lambda: asked(deployed, sql)) as answers:
        deliver(deployed, "bad", ("b", 5000, "2026-01-02 00:00:00"), ("c", 30, "2026-01-02 00:00:00"))
        until(lambda: bool(broken(deployed)), "the run fails its check")
        seen = len(answers)
        deliver(deployed, "mended", ("b", 40, "2026-01-03 00:00:00"))
        until(lambda: rows(deployed) == {"a": 10, "b": 40, "c": 30}, "the correction is published")
        until(lambda: answers[-1] == ("3", "40", "80"), "readers see the correction")
    assert seen > 3
    assert set(answers) == {("2", "20", "30"), ("3", "40", "80")}
    (failed,) = broken(deployed)
    assert "grams is at most 1000: 1 row; for example 5000" in failed
    assert "readers still see the previous snapshot" in failed


@contextmanager
def memory(deployed: Deployment, **wanted: int) -> Iterator[dict[str, int]]:
    """Give the functions ``small`` and ``large`` other sizes, for a while; yields their own."""
    client = deployed.client("lambda")
    names = [f["FunctionName"] for page in client.get_paginator("list_functions").paginate() for f in page["Functions"]]
    (small,) = (name for name in names if "RunTransform" in name and "Large" not in name)
    (large,) = (name for name in names if "RunTransformLarge" in name)
    functions = {"small": small, "large": large}
    own = {key: client.get_function_configuration(FunctionName=name)["MemorySize"] for key, name in functions.items()}
    try:
        for key, size in wanted.items():
            client.update_function_configuration(FunctionName=functions[key], MemorySize=size)
        yield own
    finally:
        for key, size in own.items():
            client.update_function_configuration(FunctionName=functions[key], MemorySize=size)


def test_a_run_that_outgrows_its_function_goes_on_in_the_larger_one(deployed: Deployment) -> None:
    with memory(deployed, small=128) as own:
        deliver(deployed, "more", ("d", 50, "2026-01-04 00:00:00"))
        until(lambda: rows(deployed).get("d") == 50, "the larger function publishes", 120)
        until(lambda: int(runs(deployed)[-1]["memory_mib"]) == own["large"], "the ledger names the larger function")


@pytest.mark.proof
@pytest.mark.spark
def test_a_run_that_outgrows_both_functions_is_made_by_spark(deployed: Deployment) -> None:
    deliver(deployed, "enough", ("a", 10, "2026-01-01 00:00:00"), ("e", 1, "2026-01-01 00:00:00"))
    until(lambda: "e" in rows(deployed), "there are rows that a run can add to")
    before = rows(deployed)
    with memory(deployed, small=128, large=128):
        deliver(deployed, "much", ("e", 60, "2026-01-05 00:00:00"), ("a", 11, "2026-01-05 00:00:00"))
        until(lambda: rows(deployed).get("e") == 60, "Spark publishes", 180)
        until(lambda: runs(deployed)[-1]["engine"] == "spark", "the ledger names Spark")
    assert runs(deployed)[-1]["incremental"]
    assert rows(deployed) == before | {"a": 11, "e": 60}
    deliver(deployed, "after", ("e", 61, "2026-01-06 00:00:00"))
    until(lambda: rows(deployed).get("e") == 61, "DuckDB goes on from what Spark left")
    until(lambda: (last := runs(deployed)[-1])["engine"] == "duckdb" and last["incremental"], "from its changes alone")


def test_a_backfill_is_done_once_and_leaves_the_rows_as_they_are(deployed: Deployment) -> None:
    before = rows(deployed)
    count = len(runs(deployed))
    asked_for = sluice("backfill", TABLE, "--from", "2026-01-01", "--to", "2026-01-02")
    assert asked_for.returncode == 0, asked_for.stderr
    until(lambda: len(runs(deployed)) > count, "the backfill runs")
    until(lambda: not list(Ledger(deployed.outputs["LedgerTableName"]).backfills()), "the request is done")
    assert "backfill of weighed_at 2026-01-01 to 2026-01-02" in runs(deployed)[-1]["reason"]
    assert rows(deployed) == before
    time.sleep(1)
    assert len(runs(deployed)) == count + 1


@contextmanager
def handing_over_after(deployed: Deployment, most: int) -> Iterator[None]:
    """Let an execution of the refresh workflow hand over after so many runs, for a while."""
    client, arn = deployed.client("stepfunctions"), deployed.outputs["RefreshStateMachineArn"]
    own = client.describe_state_machine(stateMachineArn=arn)["definition"]
    changed = own.replace("$started > 1500", f"$started > {most}")
    assert changed != own
    client.update_state_machine(stateMachineArn=arn, definition=changed)
    try:
        yield
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=own)


def test_an_execution_that_did_much_hands_over_to_another(deployed: Deployment) -> None:
    client, arn = deployed.client("stepfunctions"), deployed.outputs["RefreshStateMachineArn"]

    def executions() -> list[dict[str, Any]]:
        return list(client.list_executions(stateMachineArn=arn, maxResults=1000)["executions"])

    def quiet() -> bool:
        return not any(execution["status"] == "RUNNING" for execution in executions())

    until(quiet, "earlier refreshes end", 120)
    before = {execution["executionArn"] for execution in executions()}
    with handing_over_after(deployed, 2):
        # What is made of these tables is behind once they are: silver, then gold, in several waves.
        asked_for = sluice("backfill", "silver.countries")
        assert asked_for.returncode == 0, asked_for.stderr
        until(lambda: quiet() and not list(Ledger(deployed.outputs["LedgerTableName"]).backfills()), "all is done", 240)
    new = [execution for execution in executions() if execution["executionArn"] not in before]
    assert len(new) > 1
    assert {execution["status"] for execution in new} == {"SUCCEEDED"}
    planned = sluice("plan")
    assert "Every derived table is up to date" in planned.stdout, planned.stdout


def test_a_paused_table_is_left_as_it_is_until_it_is_resumed(deployed: Deployment) -> None:
    before = len(runs(deployed))
    assert "is paused: no refresh computes it" in sluice("pause", TABLE).stdout
    assert "is paused already, since" in sluice("pause", TABLE).stdout
    deliver(deployed, "paused", ("a", 77, "2026-01-09 00:00:00"))
    assert sluice("refresh", "--wait").returncode == 0
    assert (len(runs(deployed)), rows(deployed)["a"] == 77) == (before, False)
    assert f"{TABLE} is held: paused" in " ".join(sluice("plan").stdout.split())
    assert "is resumed; a refresh was started" in sluice("resume", TABLE).stdout
    until(lambda: rows(deployed)["a"] == 77, "the resumed table is refreshed")
    assert "is not paused" in sluice("resume", TABLE).stdout
    (last,) = json.loads(sluice("runs", TABLE, "--limit", "1", "--json").stdout)["runs"]
    assert (last["table"], last["status"]) == (TABLE, "published")
    assert sluice("pause", "silver.nothing").returncode == 2
