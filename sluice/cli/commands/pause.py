"""A derived table left alone for a while: ``pause`` and ``resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.options import Environment, derived_table

commands = typer.Typer()
Table = Annotated[str, typer.Argument(help="Derived table, e.g. gold.daily_sales.", callback=derived_table)]


@commands.command()
def pause(*, table: Table, env: Environment = "dev") -> None:
    """Let refreshes leave a derived table as it is; what is made from it goes on from its present rows."""
    from sluice.cli import planning
    from sluice.cli.deployment import deployed

    typer.echo(planning.pause(deployed(env), table))


@commands.command()
def resume(*, table: Table, env: Environment = "dev") -> None:
    """End a table's pause, and start a refresh."""
    from sluice.cli import planning
    from sluice.cli.deployment import deployed

    typer.echo(planning.resume(deployed(env), table))
