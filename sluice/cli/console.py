"""Where tables are printed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


@functools.cache
def console() -> Console:
    """Return the terminal; made when the first table is printed, since rich takes long to import."""
    from rich.console import Console

    return Console()
