"""A project of one's own: ``init``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import usable_path

commands = typer.Typer()


@commands.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="New folder; its name is the project's.", parser=usable_path, metavar="NAME")
    ],
    empty: Annotated[bool, typer.Option("--empty", help="Without the dataset and the table to begin with.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a project of one's own: contracts, transforms, tests, environments, stacks."""
    from sluice.cli.starting import start_project

    files = start_project(folder, empty=empty)
    place = folder.resolve()
    if as_json:
        names = [str(file.relative_to(place)) for file in files]
        typer.echo(json.dumps({"project": place.name, "folder": str(place), "files": names}))
        return
    typer.echo(f"{place} is a project: {len(files)} files; README.md says what each is for.")
    first = "write the first contract, contracts/<dataset>.yaml, then `sluice check`" if empty else "`sluice check`"
    typer.echo(f"Next: `cd {shlex.quote(str(folder))}`, {first} and `sluice up`.")
