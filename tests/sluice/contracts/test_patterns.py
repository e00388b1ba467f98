"""A contract's pattern means the same to Arrow, DuckDB and Spark, and takes none of them long; any other is refused."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.confined import connect
from sluice.contracts.patterns import common_pattern
from tests.laws import cases

TEXTS = (
    "", "a", "b", "ab", "aab", "a\n", "\n", "a\r", "a\u2028", "a\x0b", "\x0b", " ", "a b", "é", "٣", "Ω", "_", "-", "&",
    "[", "]", "a-b", "0", "123", "a.b", "a\x85b", "^", "$", "\\", "😀", "ab\nab",
)  # fmt: skip
PATTERNS = (
    "^a$", "^a|b$", "a.b", "^.$", r"^\s$", r"^\S$", r"^\w$", r"^\W$", r"^\d+$", r"^\D$", r"[^\s]", r"[\s-]", r"[\w.-]+",
    "[a&b]", "[a&&b]", r"[\[\]]", "[^a-c]", "[a^]", "[-a]", "[+--]", "^(?:ab)+$", "^(a|b)?$", "a{2}", "^a{0,2}b$",
    r"\$", r"\\", r"^\t?$", "é", "[^é]", "^(?:a{1,2}b?){0,3}$", "[$.]", "#", "^[ ]$", "^😀$", "^[a-😀]$",
)  # fmt: skip
_CHARACTERS = st.sampled_from("ab0 _-é\n")
_MEMBERS = st.sampled_from(["a", "b-c", "0-9", r"\s", r"\d", r"\w", r"\]", r"\[", "&", "&&", "é", r"\-", "~", "."])
_ATOMS = st.one_of(
    st.sampled_from(["a", "b", "0", "é", ".", "^", "$", r"\s", r"\S", r"\w", r"\W", r"\d", r"\D", r"\.", r"\n", " "]),
    st.builds(
        lambda sign, members: f"[{sign}{''.join(members)}]",
        st.sampled_from(["", "^"]),
        st.lists(_MEMBERS, min_size=1, max_size=3),
    ),
)
_COUNTS = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,}", "{0,2}"])
_GRAMMAR = st.recursive(
    st.builds(lambda atom, count: atom + count, _ATOMS, _COUNTS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.builds(lambda one, two: f"{one}|{two}", inner, inner),
        st.builds(lambda opened, one, count: f"{opened}{one}){count}", st.sampled_from(["(", "(?:"]), inner, _COUNTS),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return connect()


def by_duckdb(connection: duckdb.DuckDBPyConnection, pattern: str, texts: tuple[str, ...]) -> list[bool]:
    return [connection.execute("SELECT regexp_matches(?, ?)", [text, pattern]).fetchall()[0][0] for text in texts]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_means_to_duckdb_what_it_means_to_arrow(pattern: str, connection: duckdb.DuckDBPyConnection) -> None:
    by_arrow = pc.match_substring_regex(pa.array(TEXTS), pattern).to_pylist()
    assert by_duckdb(connection, common_pattern(pattern), TEXTS) == by_arrow


@given(_GRAMMAR, st.lists(st.text(_CHARACTERS, max_size=4), min_size=1, max_size=4))
@settings(max_examples=cases(200), deadline=None)
def test_what_is_allowed_means_in_its_common_spelling_what_it_meant(pattern: str, texts: list[str]) -> None:
    try:
        common = common_pattern(pattern)
    except ValueError:
        return
    by_arrow = pc.match_substring_regex(pa.array(texts), pattern).to_pylist()
    assert pc.match_substring_regex(pa.array(texts), common).to_pylist() == by_arrow
    # An engine that tries one way after the other, as Java's does, reads the common spelling alike.
    tried = re.compile(common.replace("\\z", "\\Z"), re.ASCII)
    assert [bool(tried.search(text)) for text in texts] == by_arrow


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("(?P<n>a)", "(?P"), ("(?<n>a)", "(?<"), ("(?U)a", "(?U"), ("(?i)a", "(?i"),
        ("a(?=b)", "(?="), ("(?>a)", "(?>"),
        ("(?<!a)b", "(?<"), ("[[:alpha:]]", "["), ("[a-z&&[b]]", "["), ("[]a]", "[]"), ("[]", "[]"), ("[^]", "[^]"),
        (r"(a)\1", r"\1"), (r"\bfoo", r"\b"), (r"\pL", r"\p"), (r"\Qa\E", r"\Q"), (r"a\z", r"\z"), (r"\x41", r"\x"),
        (r"[\S]", r"\S"), ("[z-a]", "z-a"), (r"[\d-z]", r"\d-z"), ("[a-c-e]", "-"), ("a{,3}", "{"), ("a{x}", "{"),
        ("a{2,1}", "{2,1}"), ("a{1001}", "{1001}"), ("a**", "a**"), ("a++", "a++"), ("a+?", "a+?"), ("^*", "^*"),
        ("*a", "*"), ("a|", ""), ("()", ")"), ("(a", "(a"), ("a)", ")"), ("[a", ""), ("\\", "\\"), ("", ""),
        ("}", "}"), ("]", "]"), ("a\nb", "\n"), ("\x00", "\x00"), ("^(a+)+$", "(a+)+"), ("(a|aa)*b", "(a|aa)*"),
        ("(a?){50}", "(a?){50}"), ("^(([a-z])+.)+[A-Z]$", "(([a-z])+.)+"), ("a*a*a*a*b", "a*a*a*a*"),
        ("(a{0,50}){9}", "(a{0,50}){9}"), ("(" * 11 + "a" + ")" * 11, "("),
    ],
)  # fmt: skip
def test_any_other_is_refused_with_the_part_that_is_not_allowed(pattern: str, part: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(repr(part))} at character [0-9]+ is not allowed: "):
        common_pattern(pattern)


def test_what_is_too_much_is_refused() -> None:
    for pattern in ("a" * 1_001, "(?:a{1000}){1000}"):
        with pytest.raises(ValueError, match=r"at most 1,000|RE2 refuses it: "):
            common_pattern(pattern)
