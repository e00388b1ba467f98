"""Every command: one module each, or each few that belong together, found by itself.

A module declares ``commands``, a ``typer.Typer``, as a package that brings commands does. Its functions are thin: they
import what does the work when they are called, so that ``sluice --help`` needs none of it.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_name

from sluice.cli.joined import CannotJoin, Joined
from sluice.cli.parameters import taken_as_given
from sluice.errors import ModuleRefused
from sluice.found import found_in
from sluice.shortened import shortened


class _Alphabetical(TyperGroup):
    """Lists commands by name, whichever module they stand in; they begin without pydantic."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options that stand before a command."""
        return taken_as_given(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of that name; None unless there is one."""
        if (found := super().get_command(ctx, cmd_name)) is not None:
            taken_as_given(found.get_params(ctx))
        return found

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names of all commands."""
        return sorted(self.commands)


def _whole(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the versions of Sluice, Python and the machine.", is_eager=True)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --version: print one JSON object.", hidden=True)
    ] = False,
) -> None:
    """A serverless lakehouse for AWS that also runs on a laptop."""
    if version:
        _show_version(as_json)
        raise typer.Exit
    if as_json:
        raise typer.BadParameter("--json stands behind the command that it is for")


def _show_version(as_json: bool) -> None:
    import json
    import platform
    from importlib.metadata import version

    found = {"sluice": version("sluice"), "python": platform.python_version(), "platform": platform.platform()}
    said = f"sluice {found['sluice']} (Python {found['python']}, {found['platform']})"
    typer.echo(json.dumps(found) if as_json else said)


def joined() -> Joined:
    """Return the command line of this package's commands; ``ModuleRefused`` for one that cannot join the others."""
    return _together(_FOUND)


def without_commands() -> Joined:
    """Return the command line with its own options alone."""
    return _together({})


def with_command(name: str) -> Joined | None:
    """Return the command line of the one module that has the command ``name``; None unless there is one.

    Building all the others takes longer than most commands.
    """
    having = {module: brought for module, brought in _FOUND.items() if name in _commands(brought)}
    return _together(having) if len(having) == 1 else None


def _commands(brought: typer.Typer) -> set[str]:
    """Return the names of the commands, without what stands in groups; no command is built for that."""
    return {
        each.name or get_command_name(each.callback.__name__)
        for each in brought.registered_commands
        if each.callback is not None
    }


def _together(modules: dict[str, typer.Typer]) -> Joined:
    cli = typer.Typer(
        name="sluice",
        cls=_Alphabetical,
        help="A serverless lakehouse for AWS that also runs on a laptop.",
        no_args_is_help=True,
        invoke_without_command=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    cli.callback()(_whole)
    together = Joined(cli)
    for name, brought in modules.items():
        file = f"sluice/cli/commands/{name}.py"
        try:
            together.join(brought, file)
        except CannotJoin as error:
            raise ModuleRefused(
                f"{file}: {error}.",
                next_step="rename or remove one.",
                file=str(file),
            ) from error
        except Exception as error:
            why = shortened(f"{type(error).__name__}: {error}")
            raise ModuleRefused(
                f"{file}: its commands cannot be built: {why}",
                next_step="mend or remove it.",
                file=str(file),
            ) from error
    return together


_FOUND = found_in(__name__, "commands", typer.Typer)
