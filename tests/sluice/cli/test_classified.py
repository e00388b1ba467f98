"""A column that is made of classified ones is classified like the strictest of them."""

from __future__ import annotations

from itertools import combinations

import pytest

from sluice.cli.deriving import _contract_text
from sluice.contracts import Column, DerivedContract, parse_type
from sluice.contracts.model import CLASSIFICATIONS, PRIVATE
from sluice.contracts.strict_yaml import load_yaml
from sluice.transforms.written import function_of


@pytest.mark.parametrize("classes", [(one,) for one in CLASSIFICATIONS] + list(combinations(CLASSIFICATIONS, 2)))
@pytest.mark.parametrize("turned", [False, True])
def test_a_column_of_several_classes_gets_the_strictest(classes: tuple[str, ...], turned: bool) -> None:
    there = classes[::-1] if turned else classes
    columns = tuple(
        Column(f"c{place}", parse_type("string"), classification=given) for place, given in enumerate((*there, None))
    )
    known = {"silver.t": DerivedContract(name="t", database="silver", columns=columns)}
    written = function_of("gold.made", f"SELECT concat({', '.join(c.name for c in columns)}) AS x FROM silver.t", known)
    text = _contract_text("shop", "gold.made", {"x": "string"}, written, known)
    (column,) = load_yaml(text)[1]["schema"][0]["properties"]
    assert column["classification"] == classes[0]


def test_what_no_event_shows_is_stricter_than_what_one_may_show() -> None:
    assert CLASSIFICATIONS[: len(PRIVATE)] == PRIVATE
    assert {"internal", "public"} == set(CLASSIFICATIONS[len(PRIVATE) :])
    assert CLASSIFICATIONS[-1] == "public"
