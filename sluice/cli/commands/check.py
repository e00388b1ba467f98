"""The project without a deployment: ``check``."""

from __future__ import annotations

import typer

from sluice.cli.options import Contracts
from sluice.folders import CONTRACTS

commands = typer.Typer()


@commands.command()
def check(contracts: Contracts = None) -> None:
    """Check every contract and transform without deploying anything."""
    from sluice.load import load_contracts
    from sluice.transforms.compile import compile_project
    from sluice.transforms.discover import transform_folders

    folders = contracts or [CONTRACTS]
    found = load_contracts(folders)
    project = compile_project(found, *transform_folders(folders))
    landing = sum(not contract.derived for contract in found)
    typer.echo(f"{landing} landing datasets and {len(project.transforms)} transforms are sound.")
