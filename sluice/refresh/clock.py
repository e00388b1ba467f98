"""How long each step of a run took, on either engine. Needs nothing but Python."""

from __future__ import annotations

import time


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
