"""A toy."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def toy(
    count: Annotated[int, typer.Option(help="How many.")] = 1,
    env: Environment = "dev",
) -> None:
    """Say how many toys there are."""
    typer.echo(f"{count} toys in {env}")
