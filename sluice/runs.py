"""What both engines say of a run: a check that failed, how long each step took. Needs nothing but Python."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

#: How many values a failure names.
EXAMPLES = 3
#: The standard's operators in SQL, but for those of intervals.
COMPARISONS = {
    "mustBe": "=",
    "mustNotBe": "<>",
    "mustBeGreaterThan": ">",
    "mustBeGreaterOrEqualTo": ">=",
    "mustBeLessThan": "<",
    "mustBeLessOrEqualTo": "<=",
}


@dataclass(frozen=True)
class Failure:
    """A check that does not hold: how many rows break it (or what was measured), with examples."""

    check: str
    found: str
    examples: tuple[str, ...]
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        shown = f"; for example {', '.join(self.examples)}" if self.examples else ""
        return f"{self.check}: {self.found}{shown}"


class Clock:
    """Measures the steps of a run, in seconds."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the step ``name``."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self._last = now
