"""`sluice plan`, `backfill`, `pause` and `refresh`: asks the planner, and prints its answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from sluice.cli.deployment import Deployment, client
from sluice.cli.fitted import print_table
from sluice.counted import counted
from sluice.errors import CommandError
from sluice.ledger import Ledger

_ENGINES = {"small": "Lambda", "large": "Lambda, large", "spark": "Spark on Glue"}


def read_plan(deployment: Deployment) -> dict[str, Any]:
    """Return the runs that a refresh would make now, in order, and by table why others are held as they are."""
    answer = ask_planner(deployment, {"explain": True})
    # Functions of an earlier deployment call the strategy course.
    steps = [{"strategy": step.get("strategy") or step["course"], **step} for step in answer["steps"]]
    return {"steps": steps, "held": answer.get("held", {})}


def print_plan(plan: dict[str, Any], console: Console) -> None:
    """Print the runs of a plan, each with its strategy, engine, reasons and cost."""
    steps, held = plan["steps"], plan["held"]
    for table, why in held.items():
        console.print(f"{table} is {why}", highlight=False, soft_wrap=True)
    if not steps:
        others = "Every other" if held else "Every"
        console.print(f"{others} derived table is up to date; a refresh would do nothing.")
        return
    rows = [
        (
            step["table"], str(step["wave"]), step["strategy"], _ENGINES[step["engine"]], f"{step['rows']:,}",
            f"{step['seconds']:.0f}", f"{step['cost_usd']:.6f}",
        )
        for step in steps
    ]  # fmt: skip
    print_table(console, ("table", "wave", "what", "engine", "input rows", "s", "USD"), rows)
    console.print(
        f"{counted(len(steps), 'table')}, about {sum(step['cost_usd'] for step in steps):.6f} USD (estimated)"
    )
    dearest = max(steps, key=lambda step: step["cost_usd"])
    console.print(f"{dearest['table']}, the dearest: {dearest['engine_reason']}")


def request_backfill(
    deployment: Deployment, table: str, *, first: str, last: str, column: str, accept_loss: bool = False
) -> dict[str, Any]:
    """Request a backfill and start a refresh for it; return what is true now, with a sentence for people."""
    request: dict[str, Any] = {"table": table, "first": first, "last": last, "column": column}
    answer = ask_planner(deployment, {"request": request | ({"accept_loss": True} if accept_loss else {})})
    if "refused" in answer:
        raise CommandError.from_data(answer["refused"])
    start_refresh(deployment, table, followers=True)
    noted = answer["noted"]
    what = f"{noted['column']} from {noted['first']} to {noted['last']}" if noted["column"] else "the whole table"
    waits = f" It waits: {_paused(answer['paused'])}." if answer.get("paused") else ""
    told = f"{table}: {what} will be recomputed; readers see the present rows until then.{waits}"
    days = {"column": noted["column"], "first": noted["first"], "last": noted["last"]}
    return {"table": table, "requested": True, **days, "paused": answer.get("paused") or None, "told": told}


def _paused(pause: dict[str, Any]) -> str:
    """Return since when and by whom a table is paused, and what ends that."""
    return (
        f"{pause['table']} is paused since {pause['at']} by {pause['by']}, and no refresh computes it until "
        f"`sluice resume {pause['table']}`"
    )


def cancel_backfill(deployment: Deployment, table: str) -> dict[str, Any]:
    """Cancel the backfill that waits for ``table``; return what was done, with a sentence for people."""
    count = ask_planner(deployment, {"request": {"table": table}, "cancel": True})["cancelled"]
    told = f"{table}: {'the backfill was cancelled' if count else 'no backfill was waiting'}."
    return {"table": table, "requested": False, "cancelled": bool(count), "told": told}


def pause(deployment: Deployment, table: str) -> dict[str, Any]:
    """Pause ``table``; return what is true now, with a sentence for people."""
    by = client("sts").get_caller_identity()["Arn"]
    before = _ask_for_hold(deployment, {"pause": table, "by": by})
    told = (
        f"{table} is paused already, since {before['at']} by {before['by']}; nothing was changed."
        if before
        else f"{table} is paused: no refresh computes it, and what is made from it goes on from its present rows. A "
        f"run that is under way may still publish. `sluice resume {table}` ends this."
    )
    return {"table": table, "paused": True, "changed": not before, "before": before, "told": told}


def resume(deployment: Deployment, table: str) -> dict[str, Any]:
    """End the pause of ``table`` and start a refresh; return what is true now, with a sentence for people."""
    before = _ask_for_hold(deployment, {"resume": table})
    # Also when it was resumed already: whoever did may not have come so far.
    start_refresh(deployment, table, followers=True)
    told = f"{table} is {'resumed' if before else 'not paused'}; a refresh was started."
    return {"table": table, "paused": False, "changed": bool(before), "before": before, "told": told}


def _ask_for_hold(deployment: Deployment, question: dict[str, Any]) -> dict[str, Any] | None:
    answer = ask_planner(deployment, question)
    if "refused" in answer:
        raise CommandError.from_data(answer["refused"])
    before: dict[str, Any] | None = answer["before"]
    return before


def start_refresh(deployment: Deployment, table: str | None = None, *, followers: bool = False) -> str:
    """Start the workflow that refreshes what is behind, whatever its latency; return the execution's name.

    Its runs have that name. With ``table`` it refreshes that one and what it needs, with ``followers`` what is made of
    it, and others whose turn it is. While one works, it is asked for one more round.
    """
    bring_forward(deployment, tables=[table] if table else "*", followers=followers)
    started = client("stepfunctions").start_execution(stateMachineArn=deployment.settings.refresh_machine)
    return str(started["executionArn"]).rpartition(":")[2]


def bring_forward(
    deployment: Deployment,
    *,
    tables: list[str] | str = "",
    datasets: list[str] | str = "",
    start: bool = False,
    followers: bool = False,
    through: bool = False,
    named: bool = False,
) -> list[str]:
    """Have datasets committed now, and tables refreshed by the next refresh, whatever their latency; ``"*"`` is all.

    With ``start`` that refresh starts, with ``followers`` it refreshes what is made of the tables, too. With
    ``through`` what is made of the datasets is refreshed when they are committed. Datasets that are not declared are
    left out; those that somebody has ``named`` are refused. Return the datasets that had something waiting.
    """
    wanted = (
        {"tables": tables or [], "datasets": datasets or [], "start": start}
        | ({"followers": True} if followers else {})
        | ({"through": True} if through else {})
        | ({"named": True} if named else {})
    )
    answer = ask_planner(deployment, {"forward": wanted})
    if "refused" in answer:
        raise CommandError.from_data(answer["refused"])
    return list(answer.get("datasets", ()))  # functions of an earlier Sluice commit at once, and know no such question


def ask_planner(deployment: Deployment, question: dict[str, Any]) -> dict[str, Any]:
    """Return the plan function's answer to ``question``; ``CommandError`` when the function fails."""
    return _ask(deployment.plan_function, question, who="planner", safe="nothing was changed.")


