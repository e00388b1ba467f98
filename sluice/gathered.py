"""Gathers errors while work goes on with what they do not concern, so that all of them are reported at once."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, TypeVar

from sluice.errors import SluiceError

_Read = TypeVar("_Read")
_Refused = TypeVar("_Refused")


class Concerned(Exception):
    """What is asked depends on what was refused already: nothing can be said of it."""


class Gathered:
    """The errors that were found so far: those of a ``with`` statement, which ends at the first while all else goes on.

    What is ``Concerned`` by an earlier error ends it, too, and adds none.
    """

    def __init__(self) -> None:
        self.errors: list[SluiceError] = []

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        """Keep the error, if it is one of Sluice's."""
        if isinstance(error, SluiceError):
            self.errors += error.together
        return isinstance(error, SluiceError | Concerned)

    def tried(self, read: Callable[[], _Read], refused: _Refused) -> _Read | _Refused:
        """Return what ``read`` returns, or ``refused`` when it raises, after keeping the error."""
        with self:
            return read()
        return refused

    def in_order(self) -> list[SluiceError]:
        """Return every error once: those of one file by their lines, files as they came."""
        files = list(dict.fromkeys(each.file for each in self.errors))
        once = {(each.what, each.file, each.position): each for each in self.errors}
        return sorted(once.values(), key=lambda each: (files.index(each.file), each.position or 0))

    def refuse(self) -> None:
        """Raise the first error with all others beside it; nothing when there are none."""
        if self.errors:
            self._raise()

    def _raise(self) -> NoReturn:
        first, *others = self.in_order()
        # Errors that others were found with before are told once, beside the first of all.
        for each in others:
            each.also = ()
        first.also = tuple(others)
        raise first
