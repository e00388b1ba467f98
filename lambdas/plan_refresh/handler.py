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
from sluice.errors import CommandError, WrongArgument
from sluice.ingestion.retry import doubled
from sluice.ingestion.wake import wake
from sluice.ledger import Ledger, to_backfill
from sluice.nearest import nearest_first
from sluice.pace import Pace
from sluice.pace_items import Refreshes, Waiting
from sluice.project import Project, deployed_project
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain, holds, standings
from sluice.refresh.plan import followers, plan_refresh
from sluice.refresh.starting import ask_refresh
from sluice.refresh.tables import described_run, rollback_of, snapshot_of_run, transform_of
from sluice.refresh.windows import Turns, made_of
from sluice.settings import settings_from_environment
from sluice.tables.catalog import glue_catalog

#: The errors of runs that ended for a reason outside the tables, as step_functions/refresh.yaml counts them.
DIED = frozenset({
    "SparkDied", "Lambda.Unknown", "Runtime.ExitError", "Lambda.ServiceException", "Lambda.SdkClientException",
    "Lambda.AWSLambdaException", "Lambda.TooManyRequestsException",
})  # fmt: skip
#: Seconds after which a table comes again whose run was killed, doubled with each time in a row.
_FIRST_AGAIN, _LAST_AGAIN = 10.0, 3600.0
#: Seconds after which a refresh that was due when somebody asked for one now is taken for lost.
_LOST_SECONDS = 3.0


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
    first = not (began := float(event.get("began") or 0.0))
    if first:
        refreshes = pace.begin_refresh(began := now)
        turns = Turns(project, refreshes, now, "first", refreshes.taken)
    else:
        refreshes = _note_deaths(pace, project, event.get("results", []), now)
        turns = Turns(project, refreshes, now, "later", began)
    plan = plan_refresh(
        project, load, pinned=event.get("pinned"), failed=failed, memory=memory, backfills=backfills, pauses=pauses,
        turns=turns,
    )  # fmt: skip
    pace.consider(plan.saw, began)
    if first:
        gone = refreshes.tables - {transform.table for transform in project.transforms}
        pace.heed(refreshes, began, sorted(gone))
    if not plan.ready:
        pace.end_refresh(began)
    # The first plan does it too, since the round may be aborted: that is no affair of tables that are not in it.
    if plan.due is not None and (first or not plan.ready):
        ask_refresh(settings, plan.due, now)
    return {**msgspec.to_builtins(msgspec.structs.replace(plan, saw={})), "began": began}


def _note_deaths(pace: Pace, project: Project, results: list[dict[str, Any]], now: float) -> Refreshes:
    """Have the tables come again whose runs were killed in the last wave, and those that wait for them; return all."""
    refreshes = pace.refreshes()
    ended = {result["table"]: result.get("error") for result in results}
    # One that comes again later was counted by a call of this plan that was killed then.
    killed = (table for table, error in ended.items() if error in DIED and refreshes.again.get(table, 0.0) <= now)
    deaths = {table: int(refreshes.deaths.get(table, 0)) + 1 for table in killed}
    again: dict[str, float] = {}
    for table, number in deaths.items():
        for each in {table, *made_of(project, {table})}:
            moment = now + doubled(_FIRST_AGAIN, _LAST_AGAIN, number - 1)
            again[each] = max(moment, again.get(each, 0.0))
    deaths |= {table: 0 for table, error in ended.items() if error is None and refreshes.deaths.get(table)}
    return pace.note_deaths(again, deaths) if deaths else refreshes


def _forward(event: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Have the commits of datasets come now, and let the next refresh take tables whatever their latency.

    ``datasets`` and ``tables`` are lists of names, or ``"*"`` for all; with ``followers`` also what is made of the
    tables, with ``through`` what is made of the datasets, once they are committed. With ``start`` the refresh starts.
    A dataset that is not declared is refused where somebody has ``named`` it, and else left out, since files lie in all
    kinds of folders. Return the datasets that had something waiting.
    """
    settings, wanted = settings_from_environment(), event["forward"]
    pace, project = Pace(ledger.table), deployed_project()
    declared = {contract.name for contract in project.arriving}
    tables, datasets = wanted.get("tables", []), wanted.get("datasets", [])
    try:
        for table in tables if tables != "*" else ():
            transform_of(project, table, safe="nothing was changed.")
        for dataset in datasets if wanted.get("named") else ():
            if dataset not in declared:
                raise WrongArgument(
                    f"bronze.{dataset} is no dataset that arrives.",
                    safe="nothing was changed.",
                    next_step=f"name one of {', '.join(nearest_first(dataset, sorted(declared)))}.",
                    dataset=f"bronze.{dataset}",
                    value=f"bronze.{dataset}",
                )
    except CommandError as error:
        return {"refused": error.as_data()}
    now = time.time()
    if tables != "*" and wanted.get("followers"):
        tables = sorted({*tables, *made_of(project, set(tables))})
    pace.bring_forward([""] if tables == "*" else tables, now)
    if wanted.get("start"):
        ask_refresh(settings, now, now, _LOST_SECONDS)
    through = bool(wanted.get("through"))
    known = declared if datasets == "*" else declared.intersection(datasets)
    waiting = [
        each.dataset
        for each in (pace.read_waiting()[0] if known else ())
        if each.dataset in known and _waits(each, now, through=through)
    ]
    for dataset in waiting:
        wake(settings, dataset, f"forward {uuid.uuid4()}", through=through)
    return {"datasets": waiting}


def _waits(waiting: Waiting, now: float, *, through: bool) -> bool:
    """Return whether a dataset is to be woken: not one whose message is on its way, but for what is made of it."""
    if through:
        return waiting.due is not None or waiting.taken is not None
    return waiting.due is not None and (waiting.due > now or waiting.late(now))


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
