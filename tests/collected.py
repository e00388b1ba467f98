"""What pytest collected, before any of it is taken away: a test need not collect all tests again to know."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.laws import is_law


class Collected(NamedTuple):
    """The files of all tests, and the test functions (node ids without parameters) that are proofs or laws."""

    files: frozenset[Path]
    proofs_and_laws: frozenset[str]


#: Set by the plugin below, which tests/conftest.py registers.
COLLECTED = pytest.StashKey[Collected]()


class Collecting:
    """Keeps what was collected."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        config.stash[COLLECTED] = Collected(
            frozenset(item.path for item in items),
            frozenset(
                item.nodeid.partition("[")[0] for item in items if item.get_closest_marker("proof") or is_law(item)
            ),
        )
