"""Waits for what comes about by itself, and says what did not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(find: Callable[[], Found], what: str, seconds: float = 90.0) -> Found:
    """Return what ``find`` finds as soon as it is true; fails after ``seconds``, naming ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return found
