"""The project without a deployment: ``check``."""

from __future__ import annotations

import typer

from sluice.cli.options import Contracts

commands = typer.Typer()


@commands.command()
def check(contracts: Contracts = None) -> None:
    """Check every contract and transform without deploying anything."""
    from sluice.environments import read_environments
    from sluice.folders import needed_project
    from sluice.load import load_project

    if not contracts:
        here = needed_project()
        read_environments(here.environments)
        contracts = [here.contracts]
    project = load_project(contracts)
    typer.echo(f"{len(project.arriving)} landing datasets and {len(project.transforms)} transforms are sound.")
