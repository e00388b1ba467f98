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
    from sluice.load import contract_files, load_project
    from sluice.transforms.discover import refuse_undeclared

    if not contracts:
        here = needed_project()
        read_environments(here.environments)
        contracts = [here.contracts]
        if here.contracts.is_dir() and not contract_files(here.contracts):
            refuse_undeclared(contracts, ())
            typer.echo("The environments are sound. Next: write the first contract, contracts/<dataset>.yaml.")
            return
    project = load_project(contracts)
    typer.echo(f"{len(project.arriving)} landing datasets and {len(project.transforms)} transforms are sound.")
