"""How many cases a law is tried on: a share whenever tests run, all of them in ``make proof``."""

from __future__ import annotations

import os

import pytest

#: Set by ``make proof``.
ALL = os.environ.get("SLUICE_LAWS") == "all"
_SHARE, _FEWEST = 10, 20


def cases(most: int) -> int:
    """Return ``most`` in ``make proof``; otherwise a tenth of it, but twenty where there are so many."""
    return most if ALL else min(most, max(_FEWEST, most // _SHARE))


def is_law(item: pytest.Item) -> bool:
    """Whether Hypothesis finds the cases of a test: what is marked ``law``, by tests/conftest.py."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
