"""What is dead, tried again: ``redrive``."""

from __future__ import annotations

import typer

from sluice.cli.options import Environment

commands = typer.Typer()


@commands.command()
def redrive(env: Environment = "dev") -> None:
    """Put dead-lettered messages back on their queues, so that they are tried again."""
    from sluice.cli.deployment import deployed
    from sluice.cli.redriving import redrive_all

    words = {"streams": "batches handed on again", "set aside": "units staged again"}
    for kind, count in redrive_all(deployed(env)).items():
        typer.echo(f"{kind}: {count} {words.get(kind, 'messages put back')}")
