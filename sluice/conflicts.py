"""One way to try a commit again while other writers are faster. The Glue job imports it: standard library only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypedDict, TypeVar

from sluice.errors import CommitConflict, CommitUncertain

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Retries(TypedDict):
    """How often a commit is attempted, and what is safe and comes next when it loses each time."""

    attempts: int
    safe: str
    next_step: str


def until_committed(attempt: Callable[[], _T], table: str, *, attempts: int, safe: str, next_step: str) -> _T:
    """Return what ``attempt`` returns; when its commit fails it is called again, ``attempts`` times in all.

    Each attempt must read the table anew, and leave nothing behind when it loses; of a commit that may still take place
    (``CommitUncertain``) it deletes nothing. Raise ``CommitConflict`` when other writers were faster each time.
    """
    for left in reversed(range(attempts)):
        try:
            return attempt()
        except (CommitConflict, CommitUncertain) as conflict:
            log.info("%s", conflict)
            if not left and isinstance(conflict, CommitUncertain):
                raise
            if not left:
                raise CommitConflict(
                    f"{table}: other writers committed first {attempts} times in a row; the last time: {conflict.what}",
                    safe=safe,
                    next_step=next_step,
                    dataset=conflict.dataset or table,
                ) from conflict
    raise ValueError(f"{attempts} attempts are none")
