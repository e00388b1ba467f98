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
    from rich.console import Console

    return Console()


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

    return show if sys.stderr.isatty() else lambda line: None
