# ruff: noqa: RUF001 (letters that look like others are the point)
"""What the grammar of regular expressions lets through means the same to Java and to RE2."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from sluice.transforms.functions.patterns import pattern_of
from sluice.transforms.functions.signatures import Argument, Refused
from sluice.transforms.functions.tables import every_signature
from tests.sluice.transforms.differential import values
from tests.sluice.transforms.proving import both_engines

_ATOMS = (
    "a", "b", "A", "1", "-", ",", " ", "_", "é", "ß", "𝔘", "&", "&&",
    "#", ":", "<", "=", "!", "'", "/", "~", "\n", "\t",
    "\u0085", ".", ".", r"\d", r"\w", r"\s", r"\D",
    r"\W", r"\S", r"\.", r"\$", r"\-", r"\/", r"\\", r"\n", r"\t",
    r"\r", "[a-c]",
    "[^a]", "[^a-c1]", r"[\d-]", r"[\w.]", r"[\s,]", r"[^\s]", r"[^\d\n]", "[.$]", "[a^]", "[-a]", "[é-ß]",
    r"[\]\\]", "[𝔘a]", "[ab&]", "[^é]", "[,|]", "(?:ab)", "(a)", "(a|b)", "(?:1|a-)", "(é)", "[(]", "[{]", "]", "}",
)  # fmt: skip
_TIMES = ("", "", "", "", "?", "*", "+", "{2}", "{1,2}", "{1,}", "{0,2}", "??", "*?", "+?", "{1,2}?")
_LETTERS = "aabbA11-, _éß𝔘&#:<=!'/~\n\r\t\u0085\u2028.$\\^|(){}[]c\u0301"
_CALLS = (
    "F.col('string_a').rlike({})", "F.regexp_replace('string_a', {}, '<$0>')", "F.regexp_extract('string_a', {}, 0)",
    "F.split('string_a', {})", "F.regexp_extract_all('string_a', F.lit({}), 0)",
    "F.regexp_count('string_a', F.lit({}))",
)  # fmt: skip


def pattern(rng: random.Random, depth: int = 0) -> str:
    """Return a random pattern, of which many are refused."""
    parts = [rng.choice(_ATOMS) + rng.choice(_TIMES) for _ in range(rng.randint(1, 4))]
    if depth < 2 and rng.random() < 0.3:
        parts.append(rng.choice(["({})", "(?:{})"]).format(pattern(rng, depth + 1)) + rng.choice(_TIMES))
    made = "".join(parts)
    if rng.random() < 0.15:
        made = f"{made}|{pattern(rng, depth + 1)}"
    return rng.choice(["^", "", "", ""]) + made + rng.choice(["$", "", "", ""]) if not depth else made


def allowed(rng: random.Random, count: int) -> list[str]:
    """Return so many random patterns that the grammar allows."""
    found: list[str] = []
    while len(found) < count:
        made = pattern(rng)
        try:
            pattern_of(Argument("", "string", made, True), finds_only=True)
        except Refused:
            continue
        found.append(made)
    return found


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.proof)])
def test_a_pattern_that_is_allowed_means_the_same_on_both_engines(count: int) -> None:
    seed = random.SystemRandom().randint(0, 10**6)
    rng = random.Random(seed)
    texts = ["", None, *("".join(rng.choices(_LETTERS, k=rng.randint(1, 8))) for _ in range(300))]
    calls = [(call.format(repr(made)), "row") for made in allowed(rng, count) for call in _CALLS]
    with both_engines(1, 1) as both:
        empty = {field.name: pa.nulls(len(texts), field.type) for field in values(1, 1).schema}
        both.give(pa.table(empty | {"row": pa.array(range(len(texts)), pa.int32()), "string_a": texts}))
        found = both.differences(calls, {each.key: "" for each in every_signature()})
    differing = [each for each in found if not each.told.startswith("is refused: ")]
    assert differing == [], f"seed {seed}: {len(differing)} of {len(calls)}"
    assert len(found) < len(calls) * 2 // 3, "nearly all was refused"
