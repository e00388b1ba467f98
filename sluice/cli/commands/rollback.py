"""A derived table as it was: ``rollback``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sluice.cli.options import DerivedTable, Environment

commands = typer.Typer()


@commands.command()
def rollback(
    *,
    table: DerivedTable,
    to: Annotated[
        str,
        typer.Option("--to", help="A snapshot's id, or a time (2026-01-31T12:00, UTC) when the rows were good."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    env: Environment = "dev",
) -> None:
    """Give readers a derived table's earlier rows; refreshes leave them until an input or the transform changes."""
    from sluice.cli.deployment import deployed
    from sluice.cli.planning import roll_back

    done = roll_back(deployed(env), table, to)
    told = done.pop("told")
    typer.echo(json.dumps(done) if as_json else told)
