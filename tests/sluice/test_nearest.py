"""What was probably meant is found whatever its case, and nothing is where nothing is near."""

from __future__ import annotations

import pytest

from sluice.nearest import did_you_mean, nearest, nearest_first

TABLES = ["gold.daily_sales", "gold.others", "silver.orders", "bronze.orders"]


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("gold.daily_sale", "gold.daily_sales"),
        ("gold.Daily-Sales", "gold.daily_sales"),
        ("GOLD.DAILY_SALES", "gold.daily_sales"),
        ("gold.nothing", ""),
        ("sliver.orders", "silver.orders"),
        ("x", ""),
        ("", ""),
        (None, ""),
        (3, ""),
    ],
)
def test_the_nearest_name_is_found(given: object, near: str) -> None:
    assert nearest(given, TABLES) == near
    assert did_you_mean(given, TABLES) == (f" did you mean {near!r}?" if near else "")
    first = nearest_first(given, TABLES)
    assert sorted(first) == sorted(TABLES)
    assert not near or first[0] == near


def test_of_no_names_none_is_near() -> None:
    assert nearest("a", []) == ""
    assert nearest_first("a", []) == []
