"""Calls functions at a later time, all from one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from localaws.context import Context

log = logging.getLogger("localaws.events")


class Timers:
    """Callbacks ordered by their due time; the callbacks must be short."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        threading.Thread(target=self._run, daemon=True, name="timers").start()
        ctx.on_close(self._wake)

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call ``callback`` in ``seconds`` from now, in the timers' own thread."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), callback))
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while not self._ctx.stopping.is_set():
            with self._changed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                callback = heapq.heappop(self._due)[2]
            try:
                callback()
            except Exception:
                log.exception("a delayed delivery failed")
