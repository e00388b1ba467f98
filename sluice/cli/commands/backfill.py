"""Days of a derived table anew: ``backfill``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import DerivedTable, Environment, day

commands = typer.Typer()


@commands.command()
def backfill(
    *,
    table: DerivedTable,
    first: Annotated[
        str, typer.Option("--from", help="First day, as 2026-01-31; without days the whole table.", callback=day)
    ] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, included.", callback=day)] = "",
    column: Annotated[str, typer.Option(help="Date or timestamp that the days are of; default the table's own.")] = "",
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Rows may go that were made of what retention removed since.")
    ] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take back a backfill that waits.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Compute an interval of a derived table anew; readers see the old rows until all of it is published."""
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import cancel_backfill, request_backfill

    if bool(first) != bool(last):
        raise typer.BadParameter("--from and --to are given together, or neither for the whole table")
    if first > last:
        raise typer.BadParameter(f"--from {first} is after --to {last}")
    if cancel and (first or column or accept_loss):
        raise typer.BadParameter("--cancel takes back the whole backfill: it goes with no day, column or --accept-loss")
    deployment = deployed(env)
    if cancel:
        done = cancel_backfill(deployment, table)
    else:
        done = request_backfill(deployment, table, first=first, last=last, column=column, accept_loss=accept_loss)
    told = done.pop("told")
    typer.echo(json.dumps(done, indent=2) if as_json else told)
