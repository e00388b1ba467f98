"""A contract to begin with: ``new``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import Environment, usable_path

commands = typer.Typer()


@commands.command()
def new(  # noqa: PLR0917  options of a command
    dataset: Annotated[str, typer.Argument(help="Name of the new dataset, such as orders.", metavar="DATASET")],
    origin: Annotated[
        str, typer.Option("--from", help="File, folder of files that are alike, or table.", metavar="FILE|FOLDER|TABLE")
    ],
    contracts: Annotated[
        Path | None,
        typer.Option(
            "--contracts", help="Folder to write to; the project's where none is said.", parser=usable_path,
            metavar="FOLDER",
        ),
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="The files' encoding, where it is known.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the contract that is there.")] = False,
    env: Environment = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:  # fmt: skip
    """Write a contract that loads the files: format, types, dates and nulls are found by reading them."""
    from sluice.cli.drafting import as_data, in_words, new_contract

    path, drafted = new_contract(dataset, origin, contracts, encoding=encoding, force=force, env=env)
    typer.echo(json.dumps(as_data(path, drafted)) if as_json else in_words(path, drafted))
