"""What a shell completes: ``completion``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

commands = typer.Typer()


class Shell(StrEnum):
    """The shells that there is a script for."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@commands.command()
def completion(shell: Annotated[Shell, typer.Argument(help='The shell: `eval "$(sluice completion bash)"`.')]) -> None:
    """Print the script with which a shell completes commands, options, tables and datasets."""
    from sluice.cli import all_commands
    from sluice.cli.completing import script

    typer.echo(script(shell.value, all_commands()), nl=False)
