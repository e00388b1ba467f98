"""What is dead, given up: ``discard``."""

from __future__ import annotations

from typing import Annotated

import typer

from sluice.cli.options import Environment
from sluice.shortened import harmless

commands = typer.Typer()


@commands.command()
def discard(
    what: Annotated[
        str,
        typer.Argument(help="Address of a file (s3://…) that is a dead letter, a message's id, or a unit set aside."),
    ],
    env: Environment = "dev",
) -> None:
    """Give up a dead letter or a unit set aside: the ledger says so, files stay in landing."""
    from sluice.cli.dead_letters import discard as give_up
    from sluice.cli.deployment import deployed

    for sentence in give_up(deployed(env), what):
        typer.echo(harmless(f"discarded {sentence}"))
