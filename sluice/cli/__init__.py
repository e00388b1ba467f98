"""The command line. All commands but ``up`` and ``down`` call only AWS APIs, at a local endpoint or in the cloud."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from sluice.cli import local
from sluice.cli.commands import cli
from sluice.errors import SluiceError
from sluice.once import once

#: The entry point group under which other packages name a ``typer.Typer``; its commands join those of `sluice`.
ENTRY_POINTS = "sluice.commands"


@once
def commands() -> typer.Typer:
    """Return all commands: this package's and those of other packages' entry points."""
    for package in entry_points(group=ENTRY_POINTS):
        cli.add_typer(package.load())
    return cli


def app() -> None:
    """Run the command line; print a ``SluiceError`` on standard error without its traceback."""
    local.adopt()
    try:
        commands()()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
