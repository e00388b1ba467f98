"""Measures the steps of a run, on either engine. Imports the standard library only, as Spark's job requires."""

from __future__ import annotations

import time


class Clock:
    """Measures how many seconds each step of a run takes; ``laps`` holds them by the step's name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Record the time since the previous step as that of the step ``name``."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self._last = now
