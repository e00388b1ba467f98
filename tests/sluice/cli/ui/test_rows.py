"""Numbers on the page are told as people tell them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.cli.ui.rows import percent


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 1, "0 %"), (1, 10**12, "under 0.01 %"), (99, 10**6, "under 0.01 %"), (1, 10**4, "0.01 %"),
        (4, 10**3, "0.4 %"), (1, 100, "1 %"), (123, 10**4, "1.2 %"), (1, 10, "10 %"), (1, 2, "50 %"),
        (995, 1000, "99.5 %"), (9_999, 10**4, "99.99 %"), (10**6 - 1, 10**6, "over 99.99 %"), (7, 7, "100 %"),
    ],
)  # fmt: skip
def test_a_share_is_told_in_percent(part: int, whole: int, told: str) -> None:
    assert percent(part, whole) == told


@given(st.integers(1, 10**13).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_from_nothing_to_all_a_share_is_a_plain_number_near_what_it_is(given: tuple[int, int]) -> None:
    part, whole = given
    told = percent(part, whole)
    (number,) = re.fullmatch(r"(?:under |over )?(\d{1,3}(?:\.\d{1,2})?) %", told).groups()  # type: ignore[union-attr]
    assert abs(float(number) - 100 * part / whole) <= 0.0501
    assert (told == "0 %") is (part == 0)
    assert (told == "100 %") is (part == whole)
