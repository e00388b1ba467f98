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

#: Time travel reaches this far back; expiring costs a commit, so it is done for so many snapshots at once.
KEEP_SECONDS, WORTH_EXPIRING = 5 * 86_400, 50
#: Bytes of a data file at least and at most, and how many files a table has in between.
_LEAST_FILE, _MOST_FILE, _FILES = 1 << 20, 128 << 20, 64


def file_size(table_bytes: int) -> int:
    """Return how large a table's data files shall be, bytes.

    A change rewrites the files that it touches, so even a small table has several; readers of large ones want few.
    """
    return min(max(table_bytes // _FILES, _LEAST_FILE), _MOST_FILE)


#: Characters at most of what a check found or an engine said: it goes into the ledger and to whoever asks for it.
MOST_SAID = 300


def shortened(text: str, most: int = MOST_SAID) -> str:
    """Return ``text``, cut to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


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
