"""Reads the status of every derived table: how current it is from the planner, and its runs from the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sluice.cli.deployment import Deployment
from sluice.cli.planning import ask_planner
from sluice.counted import counted
from sluice.ledger import Ledger

State = Literal["up to date", "behind", "failed", "never made", "no rows yet", "held"]
#: How many of the newest runs in the ledger are read to find the last ones of each table.
MOST_RUNS = 5000


@dataclass(frozen=True)
class DerivedStatus:
    """The status of one derived table; times are seconds since the epoch.

    ``made`` is when its rows were published, ``behind_since`` when the first change happened that they do not include.
    ``failing_since`` is the start of the first run in the latest series of failures, ``error`` why the last one failed.
    """

    table: str
    state: State
    made: float | None
    behind_since: float | None = None
    engine: str = ""
    rows: int | None = None
    failing_since: str = ""
    failures: int = 0
    error: str = ""
    #: By which rollback or pause the table is held as it is; empty when it is not.
    held: str = ""
    #: What the last published run took; None when it did not say so, as before there is one.
    seconds: float | None = None
    cost_usd: float | None = None
    #: The other tables that it is made from; None where functions of an earlier Sluice are deployed, which tell none.
    inputs: tuple[str, ...] | None = None
    #: When its latency lets it be refreshed; None when it is not behind, or nothing changed since it failed.
    due: float | None = None

    @property
    def failure(self) -> str:
        """Return since when and why the table's runs fail, or an empty text when the last run succeeded."""
        if self.state != "failed":
            return ""
        return f"{self.table} failed {counted(self.failures, 'time')} since {self.failing_since}: {self.error}"


@dataclass(frozen=True)
class Derived:
    """The status of every derived table, by name, and how old a table's newest data may be, in seconds by table.

    ``freshness_seconds`` holds landing datasets, too; it is empty where functions of an earlier Sluice are deployed.
    """

    tables: tuple[DerivedStatus, ...] = ()
    freshness_seconds: Mapping[str, int] = field(default_factory=dict)


def read_derived(deployment: Deployment) -> Derived:
    """Return the status of every derived table, and what was promised of all tables."""
    answer = ask_planner(deployment, {"standings": True})
    names = {standing["table"] for standing in answer["tables"]}
    runs = _last_runs(Ledger(deployment.settings.ledger_table).newest_runs(), names)
    tables = tuple(_status(standing, runs.get(standing["table"], [])) for standing in answer["tables"])
    return Derived(tables, answer.get("freshness_seconds", {}))


def _last_runs(runs: Iterable[dict[str, Any]], names: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Return each table's runs, newest first, back to the last one that published."""
    found: dict[str, list[dict[str, Any]]] = {}
    left = set(names)
    for number, run in enumerate(runs):
        if not left or number >= MOST_RUNS:
            break
        if run["table"] in left:
            found.setdefault(run["table"], []).append(run)
            if run["status"] == "published":
                left.discard(run["table"])
    return found


def _status(standing: dict[str, Any], runs: list[dict[str, Any]]) -> DerivedStatus:
    failed = [run for run in runs if run["status"] == "failed"]
    published = next((run for run in runs if run["status"] in ("published", "rolled back")), {})
    last_failed = bool(runs) and runs[0]["status"] == "failed" and standing["behind_since"] is not None
    return DerivedStatus(
        table=standing["table"],
        state=_state(standing, last_failed=last_failed),
        made=standing["made"],
        behind_since=None if standing["awaits_rows"] else standing["behind_since"],
        engine=str(published.get("engine", "")),
        rows=int(published["rows"]) if "rows" in published else None,
        failing_since=started(failed[-1]) if last_failed else "",
        failures=len(failed) if last_failed else 0,
        error=str(failed[0].get("error", "")) if last_failed else "",
        held=str(standing.get("held", "")),
        seconds=seconds_of(published),
        cost_usd=published.get("cost_usd"),
        inputs=tuple(standing["inputs"]) if "inputs" in standing else None,
        due=None if standing["awaits_rows"] else standing.get("due"),
    )


def _state(standing: dict[str, Any], *, last_failed: bool) -> State:
    if last_failed:
        return "failed"
    if standing.get("held"):
        return "held"
    if standing["awaits_rows"]:
        return "no rows yet"
    if standing["behind_since"] is None:
        return "up to date"
    return "never made" if standing["made"] is None else "behind"


def seconds_of(run: Mapping[str, Any]) -> float | None:
    """Return how many seconds the steps of a run took together; None when it does not say so."""
    return round(sum(run["seconds"].values()), 3) if "seconds" in run else None


def started(run: dict[str, Any]) -> str:
    """Return when a run started, from the key of its ledger entry ``run#<time>#<table>``."""
    return str(run["entry"]).split("#")[1]
