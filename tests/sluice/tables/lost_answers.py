"""Commits that take place and are told as failed, as a call is whose answer was lost and that is repeated then."""

from __future__ import annotations

from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from sluice.tables.catalog import looked_for


class LocalCatalog(SqlCatalog):
    """A catalog on this machine's disk that looks after a failed commit, as the lake's own does."""

    def commit_table(self, table: Any, requirements: Any, updates: Any) -> Any:
        """Commit to a table."""
        return looked_for(self, lambda: SqlCatalog.commit_table(self, table, requirements, updates), table, updates)


def lose_answers(patch: pytest.MonkeyPatch, *, count: int = 1) -> list[str]:
    """Have the next ``count`` commits take place and fail; return a list that names each one's table once it did."""
    real, lost = SqlCatalog.commit_table, list[str]()

    def commit_table(catalog: SqlCatalog, table: Any, *given: Any) -> Any:
        done = real(catalog, table, *given)
        if len(lost) < count:
            lost.append(".".join(table.name()))
            raise CommitFailedException(f"Table has been updated by another process: {lost[-1]}")
        return done

    patch.setattr(SqlCatalog, "commit_table", commit_table)
    return lost
