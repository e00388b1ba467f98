"""What was tested is what is deployed: ``seal``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

commands = typer.Typer()


@commands.command()
def seal(
    assembly: Annotated[
        Path, typer.Argument(help="The folder of a cloud assembly, made by `cdk synth --output`.", exists=True)
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: assembly, digest.")] = False,
) -> None:
    """Write down what a cloud assembly holds, file by file, and print the digest that `deploy --sealed` asks for."""
    from sluice.cli.sealing import seal as written

    if not (assembly / "manifest.json").is_file():
        raise typer.BadParameter(f"{assembly} is no cloud assembly: it has no manifest.json")
    digest = written(assembly)
    typer.echo(json.dumps({"assembly": str(assembly), "digest": digest}, indent=2) if as_json else digest)
