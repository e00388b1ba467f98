"""The command line. All commands but ``up`` and ``down`` call only AWS APIs, at a local endpoint or in the cloud."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

import typer
from typer.main import get_group

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
        _join(package)
    return cli


def _join(package: EntryPoint) -> None:
    """Add what another package brings; what cannot be added is left out, and standard error says whose it is."""
    try:
        brought = package.load()
        if not isinstance(brought, typer.Typer):
            return _left_out(package, f"it is a {type(brought).__name__}, not a typer.Typer")
        if brought.registered_callback:
            return _left_out(package, "it has a callback, which would be called for every command")
        twice = sorted(names_of(brought) & names_of(cli))
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is another's code, and may cost no other command
        return _left_out(package, f"it cannot be loaded: {type(error).__name__}: {error}")
    if twice:
        return _left_out(package, f"there is a command {twice[0]} already")
    cli.add_typer(brought)
    return None


def _left_out(package: EntryPoint, why: str) -> None:
    owner = package.dist.name if package.dist else "an unknown package"
    sys.stderr.write(
        f"The commands of {owner} ({ENTRY_POINTS}: {package.name} = {package.value}) are left out: {why}. All other "
        f"commands work. Mend or uninstall {owner}.\n"
    )


def names_of(typed: typer.Typer) -> set[str]:
    """Return the names of the commands and groups of ``typed``, as they are at the prompt; all of them are built."""
    return set(get_group(typed).commands)


def app() -> None:
    """Run the command line; print a ``SluiceError`` on standard error without its traceback."""
    local.adopt()
    try:
        commands()()
    except SluiceError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
