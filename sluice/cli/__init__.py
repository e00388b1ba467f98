"""The command line. Apart from ``up`` and ``down`` it speaks only AWS APIs: local and cloud differ by the endpoint."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from sluice.cli import local
from sluice.cli.commands import cli
from sluice.errors import SluiceError
from sluice.once import once

#: Other packages name a ``typer.Typer`` under this group, and its commands are `sluice`'s own.
ENTRY_POINTS = "sluice.commands"


@once
def commands() -> typer.Typer:
    """Return all commands: this package's and those that other packages bring."""
    for package in entry_points(group=ENTRY_POINTS):
        cli.add_typer(package.load())
    return cli


def app() -> None:
    """Run the command line; what goes wrong is said in plain words on standard error."""
    local.adopt()
    try:
        commands()()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
