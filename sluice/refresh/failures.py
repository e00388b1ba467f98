"""A failed check of a contract, the same for both engines. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sluice.shortened import shortened

#: How many values a failure names.
EXAMPLES = 3


@dataclass(frozen=True)
class Failure:
    """A check that does not hold: the number of rows that break it or the measured value, and example values."""

    check: str
    found: str
    examples: tuple[str, ...]
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        shown = f"; for example {', '.join(map(shortened, self.examples))}" if self.examples else ""
        return f"{shortened(self.check)}: {shortened(self.found)}{shown}"
