"""The route that a request takes is one that matches it, and the most specific of those, whatever there is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws import execute_api
from localaws.apigateway import routes

_PARTS = st.sampled_from(["a", "b", "{x}"])
_PATHS = st.builds(
    lambda parts, greedy: "/" + "/".join([*parts, *(["{rest+}"] if greedy else [])]),
    st.lists(_PARTS, max_size=3),
    st.booleans(),
)
_KEYS = st.one_of(
    st.just("$default"), st.builds(lambda verb, path: f"{verb} {path}", st.sampled_from(["GET", "PUT", "ANY"]), _PATHS)
)


def pattern(path: str) -> str:
    """The path of a key as an expression, written apart from what is tested."""
    return re.sub(r"\{\w+\+\}", "(.+)", re.sub(r"\{\w+\}", "([^/]+)", path))


def matches(key: str, method: str, path: str) -> bool:
    verb, _, template = key.partition(" ")
    return key == "$default" or (verb in (method, "ANY") and re.fullmatch(pattern(template), path) is not None)


def specific(key: str) -> tuple[bool, str, bool]:
    """Sorts keys that match one request: fixed parts before variables before a greedy one, then the method."""
    verb, _, template = key.partition(" ")
    kinds = [2 if part.endswith("+}") else 1 if part.startswith("{") else 0 for part in template.split("/")]
    return key == "$default", "".join(map(str, kinds)), verb == "ANY"


@given(
    st.lists(_KEYS, max_size=8, unique=True),
    st.sampled_from(["GET", "PUT", "POST"]),
    st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=4).map(lambda parts: "/" + "/".join(parts)),
)
def test_the_most_specific_key_that_matches_is_taken(keys: list[str], method: str, path: str) -> None:
    found = routes.find([(key, key) for key in keys], method, path)
    fitting = sorted((key for key in keys if matches(key, method, path)), key=specific)
    if found is None:
        assert fitting == []
        return
    key, route, values = found
    assert key == route
    assert specific(key) == specific(fitting[0])
    template = key.partition(" ")[2]
    for name, value in values.items():
        template = template.replace(f"{{{name}+}}", value, 1).replace(f"{{{name}}}", value, 1)
    if key != "$default" and key.count("{x}") < 2:
        assert template == path


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("https://abc1.execute-api.us-east-1.amazonaws.com/prod/", "http://127.0.0.1:1/_aws/execute-api/abc1/prod/"),
        ("see https://abc1.execute-api.us-east-1.amazonaws.com", "see http://127.0.0.1:1/_aws/execute-api/abc1"),
        ("https://other.execute-api.us-east-1.amazonaws.com/", "https://other.execute-api.us-east-1.amazonaws.com/"),
        ("https://abc1.execute-api.eu-west-1.amazonaws.com/", "https://abc1.execute-api.eu-west-1.amazonaws.com/"),
        ("arn:aws:execute-api:us-east-1:1:abc1/*/GET/", "arn:aws:execute-api:us-east-1:1:abc1/*/GET/"),
        ("wss://abc1.execute-api.us-east-1.amazonaws.com", "wss://abc1.execute-api.us-east-1.amazonaws.com"),
    ],
)
def test_the_address_of_an_api_that_is_here_leads_here_and_no_other(text: str, here: str) -> None:
    found = execute_api.reached_here(text, "http://127.0.0.1:1", "us-east-1", lambda name: name == "abc1")
    assert found == here
