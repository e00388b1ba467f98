"""`sluice plan` and `sluice backfill`: asks the planner, and prints its answers."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from sluice.cli.deployment import client
from sluice.errors import CommandError

_ENGINES = {"small": "Lambda", "large": "Lambda, large", "spark": "Spark on Glue"}


def print_plan(outputs: dict[str, str], console: Console) -> None:
    """Print the runs that a refresh would make now, in order, each with its strategy, engine, reasons and cost."""
    steps = ask_planner(outputs, {"explain": True})["steps"]
    if not steps:
        console.print("Every derived table is up to date; a refresh would do nothing.")
        return
    table = Table("wave", "table", "what", "engine", "input rows", "s", "USD", box=None, padding=(0, 1, 0, 0))
    for step in steps:
        table.add_row(
            str(step["wave"]), step["table"],
            step.get("strategy") or step["course"],  # as functions of an earlier deployment call it
            _ENGINES[step["engine"]], f"{step['rows']:,}", f"{step['seconds']:.0f}", f"{step['cost_usd']:.6f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"{len(steps)} tables, about {sum(step['cost_usd'] for step in steps):.6f} USD (estimated)")
    dearest = max(steps, key=lambda step: step["cost_usd"])
    console.print(f"{dearest['table']}, the dearest: {dearest['engine_reason']}")


def request_backfill(
    outputs: dict[str, str], table: str, *, first: str, last: str, column: str, accept_loss: bool = False
) -> str:
    """Request a backfill and start a refresh for it; return a sentence for people."""
    request: dict[str, Any] = {"table": table, "first": first, "last": last, "column": column}
    answer = ask_planner(outputs, {"request": request | ({"accept_loss": True} if accept_loss else {})})
    if "refused" in answer:
        raise CommandError(
            answer["refused"],
            safe="nothing was requested.",
            next_step=answer["next"],
            dataset=table,
        )
    client("stepfunctions").start_execution(stateMachineArn=outputs["RefreshStateMachineArn"])
    noted = answer["noted"]
    what = f"{noted['column']} from {noted['first']} to {noted['last']}" if noted["column"] else "the whole table"
    return f"{table}: {what} will be recomputed; readers see the present rows until then."


def cancel_backfill(outputs: dict[str, str], table: str) -> str:
    """Cancel the backfill that waits for ``table``; return a sentence for people."""
    count = ask_planner(outputs, {"request": {"table": table}, "cancel": True})["cancelled"]
    return f"{table}: {'the backfill was cancelled' if count else 'no backfill was waiting'}."


def ask_planner(outputs: dict[str, str], question: dict[str, Any]) -> dict[str, Any]:
    """Return the plan function's answer to ``question``; ``CommandError`` when the function fails."""
    answer = client("lambda").invoke(FunctionName=outputs["PlanFunctionName"], Payload=json.dumps(question).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CommandError(
            f"The planner failed: {said.get('errorMessage', said)}",
            safe="nothing was changed.",
            next_step="look into the log of the plan function; `sluice status` tells where everything is.",
        )
    return said
