"""Patterns match what the same regular expression matches, in no more time than their length and the text's allow."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws import wildcards
from localaws.iam.policies import decide, parse

TEXTS = st.text("ab*?", max_size=10)


@given(TEXTS, TEXTS)
def test_a_pattern_matches_what_its_regular_expression_matches(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    assert wildcards.matches(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))
    starred = re.escape(pattern).replace(r"\*", ".*")
    assert wildcards.matches(pattern, text, marks=False) == bool(re.fullmatch(starred, text, re.DOTALL))


@given(TEXTS, TEXTS)
def test_a_literal_matches_itself_alone(pattern: str, text: str) -> None:
    assert wildcards.matches(wildcards.literal(pattern), text) == (pattern == text)
    assert wildcards.matches(f"*{wildcards.literal(pattern)}*", text) == (pattern in text)
    assert wildcards.plain(wildcards.literal(pattern)) == pattern


@pytest.mark.parametrize("pattern", ["a*" * 200 + "b", "*a?" * 200 + "b", "*" * 2000 + "b", "?*" * 300 + "b"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """The regular expression of each would not end in this century."""
    began = time.process_time()
    assert not wildcards.matches(pattern, "a" * 2000)
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": pattern}
    assert not decide(parse(json.dumps({"Statement": statement})), "s3:getobject", "a" * 1000, {}).allowed
    assert time.process_time() - began < 1
