"""The project without a deployment: ``check``."""

from __future__ import annotations

import typer

from sluice.cli.options import Contracts
from sluice.folders import CONTRACTS

commands = typer.Typer()


@commands.command()
def check(contracts: Contracts = None) -> None:
    """Check every contract and transform without deploying anything."""
    from sluice.load import load_project

    project = load_project(contracts or [CONTRACTS])
    typer.echo(f"{len(project.arriving)} landing datasets and {len(project.transforms)} transforms are sound.")
