"""What a refresh would do: ``plan``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def plan(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; docs/reference/status.md has its keys.")
    ] = False,
    env: Environment = "dev",
) -> None:
    """Show what a refresh would do: which tables, how much of each, on which engine, why, and at what cost."""
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import print_plan, read_plan

    found = read_plan(deployed(env))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        print_plan(found, console())
