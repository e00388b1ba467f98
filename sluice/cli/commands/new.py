"""What a project begins with, and grows by: ``new``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.options import Environment, usable_path

commands = typer.Typer()


@commands.command()
def new(  # noqa: PLR0917  options of a command
    name: Annotated[
        str, typer.Argument(help="New dataset, such as orders; or derived table, such as gold.sales.", metavar="NAME")
    ],
    origin: Annotated[
        str, typer.Option("--from", help="File, folder of files that are alike, or table.", metavar="FILE|FOLDER|TABLE")
    ] = "",
    transform: Annotated[bool, typer.Option("--transform", help="A derived table: its contract and function.")] = False,
    query: Annotated[str, typer.Option("--query", help="With --transform: a SELECT of tables with contracts.")] = "",
    contracts: Annotated[
        Path | None,
        typer.Option(
            "--contracts",
            help="Folder to write to; the project's where none is said.",
            parser=usable_path,
            metavar="FOLDER",
        ),
    ] = None,
    encoding: Annotated[str, typer.Option("--encoding", help="The files' encoding, where it is known.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    env: Environment = "dev",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a contract that loads the files; or the contract and function of a derived table."""
    if transform:
        if contracts or encoding:
            raise typer.BadParameter("--contracts and --encoding are for files, not with --transform")
        from sluice.cli.deriving import new_table

        derived = new_table(name, origin, query, force=force)
        typer.echo(json.dumps(derived.as_data()) if as_json else derived.in_words())
        return
    if query or not origin:
        raise typer.BadParameter("--query is for --transform" if query else "--from FILE is needed, or --transform")
    from sluice.cli.drafting import as_data, in_words, new_contract

    path, drafted = new_contract(name, origin, contracts, encoding=encoding, force=force, env=env)
    typer.echo(json.dumps(as_data(path, drafted)) if as_json else in_words(path, drafted))
