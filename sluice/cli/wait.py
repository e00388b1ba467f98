"""Waiting until every delivery is accounted for and the derived tables are up to date."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sluice.cli.deployment import client, deployed_settings
from sluice.cli.lanes import LaneCheck
from sluice.cli.status import Status, glance, read_status
from sluice.ledger import Ledger

if TYPE_CHECKING:
    from pyiceberg.table import Table

_POLL_SECONDS = 0.5
#: Looking takes at most this share of the time, for it may cost the waited-for work its own.
_SHARE = 0.2
#: Without a running execution for so long, with tables still behind, the refresh did not start or gave up.
_REFRESH_GRACE_SECONDS = 20.0


def wait(
    outputs: dict[str, str], *, timeout: float, progress: Callable[[Status], None] = lambda _: None
) -> tuple[Status, list[str]]:
    """Wait until all is accounted for and no refresh is due; return the state and what failed (empty: nothing)."""
    deadline = time.monotonic() + timeout
    idle_since: float | None = None
    lanes = LaneCheck(lambda dataset: _tables(outputs, dataset))
    status, whole, pause = read_status(outputs, lanes), True, _POLL_SECONDS
    while True:
        progress(status)
        if dead := _dead(status):
            return status, dead
        behind: list[str] = []
        if not status.accounted or status.running:
            idle_since = None
        elif not whole:  # whatever came meanwhile is to be waited for, too
            status, whole = read_status(outputs, lanes), True
            continue
        else:
            behind = _behind(outputs) if status.arrived else []
            if not behind:
                return status, []
            idle_since = idle_since or time.monotonic()
            if time.monotonic() - idle_since > _REFRESH_GRACE_SECONDS or _last_execution(outputs) == "FAILED":
                errors = _last_errors(outputs)
                return status, [
                    f"{table} is behind, and no refresh is running{errors.get(table, '')}" for table in behind
                ]
        if time.monotonic() > deadline:
            what = [*status.open_deliveries[:5], *status.streams.on_their_way[:5], *behind] or [
                "a refresh is still running"
            ]
            return status, [f"not done after {timeout:.0f} s: {', '.join(what)}"]
        time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
        began = time.monotonic()
        status, whole = glance(status, outputs, lanes), False
        pause = max(_POLL_SECONDS, (time.monotonic() - began) * (1 / _SHARE - 1))


def _dead(status: Status) -> list[str]:
    dead = [f"{count} dead letters in {name}" for name, count in status.dead_letters.items() if count]
    if status.streams.failed_batches:
        dead.append(f"{len(status.streams.failed_batches)} failed batches of streams")
    return dead


def _tables(outputs: dict[str, str], dataset: str) -> tuple[Table, ...]:
    """Return the two tables that hold a landing dataset's records."""
    from sluice.tables.catalog import glue_catalog

    settings = deployed_settings(outputs)
    return tuple(glue_catalog().load_table((settings.database(name), dataset)) for name in ("bronze", "quarantine"))


def _last_execution(outputs: dict[str, str]) -> str:
    answer = client("stepfunctions").list_executions(stateMachineArn=outputs["RefreshStateMachineArn"], maxResults=100)
    newest = max(answer["executions"], key=lambda e: e["startDate"], default=None)
    return newest["status"] if newest else ""


def _last_errors(outputs: dict[str, str]) -> dict[str, str]:
    """Return why each table's last run failed, of those whose last run did."""
    last = {run["table"]: run for run in Ledger(deployed_settings(outputs).ledger_table).runs()}
    return {table: f"; its last run failed: {run['error']}" for table, run in last.items() if run["status"] == "failed"}


def _behind(outputs: dict[str, str]) -> list[str]:
    """Ask the planner which tables a refresh would rebuild."""
    answer = client("lambda").invoke(FunctionName=outputs["PlanFunctionName"], Payload=b"{}")
    plan: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        return [f"(the planner failed: {plan.get('errorMessage', plan)})"]
    return [*(choice["table"] for choice in plan["ready"]), *plan["waiting"]]
