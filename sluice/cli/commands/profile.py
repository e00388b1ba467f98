"""What is in files and tables: ``profile``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import Environment, usable_path
from sluice.counted import counted

commands = typer.Typer()


@commands.command()
def profile(
    of: Annotated[
        str, typer.Argument(help="File, folder, or a deployed table such as bronze.orders.", metavar="FILE|DATASET")
    ],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write a page to this file.", parser=usable_path, metavar="PAGE"),
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="The files' encoding, where it is known.")] = "",
    env: Environment = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is in each column: nulls, distinct values, range, top values, patterns, and what may be wrong."""
    from sluice.cli.profile_output import print_profile, refuse_source, write_page
    from sluice.cli.profiled import profiled

    if html is not None:
        refuse_source(of, html)
    found = profiled(of, encoding=encoding, env=env)
    if html is not None:
        write_page(found, html)
    if as_json:
        typer.echo(json.dumps(found.as_data()))
    elif html is not None:
        typer.echo(f"{html} is written: {counted(found.rows, 'row')}, {counted(len(found.columns), 'column')}.")
    else:
        print_profile(found)
