"""The terminal on which tables are printed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def console() -> Console:
    """Return the console; rich is imported here and not earlier, since that takes long."""
    from rich.console import Console

    return Console()
