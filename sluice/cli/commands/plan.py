"""What a refresh would do: ``plan``."""

from __future__ import annotations

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def plan(env: Environment = "dev") -> None:
    """Show what a refresh would do: which tables, how much of each, on which engine, why, and at what cost."""
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import print_plan

    print_plan(deployed(env), console())
