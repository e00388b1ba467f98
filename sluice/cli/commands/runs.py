"""What refreshes did: ``runs``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def runs(
    table: Annotated[str, typer.Argument(help="Only the runs of one derived table, e.g. gold.daily_sales.")] = "",
    *,
    limit: Annotated[int, typer.Option("--limit", help="How many runs, the newest.", min=1, max=5000)] = 20,
    failed: Annotated[bool, typer.Option("--failed", help="Only runs that failed.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Show the newest runs of derived tables: when, on what, how, how much and for how much, or why not."""
    from sluice.cli.deployment import deployed
    from sluice.cli.run_output import newest, print_runs

    found = newest(deployed(env), table, limit=limit, failed=failed)
    if as_json:
        typer.echo(json.dumps({"runs": found}, indent=2))
    else:
        print_runs(found, console())
