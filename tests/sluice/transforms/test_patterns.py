# ruff: noqa: RUF001 (letters that look like others are the point)
"""Regular expressions that a transform may use find the same on both engines: patterns of the allowed grammar, drawn."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.transforms.functions.patterns import groups_of, pattern_of, replacement_of
from sluice.transforms.functions.signatures import Argument, Refused
from tests.laws import fresh_seed
from tests.sluice.transforms.proving import both_engines

_LETTERS = ("a", "b", "ab", "aa", "A", "1", "-", " ", "é", "ß", "𝔘", "_", ",", "x", "\n", "#", "&", "~")
_ESCAPED = (r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\.", r"\(", r"\)", r"\[", r"\]", r"\\", r"\|", r"\t", r"\n", r"\r",
            r"\$", r"\^", r"\-", r"\{", r"\+")  # fmt: skip
_CLASSED = ("a", "b", "a-c", "0-9", "(", ")", ".", "|", "*", "$", "?", "{", "}", r"\d", r"\w", r"\s", r"\.", r"\]", r"\[",
            r"\\", r"\-", "é", "𝔘", " ", "_", ",", "A-Z", "à-ü", "^", "-", "&", r"\n", "#", ":", "[", "]", r"\D")  # fmt: skip
_QUANTIFIERS = ("", "", "", "", "?", "*", "+", "{2}", "{1,2}", "{0,2}", "{1,}", "??", "*?", "+?", "{1,3}?", "{0}")
_TEXT = "aaabbbABc11 2-_,.()[]{}|*+?$^\\&~#:éßàüÉ𝔘٣\u00a0\u0085\u2028\r\n\t\x0b\x1f\u212a\u017f"


class Case(NamedTuple):
    """A pattern with a text, a replacement and a group: in Java's spelling, and for RE2."""

    text: str
    pattern: str
    found: str
    spelled: str
    replacement: str
    new: str
    group: int


def drawn_pattern(rng: random.Random, depth: int = 0) -> str:
    """Return a pattern of the allowed grammar, or close to it."""
    parts = []
    for _ in range(rng.choice((1, 1, 2, 2, 3))):
        kind = rng.random()
        if kind < 0.4 or depth > 2:
            part = rng.choice(_LETTERS)
        elif kind < 0.55:
            part = rng.choice(_ESCAPED)
        elif kind < 0.75:
            part = f"[{rng.choice(('', '', '^'))}{''.join(rng.choices(_CLASSED, k=rng.randint(1, 3)))}]"
        elif kind < 0.8:
            part = "."
        elif kind < 0.84:
            part = rng.choice("^$|")
        else:
            inside = "|".join(drawn_pattern(rng, depth + 1) for _ in range(rng.choice((1, 1, 2))))
            part = f"({rng.choice(('', '', '?:'))}{inside})"
        parts.append(part + (rng.choice(_QUANTIFIERS) if part not in "^$|" else ""))
    return "".join(parts)


def drawn_text(rng: random.Random, pattern: str) -> str:
    """Return a text that a pattern may find something in."""
    plain = [each for each in pattern if each not in "()[]{}|*+?^$\\"] or ["a"]
    return "".join(rng.choice(plain) if rng.random() < 0.6 else rng.choice(_TEXT) for _ in range(rng.randint(0, 9)))


def drawn_cases(rng: random.Random, count: int, texts: int) -> tuple[list[Case], int]:
    """Return so many cases of patterns that are not refused, and how many patterns were."""
    found: list[Case] = []
    refused = 0
    while len(found) < count:
        pattern = drawn_pattern(rng)
        given = Argument("", "string", pattern, True)
        try:
            seen = pattern_of(given, finds_only=True)
        except Refused:
            refused += 1
            continue
        try:
            spelled = pattern_of(given)
        except Refused:
            spelled = ""
        groups = groups_of(given)
        replacement = rng.choice(("", "x", "<$0>", *(f"[${group}]" for group in range(1, groups + 1))))
        new = replacement_of(Argument("", "string", replacement, True), groups)
        for _ in range(texts):
            text = drawn_text(rng, pattern)
            found.append(Case(text, pattern, seen, spelled, replacement, new, rng.randint(0, min(groups, 3))))
    return found, refused


