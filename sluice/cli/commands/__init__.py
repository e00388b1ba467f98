"""Every command: one module each, or each few that belong together, found by itself.

A module declares ``commands``, a ``typer.Typer``, as a package that brings commands does. Its functions are thin: they
import what does the work when they are called, so that ``sluice --help`` needs none of it.
"""

from __future__ import annotations

from typing import Final

import typer
from typer.core import TyperGroup

from sluice.found import found_in


class _Alphabetical(TyperGroup):
    """Lists commands by name, whichever module they stand in."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names of all commands."""
        return sorted(self.commands)


cli: Final = typer.Typer(
    name="sluice",
    cls=_Alphabetical,
    help="A serverless lakehouse for AWS that also runs on a laptop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for found in found_in(__name__, "commands").values():
    cli.add_typer(found)
