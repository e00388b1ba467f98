"""The terminal on which tables are printed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def console() -> Console:
    """Return the console; rich is imported here and not earlier, since that takes long."""
    from sluice.cli.fitted import HarmlessConsole

    return HarmlessConsole()


#: Whether standard error is for one JSON object alone, as with --json.
_state = {"silent": False}


def be_silent(silent: bool) -> None:
    """Let ``tell``, ``progress`` and ``errors`` say nothing from now on, or say it again."""
    _state["silent"] = silent


def tell(line: str) -> None:
    """Say on standard error what is done, for people: nothing with --json."""
    if not _state["silent"]:
        sys.stderr.write(f"{line}\n")


def errors() -> Console:
    """Return the console of standard error, for progress: it prints nothing with --json."""
    from rich.console import Console

    return Console(stderr=True, quiet=_state["silent"])


def progress() -> Callable[[str], None]:
    """Return what shows how far something is: one line of standard error that changes; nothing where it is a file."""

    shown = ""

    def show(line: str) -> None:
        nonlocal shown
        if line == shown:
            return
        shown = line
        # To the line's begin, the text, and the rest of the line emptied: ECMA-48's EL.
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()

    return show if sys.stderr.isatty() and not _state["silent"] else lambda line: None
