"""Makes values once per process, even when several threads ask for a value at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Once(Generic[P, R]):
    """A function that is called once per set of arguments; other threads wait meanwhile for the result."""

    def __init__(self, make: Callable[P, R]) -> None:
        self._kept: Any = functools.cache(make)
        self._making = threading.RLock()
        functools.update_wrapper(self, make)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the value, made now or earlier."""
        with self._making:
            made: R = self._kept(*args, **kwargs)
            return made

    def cache_clear(self) -> None:
        """Forget all values, so that the next call makes them anew."""
        with self._making:
            self._kept.cache_clear()


def once(make: Callable[P, R]) -> Once[P, R]:
    """Return ``make`` as a function that is called once per set of arguments, by one thread.

    ``functools.cache`` lets two threads call it at the same time, which is not safe for boto3's default session:
    https://github.com/boto/boto3/issues/1592.
    """
    return Once(make)
