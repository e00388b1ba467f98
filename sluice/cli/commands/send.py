"""Records onto a stream: ``send``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluice.cli.console import console
from sluice.cli.options import Environment, finite, usable_path
from sluice.counted import counted
from sluice.errors import WrongArgument

commands = typer.Typer()


@commands.command()
def send(
    dataset: Annotated[str, typer.Argument(help="Dataset that arrives by stream.")],
    file: Annotated[
        Path, typer.Argument(help="NDJSON, JSON, CSV or TSV, gzipped or not.", parser=usable_path, metavar="FILE")
    ],
    rate: Annotated[float | None, typer.Option(help="Records a second at most.", min=0.01, callback=finite)] = None,
    key: Annotated[
        str | None, typer.Option(help="Column whose value spreads records over shards; default the contract's.")
    ] = None,
    env: Environment = "dev",
) -> None:
    """Put a file's records on a dataset's Kinesis stream; non-zero when one was refused."""
    from sluice.cli.deployment import client, deployed
    from sluice.cli.send import progress_bar, send_file

    if not file.exists() or file.is_dir():
        raise WrongArgument(
            f"There is no file {file}.",
            safe="nothing was sent.",
            next_step="check the path.",
            file=str(file),
            dataset=dataset,
        )
    deployment = deployed(env)
    with progress_bar(console(), dataset) as bar:
        sent = send_file(
            client("kinesis"), client("glue"), deployment, dataset=dataset, path=file, key=key, rate=rate,
            refuse=lambda why: typer.echo(why, err=True), watch=lambda at, count: bar(count, at.position, at.size),
        )  # fmt: skip
    typer.echo(sent.line(dataset))
    if sent.refused:
        typer.echo(
            f"refused and not sent: {counted(len(sent.refused), 'record')}",
            err=True,
        )
        raise typer.Exit(1)
