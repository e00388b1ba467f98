"""One thing is named in the singular, any other number of them in the plural."""

from __future__ import annotations

from sluice.counted import counted


def test_one_is_singular_and_others_are_plural() -> None:
    assert [counted(number, "row") for number in (0, 1, 2, 1_000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [counted(number, "batch", "batches") for number in (1, 2)] == ["1 batch", "2 batches"]
