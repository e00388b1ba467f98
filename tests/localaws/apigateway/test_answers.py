"""What a function returns is looked at before anything of it is sent: it is sent whole, or it is malformed."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.apigateway import invoking
from localaws.apigateway.answers import Malformed, answer, read
from localaws.iam import enforcement

VERSIONS = st.sampled_from(["1.0", "2.0"])
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ANYTHING = st.recursive(LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
HEADERS = st.dictionaries(
    st.sampled_from(["Transfer-Encoding", "content-length", "Connection", "X-A", "x b", "a:", ""]) | st.text(), ANYTHING
)
RETURNED = st.fixed_dictionaries(
    {"statusCode": st.integers(0, 700) | ANYTHING},
    optional={
        "headers": HEADERS | ANYTHING,
        "multiValueHeaders": st.dictionaries(st.text(), st.lists(ANYTHING) | ANYTHING) | ANYTHING,
        "cookies": st.lists(ANYTHING) | ANYTHING,
        "body": ANYTHING,
        "isBase64Encoded": ANYTHING,
    },
)


@given(version=VERSIONS, returned=RETURNED | ANYTHING)
def test_whatever_is_returned_is_malformed_or_an_answer_that_http_can_carry(version: str, returned: Any) -> None:
    try:
        made = answer(version, read(json.dumps(returned).encode()))
    except Malformed:
        return
    assert 200 <= made.status <= 599
    for name, value in made.headers:
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value.encode("latin-1").decode("latin-1"))
        assert name.lower() not in {"transfer-encoding", "content-length", "connection"}


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "returned",
    [
        {"statusCode": 100},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": 200.7},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": "a"},
        {"statusCode": 200, "headers": {"X": None}},
        {"statusCode": 200, "headers": {"X": {}}},
        {"statusCode": 200, "headers": {"X": "€"}},
        {"statusCode": 200, "headers": {"X": "a\nb"}},
        {"statusCode": 200, "headers": {"X: y": "1"}},
        {"statusCode": 200, "headers": {" X": "1"}},
        {"statusCode": 200, "headers": {"": "1"}},
        {"statusCode": 200, "body": "\ud800"},
        {"statusCode": 200, "body": "aGk=", "isBase64Encoded": "false"},
    ],
)
def test_what_http_cannot_carry_is_malformed(version: str, returned: Any) -> None:
    with pytest.raises(Malformed):
        answer(version, read(json.dumps(returned).encode()))


@pytest.mark.parametrize(
    ("version", "returned"),
    [
        ("2.0", {"statusCode": 200, "cookies": 5}),
        ("2.0", {"statusCode": 200, "cookies": "a=1"}),
        ("2.0", {"statusCode": 200, "cookies": [None]}),
        ("1.0", {"statusCode": 200, "multiValueHeaders": {"A": 1}}),
        ("1.0", {"statusCode": 200, "multiValueHeaders": {"A": "xyz"}}),
        ("1.0", {"statusCode": 200, "multiValueHeaders": []}),
    ],
)
def test_lists_are_lists(version: str, returned: Any) -> None:
    with pytest.raises(Malformed):
        answer(version, returned)


@pytest.mark.parametrize("text", [b'{"statusCode": Infinity}', b'{"statusCode": NaN}', b"no"])
def test_what_is_no_json_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        read(text)


def test_the_headers_of_the_connection_are_never_the_functions() -> None:
    named = {"Transfer-Encoding": "chunked", "CONTENT-LENGTH": "1", "Connection": "close", "X-Own": True, "X-N": 1}
    sent = answer("2.0", {"statusCode": 200, "headers": named}).headers
    assert sent[:2] == [("X-Own", "true"), ("X-N", "1")]
    assert len(sent) == 3


def test_headers_of_both_kinds_are_joined() -> None:
    many = {"a": ["1", "2"]}
    made = answer("1.0", {"statusCode": 200, "headers": {"a": "1", "b": "3"}, "multiValueHeaders": many})
    assert list(made.headers)[:3] == [("b", "3"), ("a", "1"), ("a", "2")]
    other = answer("1.0", {"statusCode": 200, "headers": {"a": "0"}, "multiValueHeaders": many})
    assert list(other.headers)[:3] == [("a", "0"), ("a", "1"), ("a", "2")]


def test_a_defect_while_a_function_is_invoked_is_raised_and_not_taken_for_a_long_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> bytes:
        raise http.client.IncompleteRead(b"")

    monkeypatch.setattr(enforcement, "may_send", lambda *_: True)
    monkeypatch.setattr(invoking, "_invoke", broken)

    class Somewhere:
        region, account = "us-east-1", "123456789012"

    with pytest.raises(http.client.IncompleteRead):
        invoking.invoke(Somewhere(), "arn", {}, source="a/b", seconds=30)  # type: ignore[arg-type]