def roll_back(deployment: Deployment, table: str, to: str) -> dict[str, Any]:
    """Roll ``table`` back to a snapshot or a time, and refresh what is made of it; return what was done.

    ``paused`` is the table's pause, if it has one. ``in_flight`` counts the files, by dataset, that an ingestor has
    seen and that are on their way to the table: once they are in, it is refreshed. It is None when the ledger cannot
    be read. Records of streams are not counted.
    """
    question = {"table": table, "rollback": to, "by": client("sts").get_caller_identity()["Arn"]}
    safe = "readers see one snapshot whole, the old one or the new one: `sluice status` says which."
    answer = _ask(deployment.run_function, question, who="function that rolls back", safe=safe)
    if "refused" in answer:
        raise CommandError.from_data(answer["refused"])
    start_refresh(deployment, table, followers=True)
    coming, paused = _in_flight(deployment, answer.get("made_of", ())), _pause_of(deployment, table)
    told = _told_rollback(answer["done"], coming, paused)
    return {**answer["done"], "in_flight": coming, "paused": paused, "told": told}


def _told_rollback(done: dict[str, Any], coming: dict[str, int] | None, paused: dict[str, Any] | None) -> str:
    table = done["table"]
    if done.get("changed", True):
        told = (
            f"{table}: readers see the {counted(done['rows'], 'row')} of snapshot {done['to']} again, as snapshot "
            f"{done['snapshot']}; before they saw {counted(done['rows_before'], 'row')}, of snapshot "
            f"{done['since']}, which stays in the table's history."
        )
    else:
        told = f"{table}: readers see the rows of snapshot {done['to']} already; nothing was changed."
    if paused:
        return f"{told}\n{_paused(paused)}."
    told += (
        f"\nIt is held so until an input or the transform changes; `sluice backfill {table}` computes it anew at once."
    )
    if coming is None:
        return f"{told}\nWhether files are on their way to it cannot be said: the ledger cannot be read."
    if on_their_way := ", ".join(f"{files:,} of {name}" for name, files in coming.items()):
        told += f"\nFiles are on their way to it ({on_their_way}): once one is in, a refresh computes it with them."
    return told


def _pause_of(deployment: Deployment, table: str) -> dict[str, Any] | None:
    """Return the table's pause; None when it has none, or when the ledger cannot be read."""
    try:
        pauses = Ledger(deployment.settings.ledger_table).pauses()
        return next((msgspec.to_builtins(pause) for pause in pauses if pause.table == table), None)
    except (ClientError, BotoCoreError):
        return None  # what was asked for is done; that the ledger cannot be read is told of the files on their way


def _in_flight(deployment: Deployment, datasets: Iterable[str]) -> dict[str, int] | None:
    """Return how many files of each dataset are on their way to its table; datasets without one are left out."""
    ledger = Ledger(deployment.settings.ledger_table)
    try:
        coming = {
            name: sum(each.status in ("staged", "failing") for each in ledger.deliveries(name)) for name in datasets
        }
    except (ClientError, BotoCoreError):
        return None  # what was asked for is done, and the answer must not be lost
    return {name: files for name, files in coming.items() if files}


def _ask(function: str, question: dict[str, Any], *, who: str, safe: str) -> dict[str, Any]:
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(question).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CommandError(
            f"The {who} failed: {said.get('errorMessage', said)}",
            safe=safe,
            next_step=f"look into the log of {function}; `sluice status` tells where everything is.",
        )
    return said
