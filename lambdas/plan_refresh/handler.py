"""Step of the refresh workflow: plans which tables run now, given those that already failed in this execution.

It also writes runs on Spark to the ledger (``record``). The command line calls it to ``explain`` the whole plan, for
how current tables are (``standings``), for what is made from a table (``followers``), and to request or cancel a
backfill (``request``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from sluice.bounded import Messages, bounds_errors
from sluice.errors import CommandError
from sluice.ledger import Ledger, to_backfill
from sluice.project import deployed_project
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain, holds, standings
from sluice.refresh.plan import followers, plan_refresh
from sluice.refresh.tables import described_run, rollback_of
from sluice.settings import settings_from_environment
from sluice.tables.catalog import glue_catalog


@bounds_errors(lambda: settings_from_environment().lake)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the plan; ``event`` holds the ``pinned`` snapshots, ``failed`` tables and the last wave's ``results``."""
    settings = settings_from_environment()
    project, ledger = deployed_project(), Ledger(settings.ledger_table, Messages(settings.lake))
    if "request" in event:
        return _request(event, ledger)
    if "followers" in event:
        return {"tables": followers(project, event["followers"])}
    failed = {*event.get("failed", ()), *(r["table"] for r in event.get("results", ()) if "error" in r)}

    def load(name: str) -> Any:
        database, _, table = name.partition(".")
        return glue_catalog().load_table((settings.database(database), table))

    if "record" in event:
        return _record(event, ledger, load(event["table"]))
    memory = Memory(settings.transform_memory, settings.transform_memory_large)
    backfills = tuple(ledger.backfills())
    if event.get("explain"):
        steps = msgspec.to_builtins(explain(project, load, memory, backfills))
        return {"steps": steps, "held": holds(project, load, backfills)}
    if event.get("standings"):
        return {"tables": msgspec.to_builtins(standings(project, load, backfills))}
    plan = plan_refresh(
        project, load, pinned=event.get("pinned"), failed=failed, memory=memory, backfills=backfills
    )  # fmt: skip
    answer: dict[str, Any] = msgspec.to_builtins(plan)
    return answer


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
    return {"noted": msgspec.to_builtins(checked)}


def _record(event: dict[str, Any], ledger: Ledger, table: Any) -> dict[str, Any]:
    """Write a run on Spark to the ledger, as its snapshot's summary describes it, or why it failed."""
    name, started = event["table"], datetime.now(UTC).isoformat(timespec="microseconds")
    if event["record"] != "published":
        failure = {"run_id": event["run"], "status": "failed", "engine": "spark", "error": event["record"]}
        ledger.record_run(failure, started=started, table=name)
        return {"table": name, "error": event["record"]}
    if back := rollback_of(table):  # it was rolled back before the job published, and the job left it so
        ledger.record_run({"run_id": event["run"], "status": "held", "reason": str(back)}, started=started, table=name)
        return {"table": name, "held": back.to}
    run = described_run(table, name)
    ledger.record_run({"status": "published", **msgspec.to_builtins(run)}, started=started, table=name)
    if event.get("backfill"):
        ledger.finish_backfill(to_backfill(event["backfill"]))
    return {"table": name, "snapshot": run.snapshot, "rows": run.rows}