_ON_SPARK = {
    "finds": "rlike(text, pattern)",
    "replaced": "regexp_replace(text, pattern, replacement)",
    "extracted": "regexp_extract(text, pattern, `group`)",
    "all": "regexp_extract_all(text, pattern, `group`)",
    "split": "split(text, pattern)",
    "count": "regexp_count(text, pattern)",
}
_ALL = " ".join(
    f"WHEN {n} THEN list_transform(regexp_extract_all(text, spelled, {n}), lambda m: coalesce(m, ''))" for n in range(4)
)
_ON_DUCKDB = {
    "finds": "regexp_matches(text, found)",
    "replaced": "regexp_replace(text, spelled, new, 'g')",
    "extracted": 'CASE "group" ' + " ".join(f"WHEN {n} THEN regexp_extract(text, spelled, {n})" for n in range(4)) + " END",
    "all": f'CASE "group" {_ALL} END',
    "split": "string_split_regex(text, spelled)",
    "count": "len(regexp_extract_all(text, spelled))",
}  # fmt: skip


def differences(both: Any, found: list[Case], folder: Path) -> list[str]:
    """Return the cases on which the engines differ."""
    columns = {name: [getattr(each, name) for each in found] for name in Case._fields}
    rows = pa.table({**columns, "row": list(range(len(found)))})
    pq.write_table(rows, folder / "cases.parquet")
    frame = both.spark.read.parquet(str(folder / "cases.parquet"))
    on_spark = frame.selectExpr("row", *(f"{call} AS {name}" for name, call in _ON_SPARK.items())).collect()
    both.duckdb.register("cases", rows)
    calls = ", ".join(
        f'{call if name == "finds" else f"CASE WHEN spelled <> $e$$e$ THEN {call} END"} AS "{name}"'
        for name, call in _ON_DUCKDB.items()
    )
    on_duckdb = both.duckdb.sql(f"SELECT row, {calls} FROM cases").to_arrow_table().to_pylist()
    expected = {each["row"]: each for each in on_spark}
    wrong = []
    for own in on_duckdb:
        case, other = found[own["row"]], expected[own["row"]]
        for name in _ON_SPARK:
            if (name == "finds" or case.spelled) and own[name] != other[name]:
                wrong.append(
                    f"{name} {case.pattern!r} in {case.text!r}: Spark {other[name]!r}, DuckDB {own[name]!r} ({case})"
                )
    return wrong


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("count", [2_000, pytest.param(40_000, marks=[pytest.mark.proof])])
def test_allowed_patterns_find_the_same_on_both_engines(tmp_path: Path, count: int) -> None:
    seed = fresh_seed()
    print(f"seed {seed}")
    found, refused = drawn_cases(random.Random(seed), count, 5)
    assert refused < len(found)
    with both_engines(1, 1) as both:
        assert differences(both, found, tmp_path) == [], f"seed {seed}"


@pytest.mark.parametrize("pattern", ["a$b", "(a$)b", "(a$|b)c", "a$?", r"$\n", "((a$)){2}", r"[\s-a]", r"[\n-\s]"])
def test_what_stands_after_the_end_or_makes_no_range_is_refused(pattern: str) -> None:
    with pytest.raises(Refused):
        pattern_of(Argument("", "string", pattern, True), finds_only=True)


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [("[(]a", 0), ("([(])", 1), (r"\((a)", 1), ("(?:a)(b)", 1), (r"[\](](a)(b)", 2), ("[^(](.)", 1), ("a", 0)],
)
def test_a_bracket_in_a_class_opens_no_group(pattern: str, groups: int) -> None:
    assert groups_of(Argument("", "string", pattern, True)) == groups
