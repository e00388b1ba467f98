"""How many cases a law is tried on, and by what chance: a share whenever tests run, all of them in ``make proof``."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest

#: Set by ``make proof``.
ALL = os.environ.get("SLUICE_LAWS") == "all"
_SHARE, _FEWEST = 10, 20


def cases(most: int) -> int:
    """Return ``most`` in ``make proof``; otherwise a tenth of it, but twenty where there are so many."""
    return most if ALL else min(most, max(_FEWEST, most // _SHARE))


def fresh_seed() -> int:
    """Return what cases are drawn from: another number each time in ``make proof``, the same one otherwise.

    A change is red because of what it changed, never by chance; ``SLUICE_SEED`` says which seed is meant.
    """
    given = os.environ.get("SLUICE_SEED")
    return int(given) if given else random.SystemRandom().randrange(10**6) if ALL else 1


def some(values: Iterable[Any], every: int) -> list[Any]:
    """Return parameters of which the first of each ``every`` runs whenever tests run; the others are proofs."""
    return [
        pytest.param(value, marks=[pytest.mark.proof] if place % every else []) for place, value in enumerate(values)
    ]


def is_law(item: pytest.Item) -> bool:
    """Whether Hypothesis finds the cases of a test: what is marked ``law``, by tests/conftest.py."""
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
