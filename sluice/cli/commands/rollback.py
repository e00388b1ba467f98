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
    if as_json:
        typer.echo(json.dumps(done))
        return
    typer.echo(
        f"{table}: readers see the {done['rows']:,} rows of snapshot {done['to']} again, as snapshot "
        f"{done['snapshot']}; before they saw {done['rows_before']:,} rows, of snapshot {done['since']}, which stays "
        f"in the table's history.\n"
        f"It is held so until an input or the transform changes; `sluice backfill {table}` computes it anew at once."
    )
    if done["in_flight"] is None:
        typer.echo("Whether files are on their way to it cannot be said: the ledger cannot be read.")
    elif coming := ", ".join(f"{files:,} of {name}" for name, files in done["in_flight"].items()):
        typer.echo(f"Files are on their way to it ({coming}): once one is in, a refresh computes it with them.")
