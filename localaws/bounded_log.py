"""A log that strangers write to by what they ask: so many lines in a time, and then how many were left out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable


class BoundedLog:
    """Warns at most ``lines`` times in ``seconds``; the first line after that says how many there were more."""

    def __init__(
        self, log: logging.Logger, *, lines: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._lines, self._seconds, self._clock = log, lines, seconds, clock
        self._lock = threading.Lock()
        self._began, self._written, self._left_out = clock(), 0, 0

    def warn(self, text: str, *values: object) -> None:
        """Write a warning, or count it."""
        with self._lock:
            if self._clock() - self._began >= self._seconds:
                left_out, self._left_out = self._left_out, 0
                self._began, self._written = self._clock(), 0
            else:
                left_out = 0
            self._written += 1
            if self._written > self._lines:
                self._left_out += 1
                return
        if left_out:
            self._log.warning("%s more like these were not written", left_out)
        self._log.warning(text, *values)
