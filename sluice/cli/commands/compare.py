"""What a changed transform would change: ``compare``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.console import console, tell
from sluice.cli.options import Contracts, DerivedTable, Environment, revision

commands = typer.Typer()


@commands.command()
def compare(
    *,
    table: DerivedTable,
    transform: Annotated[
        str,
        typer.Option("--transform", help="A git revision; default: the files as they are.", callback=revision),
    ] = "",
    contracts: Contracts = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Show rows and sums that a changed transform would give beside those published; 1 when they differ.

    Where they cannot be compared, standard output stays empty: with --json, `same` is there when they were.
    """
    import msgspec

    from sluice.cli import comparing
    from sluice.cli.deployment import deployed
    from sluice.folders import needed_project

    folders = contracts or [needed_project().contracts]
    deployment = deployed(env, folders)
    found = comparing.compare_with(deployment, table, contracts=folders, ref=transform, tell=tell)
    if as_json:
        typer.echo(json.dumps({"same": found.same, **msgspec.to_builtins(found)}))
    else:
        comparing.print_comparison(found, console())
    raise typer.Exit(0 if found.same else 1)
