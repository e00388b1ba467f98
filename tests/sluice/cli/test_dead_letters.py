from __future__ import annotations

from typing import Any

import pytest

from sluice.cli.dead_letters import _still_tried
from sluice.ledger import Delivery

FILE = "s3://landing/orders/a.csv"


class Known:
    """A ledger that knows these."""

    def __init__(self, *entries: Delivery) -> None:
        self.entries = entries

    def deliveries(self, name: str) -> list[Delivery]:
        return [entry for entry in self.entries if entry.dataset == name]


def entry(status: Any, at: float, dataset: str = "orders") -> Delivery:
    return Delivery(dataset, f"d{at}", status, FILE, at=at)


@pytest.mark.parametrize(
    ("entries", "tried"),
    [
        ((), False),
        ((entry("failing", 1),), True),
        ((entry("failing", 1, "(unknown)"),), True),
        ((entry("failing", 1), entry("committed", 2)), False),
        ((entry("committed", 1), entry("failing", 2)), True),
    ],
)
def test_a_file_that_fails_and_has_no_dead_letter_is_still_tried(entries: tuple[Delivery, ...], tried: bool) -> None:
    assert _still_tried(Known(*entries), FILE) is tried  # type: ignore[arg-type]
