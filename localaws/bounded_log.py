"""A log of bounded size for messages that any client can cause: it counts what it leaves out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable


class BoundedLog:
    """Writes at most ``lines`` warnings in ``seconds``; the first one after that says how many were left out."""

    def __init__(
        self, log: logging.Logger, *, lines: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._lines, self._seconds, self._clock = log, lines, seconds, clock
        self._lock = threading.Lock()
        self._began, self._written, self._left_out = clock(), 0, 0

    def warn(self, text: str, *values: object) -> None:
        """Write a warning, or only count it when the limit is reached."""
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
