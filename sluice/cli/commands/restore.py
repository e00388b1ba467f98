"""Tables that Glue lost are registered again: ``restore``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import Contracts, Environment

commands = typer.Typer()


@commands.command()
def restore(
    contracts: Contracts = None,
    env: Environment = "dev",
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", metavar="ADDRESS", help="Register this metadata file, where the newest is unclear."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is missing, and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Register the tables that Glue lost, from their newest metadata in the lake."""
    import msgspec

    from sluice.cli import restoring
    from sluice.cli.deployment import deployed
    from sluice.folders import needed_project
    from sluice.load import load_contracts

    here = needed_project(contracts or ())
    declared = load_contracts(contracts or [here.contracts])
    done = restoring.restore(deployed(env), declared, chosen=metadata or (), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(done), indent=2))
        return
    verb = "registered" if done.done else "would be registered"
    for database in done.databases:
        typer.echo(f"{database}: the database {'was made' if done.done else 'would be made'}")
    for table, address in done.tables.items():
        typer.echo(f"{table}: {verb} from {address}")
    for table in done.empty:
        typer.echo(f"{table}: the lake has nothing of it; the next deployment that changes a contract makes it")
    if not (done.databases or done.tables or done.empty):
        typer.echo("Glue has every table that the contracts declare.")
