"""What pytest collected, before any of it is taken away: a test need not collect all tests again to know."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest


class Collected(NamedTuple):
    """The files of all tests, and the test functions (node ids without parameters) that are proofs or laws."""

    files: frozenset[Path]
    proofs_and_laws: frozenset[str]


#: Set by tests/conftest.py.
COLLECTED = pytest.StashKey[Collected]()


def is_proof_or_law(item: pytest.Item) -> bool:
    """Whether `make proof` selects it, by the marks that it has."""
    return any(item.get_closest_marker(mark) for mark in ("proof", "law"))
