"""Event patterns: what EventBridge refuses is refused, and what it matches matches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.events.patterns import InvalidPattern, Pattern
from tests.laws import cases

EVENT = {
    "source": "shop",
    "detail": {
        "name": "Café-one.CSV", "size": 5, "ratio": 1.0, "flag": True, "nothing": None, "ip": "10.0.0.7",
        "tags": ["red", "blue"], "none": [], "lines": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}],
        "nested": {"deep": {"x": "y"}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("detail", "matches"),
    [
        ({"name": ["Café-one.CSV"]}, True),
        ({"name": ["other", {"prefix": "Caf"}]}, True),
        ({"name": [{"prefix": {"equals-ignore-case": "CAFÉ"}}]}, True),
        ({"name": [{"suffix": ".csv"}]}, False),
        ({"name": [{"suffix": {"equals-ignore-case": ".csv"}}]}, True),
        ({"name": [{"equals-ignore-case": "café-ONE.csv"}]}, True),
        ({"name": [{"wildcard": "Caf*one.*"}]}, True),
        ({"name": [{"wildcard": "*.csv"}]}, False),
        ({"name": [{"anything-but": "x"}]}, True),
        ({"name": [{"anything-but": ["x", "Café-one.CSV"]}]}, False),
        ({"name": [{"anything-but": {"prefix": "Caf"}}]}, False),
        ({"name": [{"anything-but": {"suffix": [".txt", ".CSV"]}}]}, False),
        ({"name": [{"anything-but": {"wildcard": "*.txt"}}]}, True),
        ({"missing": [{"anything-but": "x"}]}, False),
        ({"size": [5]}, True),
        ({"size": [5.0]}, True),
        ({"size": ["5"]}, False),
        ({"ratio": [1]}, True),
        ({"flag": [True]}, True),
        ({"flag": [1]}, False),
        ({"ratio": [True]}, False),
        ({"nothing": [None]}, True),
        ({"missing": [None]}, False),
        ({"size": [{"numeric": [">", 4, "<=", 5]}]}, True),
        ({"size": [{"numeric": ["<", 5]}]}, False),
        ({"name": [{"numeric": [">", 0]}]}, False),
        ({"flag": [{"numeric": ["=", 1]}]}, False),
        ({"ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"name": [{"cidr": "10.0.0.0/24"}]}, False),
        ({"tags": ["blue"]}, True),
        ({"tags": [{"anything-but": "red"}]}, True),
        ({"none": ["x"]}, False),
        ({"name": [{"exists": True}]}, True),
        ({"missing": [{"exists": False}]}, True),
        ({"missing": [{"exists": True}]}, False),
        ({"nested": {"deep": {"x": ["y"]}}}, True),
        ({"nested": {"deep": {"z": [{"exists": False}]}}}, True),
        ({"absent": {"deep": {"z": [{"exists": False}]}}}, True),
        ({"nested": [{"exists": True}]}, False),
        ({"lines": {"sku": ["B"]}}, True),
        ({"lines": {"sku": ["C"]}}, False),
        ({"lines": {"n": [{"numeric": [">", 1]}]}}, True),
        ({"$or": [{"size": [9]}, {"flag": [True]}]}, True),
        ({"size": [5], "$or": [{"size": [9]}, {"flag": [False]}]}, False),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_matching(detail: dict[str, Any], matches: bool) -> None:
    assert Pattern(json.dumps({"detail": detail})).matches(EVENT) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "", "{", "[]", "null", "1", '"x"', "{}", '{"a":1}', '{"a":"x"}', '{"a":[]}', '{"a":{}}', '{"a":[[1]]}',
        '{"a":[{}]}', '{"a":[{"prefix":5}]}', '{"a":[{"prefix":""}]}', '{"a":[{"prefix":null}]}',
        '{"a":[{"prefix":"x","suffix":"y"}]}', '{"a":[{"prefix":{"suffix":"x"}}]}', '{"a":[{"suffix":[1]}]}',
        '{"a":[{"nonsense":1}]}', '{"a":[{"numeric":[">"]}]}', '{"a":[{"numeric":["~",1]}]}', '{"a":[{"numeric":[]}]}',
        '{"a":[{"numeric":[">","1"]}]}', '{"a":[{"numeric":[">",5,"<",1]}]}', '{"a":[{"numeric":["<",5,">",1]}]}',
        '{"a":[{"numeric":["=",6000000000]}]}', '{"a":[{"numeric":["=",true]}]}', '{"a":[{"exists":"true"}]}',
        '{"a":[{"exists":1}]}', '{"a":[{"cidr":"10.0.0.0/99"}]}', '{"a":[{"cidr":5}]}', '{"a":[{"wildcard":"**"}]}',
        '{"a":[{"wildcard":"a\\\\b"}]}', '{"a":[{"wildcard":5}]}', '{"a":[{"anything-but":[]}]}',
        '{"a":[{"anything-but":[1,"x"]}]}', '{"a":[{"anything-but":{"numeric":[">",1]}}]}',
        '{"a":[{"anything-but":null}]}',
        '{"a":[{"anything-but":{"prefix":5}}]}', '{"a":[{"equals-ignore-case":5}]}', '{"a":["x"],"a":["y"]}',
        '{"$or":[]}',
    ],
)  # fmt: skip
def test_what_eventbridge_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        Pattern(pattern)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["a", "b", "prefix", "suffix", "numeric", "exists", "cidr", "wildcard", "anything-but", "$or",
                         "equals-ignore-case"]), inner, max_size=2),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=cases(300))
@given(JSON, JSON)
def test_any_pattern_is_refused_or_can_be_evaluated_on_any_event(pattern: Any, event: Any) -> None:
    try:
        parsed = Pattern(json.dumps(pattern))
    except InvalidPattern:
        return
    assert parsed.matches(event) in (True, False)
