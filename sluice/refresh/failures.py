"""A check of a contract that does not hold, as both engines say it. Needs nothing but Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sluice.shortened import shortened

#: How many values a failure names.
EXAMPLES = 3


@dataclass(frozen=True)
class Failure:
    """A check that does not hold: how many rows break it (or what was measured), with examples."""

    check: str
    found: str
    examples: tuple[str, ...]
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        shown = f"; for example {', '.join(map(shortened, self.examples))}" if self.examples else ""
        return f"{shortened(self.check)}: {shortened(self.found)}{shown}"
