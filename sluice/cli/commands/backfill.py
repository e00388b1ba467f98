"""Days of a derived table anew: ``backfill``."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def backfill(
    *,
    table: Annotated[str, typer.Argument(help="Derived table, e.g. gold.daily_sales.")],
    first: Annotated[str, typer.Option("--from", help="First day, as 2026-01-31; without days the whole table.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, included.")] = "",
    column: Annotated[str, typer.Option(help="Date or timestamp that the days are of; default the table's own.")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Take back a backfill that waits.")] = False,
    env: Environment = "dev",
) -> None:
    """Compute an interval of a derived table anew; readers see the old rows until all of it is published."""
    from sluice.cli.deployment import stack_outputs
    from sluice.cli.planning import cancel_backfill, request_backfill

    outputs = stack_outputs(env)
    if cancel:
        typer.echo(cancel_backfill(outputs, table))
    else:
        typer.echo(request_backfill(outputs, table, first=first, last=last, column=column))
