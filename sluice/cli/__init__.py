"""The command line. All commands but ``up`` and ``down`` call only AWS APIs, at a local endpoint or in the cloud."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn, cast

import typer

from sluice.cli import console, local_access
from sluice.cli.joined import CannotJoin, Joined, names_of
from sluice.errors import CommandError, SluiceError, Unreachable, WrongArgument
from sluice.once import once
from sluice.shortened import harmless, shortened

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINTS", "all_commands", "app", "names_of"]

#: The entry point group under which other packages name a ``typer.Typer``; its commands join those of `sluice`.
ENTRY_POINTS = "sluice.commands"


@once
def all_commands() -> typer.Typer:
    """Return all commands: this package's and those of other packages' entry points.

    Raise ``ModuleRefused`` for one of this package that is broken, or has a name that another one has.
    """
    # Imported here, so that a broken command is told of as other errors are.
    from importlib.metadata import entry_points

    from sluice.cli.commands import joined

    together = joined()
    for package in entry_points(group=ENTRY_POINTS):
        _join(package, together)
    return together.cli


def _commands_for(arguments: list[str]) -> typer.Typer:
    """Return the commands among which is the one that the arguments name: of this package's own no others.

    To tell its version no command is built.
    What other packages bring has other names, so it is looked for where the first argument is none of ours.
    """
    from sluice.cli.commands import with_command, without_commands

    if "--version" in arguments and {*arguments} <= {"--version", "--json"}:
        return without_commands().cli
    found = with_command(arguments[0]) if arguments else None
    return found.cli if found else all_commands()


def _join(package: EntryPoint, together: Joined) -> None:
    """Add what another package brings; what cannot be added is left out, and standard error says whose it is."""
    owner = package.dist.name if package.dist else "an unknown package"
    try:
        together.join(package.load(), owner)
    except CannotJoin as error:
        why = str(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is another's code, and may cost no other command
        why = f"it cannot be loaded: {type(error).__name__}: {shortened(str(error))}"
    else:
        return
    console.tell(
        f"The commands of {owner} ({ENTRY_POINTS}: {package.name} = {package.value}) are left out: {why}. All other "
        f"commands work. Mend or uninstall {owner}."
    )


def app(arguments: list[str] | None = None) -> None:
    """Run the command line; print a ``SluiceError`` on standard error without its traceback, with --json as JSON.

    So is an ``OSError``: a file or folder, named by the user or on the way there, that cannot be used as it must be.
    The status is 0 when all is well, 1 when something was found or failed, also on the way to a file, and 2 when the
    command was used wrongly: an unknown option, or a name of nothing that is deployed or declared. With --json what
    failed or was used wrongly is one object on standard error, and nothing else is there.
    """
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    console.be_silent(as_json)
    _end_in_order()
    local_access.adopt()
    try:
        # With --json what is used wrongly is raised here, instead of being shown in a box.
        ended = _commands_for(given)(given, standalone_mode=not as_json)
        sys.exit(ended if isinstance(ended, int) else 0)
    except SluiceError as error:
        _end(error, as_json)
    except _UsedWrongly as error:
        _end(_usage(error), as_json)
    except OSError as error:
        what = (
            "the path, who may use it, and the room on its disk" if error.filename else "what it names, and try again"
        )
        safe = "what was done before stays as it is."
        _end(CommandError(str(error), safe=safe, next_step=f"check {what}.", file=error.filename or None), as_json)
    except Exception as error:
        if _denied(error):
            _end(
                CommandError(
                    f"AWS: {error}",
                    safe="what was done before stays as it is.",
                    next_step="take a role that may do this: docs/how-to/people.md says which role does what.",
                    value=getattr(error, "operation_name", None),
                ),
                as_json,
            )
        if not _answered_by_another(error):
            raise
        at = os.environ.get("AWS_ENDPOINT_URL", "the endpoint")
        _end(
            Unreachable(
                f"What answers at {at} is no AWS: {shortened(str(error).splitlines()[0], 120)}",
                safe="what was done before stays as it is.",
                next_step="`sluice up` prints the export lines of a local AWS; run them, or mend AWS_ENDPOINT_URL.",
                value=at,
            ),
            as_json,
        )


def _answered_by_another(error: Exception) -> bool:
    """Return whether the SDK could not read an answer, as of a web server: no ``BotoCoreError``, unlike its others."""
    parsers = sys.modules.get("botocore.parsers")  # not imported here: most commands that fail ask no AWS
    return parsers is not None and isinstance(error, parsers.ResponseParserError)


def _denied(error: Exception) -> bool:
    """Return whether AWS says that the caller may not do what the command asked of it."""
    exceptions = sys.modules.get("botocore.exceptions")  # not imported here, as above
    if exceptions is None or not isinstance(error, exceptions.ClientError):
        return False
    # S3 answers a HEAD without a text: its status is the code.
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code == "403" or code.startswith("AccessDenied")


def _end_in_order() -> None:
    """Let a signal that ends the process, or a closed terminal, remove temporary folders, as Ctrl+C does."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, lambda received, _: sys.exit(128 + received))


#: What typer raises for a command that was used wrongly.
_UsedWrongly = cast(type[Exception], typer.BadParameter.__mro__[1])


def _usage(error: Exception) -> WrongArgument:
    """Return what typer says of an argument as an error of the project's own."""
    said: str = cast(Any, error).format_message()
    at = getattr(error, "ctx", None)
    command = at.command_path if at is not None else "sluice"
    return WrongArgument(said, next_step=f"`{command} --help` shows what it takes.", value=said)


def _end(error: SluiceError, as_json: bool) -> NoReturn:
    sys.stderr.write(f"{json.dumps(error.as_data()) if as_json else harmless(str(error))}\n")
    sys.exit(2 if isinstance(error, WrongArgument) else 1)
