"""The page that shows where everything is: ``ui``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import Environment, usable_path

commands = typer.Typer()


@commands.command()
def ui(
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder to write the page to; default .sluice/ui of the project.",
            parser=usable_path,
            metavar="FOLDER",
        ),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Also open the page in the browser.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print what the page shows as one JSON object; docs/reference/ui.md has its keys."),
    ] = False,
    env: Environment = "dev",
) -> None:
    """Write one page that shows what runs, waits and failed, each dataset and table, and how they hang together."""
    from datetime import UTC, datetime

    from sluice.cli.deployment import deployed
    from sluice.cli.shard_batches import batches_of
    from sluice.cli.status import read_status
    from sluice.cli.ui.data import page_data
    from sluice.cli.ui.writing import open_page, write_page

    found = deployed(env)
    data = page_data(read_status(found, batches_of(found)), found, datetime.now(UTC))
    page = write_page(data, out)
    if open_it:  # first: where it fails, the error is all that is printed
        open_page(page)
    typer.echo(json.dumps({"page": str(page), **data}, indent=2) if as_json else str(page))
