"""``@transform`` gives one declaration: frozen, and called with DataFrames the very function that it declares."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from sluice.transforms import Input, Transform, source, transform, unique


def joined(orders: Any, rates: Any) -> Any:
    """Stands for a transform: gives back what it was given."""
    return orders, rates


DECLARED = transform(
    write="merge",
    recompute_key="day",
    engine="spark",
    accept={"clock": "why"},
    orders=unique("bronze.orders", newest="updated_at", on="day"),
    rates="bronze.rates",
)(joined)


def test_a_declaration_called_is_the_function() -> None:
    assert DECLARED.function is joined
    for given in (DECLARED("o", "r"), DECLARED(orders="o", rates="r"), DECLARED("o", rates="r")):  # type: ignore[arg-type]
        assert given == ("o", "r")


def test_a_declaration_says_all_that_was_declared() -> None:
    assert (
        Transform(
            function=joined,
            sources={
                "orders": Input("bronze.orders", "updated_at", on=("day",)),
                "rates": Input("bronze.rates"),
            },
            write="merge",
            recompute_key=("day",),
            engine="spark",
            accept={"clock": "why"},
        )
        == DECLARED
    )
    assert DECLARED.inputs == {"orders": "bronze.orders", "rates": "bronze.rates"}


def test_a_declaration_is_not_changed_by_another_of_the_same_function() -> None:
    again = transform(write="append", orders=source("silver.orders"), rates="bronze.rates")(joined)
    assert (DECLARED.write, DECLARED.sources["orders"].table) == ("merge", "bronze.orders")
    assert (again.write, again.recompute_key, again.engine, again.accept) == ("append", (), "any", {})
    assert not vars(joined), "nothing hangs on the function"


@pytest.mark.parametrize("name", [each.name for each in fields(Transform)])
def test_a_declaration_is_frozen(name: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(DECLARED, name, None)
