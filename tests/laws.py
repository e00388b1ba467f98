"""How many cases a law is tried on: a share whenever tests run, all of them in ``make proof``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import pytest

#: Set by ``make proof``.
ALL = os.environ.get("SLUICE_LAWS") == "all"
_SHARE, _FEWEST = 10, 20


def cases(most: int) -> int:
    """Return ``most`` in ``make proof``; otherwise a tenth of it, but twenty where there are so many."""
    return most if ALL else min(most, max(_FEWEST, most // _SHARE))


def some(values: Iterable[Any], every: int) -> list[Any]:
    """Return parameters of which the first of each ``every`` runs whenever tests run; the others are proofs."""
    return [
        pytest.param(value, marks=[pytest.mark.proof] if place % every else []) for place, value in enumerate(values)
    ]


def is_law(item: pytest.Item) -> bool:
    """Whether Hypothesis finds the cases of a test: what is marked ``law``, by tests/conftest.py."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
