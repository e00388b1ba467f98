"""`sluice runs`: reads runs from the ledger, and prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from rich.console import Console
from rich.text import Text

from sluice.cli.deployment import Deployment
from sluice.cli.derived import seconds_of, started
from sluice.cli.fitted import print_table
from sluice.cli.planning import ask_planner
from sluice.errors import WrongArgument
from sluice.ledger import Ledger
from sluice.nearest import nearest, nearest_first

_COLOURS = {"published": "green", "failed": "red", "held": "yellow", "rolled back": "yellow"}
#: What a run may say, and what stands for it when it does not: one that failed has no rows, one on Spark no memory.
_KEYS: dict[str, Any] = {
    "status": "",
    "engine": "",
    "incremental": None,
    "reason": "",
    "rows": None,
    "rows_written": None,
    "conflicts": None,
    "warnings": [],
    "cost_usd": None,
    "memory_mib": None,
    "snapshot": "",
    "run_id": "",
    "error": "",
}
#: The numbers of a run that are printed, with their format.
_NUMBERS = (("rows", ","), ("rows_written", ","), ("seconds", ".1f"), ("cost_usd", ".6f"))


def newest(deployment: Deployment, table: str, *, limit: int, failed: bool) -> list[dict[str, Any]]:
    """Return the newest runs, newest first: of ``table`` alone unless it is empty, and with ``failed`` only those.

    ``WrongArgument`` when there is no run of ``table`` and no transform makes it.
    """
    runs = Ledger(deployment.settings.ledger_table).newest_runs()
    found = [as_data(run) for run in islice(_chosen(runs, table, failed=failed), limit)]
    if table and not found:
        _refuse_unknown(table, [each["table"] for each in ask_planner(deployment, {"standings": True})["tables"]])
    return found


def _refuse_unknown(table: str, known: Sequence[str]) -> None:
    """Raise ``WrongArgument`` when no transform makes the table; one that was removed since has runs."""
    if table not in known:
        near = nearest(table, known)
        raise WrongArgument(
            f"{table} is not a derived table{f'; did you mean {near}?' if near else '.'}",
            next_step=f"name one of {', '.join(nearest_first(table, known))}.",
            dataset=table,
            value=table,
        )


def _chosen(runs: Iterable[dict[str, Any]], table: str, *, failed: bool) -> Iterator[dict[str, Any]]:
    """Yield the runs that are asked for."""
    return (run for run in runs if table in ("", run["table"]) and (not failed or run["status"] == "failed"))


def as_data(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run of the ledger as `sluice runs --json` prints it; ``seconds`` is the sum of its steps."""
    said = {key: run.get(key, nothing) for key, nothing in _KEYS.items()}
    return {"started": started(run), "table": run["table"], "seconds": seconds_of(run), **said}


def print_runs(runs: Sequence[dict[str, Any]], console: Console) -> None:
    """Print a line for each run, and under it why it failed, or is held."""
    if not runs:
        console.print("There is no such run. `sluice plan` says what a refresh would run now.", highlight=False)
        return
    numbers = ("rows", "written", "s", "USD")
    rows = [
        (
            run["table"],
            run["started"][:19].replace("T", " "),
            Text(run["status"], style=_COLOURS.get(run["status"], "")),
            _what(run),
            run["engine"],
            *(_number(run[key], shape) for key, shape in _NUMBERS),
        )
        for run in runs
    ]
    print_table(console, ("table", "started (UTC)", "status", "what", "engine", *numbers), rows, right=numbers)
    for run in runs:
        if said := run["error"] or (run["reason"] if run["status"] == "held" else ""):
            console.print(
                f"{run['started'][:19]} {run['table']}: {said}", highlight=False, markup=False, soft_wrap=True
            )


def _what(run: dict[str, Any]) -> str:
    """Return how a run computed its table."""
    if run["incremental"] is None:
        return ""
    return "incremental" if run["incremental"] else "full"


def _number(value: float | None, shape: str) -> str:
    return "" if value is None else format(value, shape)
