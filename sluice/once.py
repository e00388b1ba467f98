"""Values that are made once per process, also when several threads ask for one first at the same time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Once(Generic[P, R]):
    """A function that is called once for each of its arguments; who asks meanwhile waits for the answer."""

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
        """Forget all; what is asked for next is made anew."""
        with self._making:
            self._kept.cache_clear()


def once(make: Callable[P, R]) -> Once[P, R]:
    """Make a function's value once. ``functools.cache`` lets two threads make it twice.

    boto3 makes its default session so, which is not safe: https://github.com/boto/boto3/issues/1592.
    """
    return Once(make)
