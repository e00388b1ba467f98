"""Questions to Athena: ``query``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment

commands = typer.Typer()


class Format(StrEnum):
    """How query results are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    sheet = "sheet"


@commands.command()
def query(
    sql: Annotated[str, typer.Argument(help="One statement in Athena's SQL.")],
    output: Annotated[
        Format,
        typer.Option(
            "--format",
            help="How to print the rows; sheet is CSV for a spreadsheet, with ' before what it would compute.",
        ),
    ] = Format.table,
    env: Environment = "dev",
) -> None:
    """Run a query in Athena and print its rows."""
    from sluice.cli.deployment import deployed
    from sluice.cli.querying import print_rows, run_query

    print_rows(run_query(sql, deployed(env)), output.value, console)
