"""Step of the refresh workflow: plans which tables run now, given those that already failed in this execution.

It also writes runs on Spark to the ledger (``record``). The command line calls it to ``explain`` the whole plan, for
how current tables are (``standings``), for what is made from a table (``followers``), to request or cancel a backfill
(``request``), and to ``pause`` or ``resume`` a table.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.bounded import Messages, bounds_errors
from sluice.compiled import Pause
from sluice.errors import CommandError
from sluice.ingestion.wake import wake
from sluice.ledger import Ledger, to_backfill
from sluice.pace import Pace
from sluice.project import deployed_project
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain, holds, standings
from sluice.refresh.plan import followers, plan_refresh
from sluice.refresh.starting import ask_refresh
from sluice.refresh.tables import described_run, rollback_of, snapshot_of_run, transform_of
from sluice.refresh.windows import Turns
from sluice.settings import settings_from_environment
from sluice.tables.catalog import glue_catalog


@bounds_errors(lambda: settings_from_environment().lake)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the plan; ``event`` holds the ``pinned`` snapshots, ``failed`` tables and the last wave's ``results``.

    ``began`` is when the round began, 0 in its first plan.
    """
    settings, now = settings_from_environment(), time.time()
    pace = Pace(settings.ledger_table)
    project, ledger = deployed_project(), Ledger(settings.ledger_table, Messages(settings.lake))
    if asked := next((question for question in _QUESTIONS if question in event), ""):
        return _QUESTIONS[asked](event, ledger)
    failed = {*event.get("failed", ()), *(r["table"] for r in event.get("results", ()) if "error" in r)}

    def load(name: str) -> Any:
        database, _, table = name.partition(".")
        return glue_catalog().load_table((settings.database(database), table))

    if "record" in event:
        return _record(event, ledger, load(event["table"]))
    memory = Memory(settings.transform_memory, settings.transform_memory_large)
    backfills, pauses = tuple(ledger.backfills()), tuple(ledger.pauses())
    if event.get("explain"):
        steps = msgspec.to_builtins(explain(project, load, memory, backfills, pauses))
        return {"steps": steps, "held": holds(project, load, backfills, pauses)}
    if event.get("standings"):
        promised = {contract.table: contract.freshness_seconds for contract in project.contracts}
        turns = Turns(project, pace.refreshes(), now)
        tables = msgspec.to_builtins(standings(project, load, backfills, pauses, turns))
        return {"tables": tables, "freshness_seconds": promised}
    began = float(event.get("began") or 0.0)
    if not began:
        pace.begin_refresh(began := now)
    turns = Turns(project, pace.refreshes(), now)
    plan = plan_refresh(
        project, load, pinned=event.get("pinned"), failed=failed, memory=memory, backfills=backfills, pauses=pauses,
        turns=turns,
    )  # fmt: skip
    had = {result["table"] for result in event.get("results", ())} | set(plan.passed)
    had &= {transform.table for transform in project.transforms}  # those of an earlier deployment may be gone
    pace.consider({table: turns.digest(table, plan.pinned) for table in sorted(had)}, began)
    if not plan.ready:
        pace.end_refresh()
        if plan.due is not None:
            ask_refresh(settings, plan.due, now)
    return {**msgspec.to_builtins(plan), "began": began}


def _forward(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Have the commits of datasets come now, and let the next refresh take tables whatever their latency.

    ``datasets`` and ``tables`` are lists of names, or ``"*"`` for all; with ``start`` that refresh starts. Return the
    datasets that had something waiting.
    """
    settings, wanted = settings_from_environment(), event["forward"]
    pace, project = Pace(ledger.table), deployed_project()
    tables = wanted.get("tables", [])
    if tables != "*":
        try:
            for table in tables:
                transform_of(project, table, safe="nothing was changed.")
        except CommandError as error:
            return {"refused": error.as_data()}
    now = time.time()
    pace.bring_forward([""] if tables == "*" else tables, now)
    if wanted.get("start"):
        ask_refresh(settings, now, now)
    datasets = wanted.get("datasets", [])
    waiting = [
        each.dataset
        for each in pace.read_waiting()[0]
        if (datasets == "*" or each.dataset in datasets) and (each.due is not None or each.taken is not None)
    ]
    for dataset in waiting:
        wake(settings, dataset, f"forward {uuid.uuid4()}", now=True)
    return {"datasets": waiting}


def _request(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Request or cancel a backfill; return what was requested, or the error."""
    request = to_backfill(event["request"])
    if event.get("cancel"):
        pending = [noted for noted in ledger.backfills() if noted.table == request.table]
        for noted in pending:
            ledger.finish_backfill(noted)
        return {"cancelled": len(pending)}
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    try:
        checked = checked_backfill(deployed_project(), replace(request, requested=now))
    except CommandError as error:
        return {"refused": error.as_data()}
    ledger.request_backfill(checked)
    paused = next((pause for pause in ledger.pauses() if pause.table == checked.table), None)
    return {"noted": msgspec.to_builtins(checked), "paused": msgspec.to_builtins(paused)}


def _pause(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Pause or resume a derived table; return its pause before, which is null when it had none, or the error."""
    table = event.get("pause") or event["resume"]
    try:
        transform_of(deployed_project(), table, safe="nothing was changed.")
    except CommandError as error:
        return {"refused": error.as_data()}
    if "resume" in event:
        before = ledger.resume(table)
    else:
        before = ledger.pause(Pause(table, event["by"], datetime.now(UTC).isoformat(timespec="seconds")))
    return {"before": msgspec.to_builtins(before)}


def _followers(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Return the tables that are made from a table."""
    return {"tables": followers(deployed_project(), event["followers"])}


#: What the command line asks, by the key of the event that asks it.
_QUESTIONS: dict[str, Callable[[dict[str, Any], Ledger], dict[str, Any]]] = {
    "request": _request,
    "pause": _pause,
    "resume": _pause,
    "followers": _followers,
    "forward": _forward,
}


def _record(event: dict[str, Any], ledger: Ledger, table: Any) -> dict[str, Any]:
    """Write a run on Spark to the ledger, as its snapshot's summary describes it, or why it failed."""
    name, started = event["table"], datetime.now(UTC).isoformat(timespec="microseconds")
    if event["record"] != "published":
        failure = {"run_id": event["run"], "status": "failed", "engine": "spark", "error": event["record"]}
        ledger.record_run(failure, started=started, table=name)
        return {"table": name, "error": event["record"]}
    own = snapshot_of_run(table, event["run"])
    if own is None and (back := rollback_of(table)):  # it was rolled back before the job published, which left it so
        ledger.record_run({"run_id": event["run"], "status": "held", "reason": str(back)}, started=started, table=name)
        return {"table": name, "held": back.to}
    run = described_run(table, name, own)
    ledger.record_run({"status": "published", **msgspec.to_builtins(run)}, started=started, table=name)
    if event.get("backfill"):
        ledger.finish_backfill(to_backfill(event["backfill"]))
    return {"table": name, "snapshot": run.snapshot, "rows": run.rows}
