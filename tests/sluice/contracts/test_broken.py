"""Whatever a contract's file holds, reading it gives contracts or an error of the project's own, never a traceback."""

from __future__ import annotations

import copy
import random
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import ContractError
from sluice.load import load_contracts
from tests.folders import SMALL
from tests.laws import cases

TEXTS = [
    (SMALL / "contracts" / name).read_text()
    for name in ("gold/customer_orders.yaml", "orders.yaml", "clicks.yaml", "silver/orders.yaml")
]
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, float("inf"), float("nan"), 10**400, "", "x", "1e999", "\x00", "{table}", [], {}, [[]],
    [None], ["a", "a"], {"a": None}, {1: 2}, {None: 1}, {"property": "rules", "value": 1}, "(" * 200, "9" * 50,
)  # fmt: skip


def places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return every place of a document, as what holds it and its key there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found.append((value, key))
        places(value[key], found)
    return found


def load(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "it.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        said = ""
        try:
            load_contracts([Path(folder)])
        except ContractError as error:
            said = error.what
            told = said.startswith(f"{error.file}:{error.position}: ") and error.safe and error.next_step
            said = said if told else f"says too little: {error.as_data()}"
    assert not said or re.match(r".+/it\.yaml:[0-9]+: .+: .", said, re.DOTALL), said


@given(st.integers(0, len(TEXTS) - 1), st.integers(0, 2**32), st.integers(1, 2))
@settings(max_examples=cases(30), deadline=None)
def test_a_contract_with_other_values_is_read_or_refused(which: int, seed: int, changes: int) -> None:
    chosen, document = random.Random(seed), yaml.safe_load(TEXTS[which])
    for _ in range(changes):
        holder, key = chosen.choice(places(document, []))
        change = chosen.random()
        if change < 0.2:
            del holder[key]
        elif change < 0.4:
            holder[key] = copy.deepcopy(chosen.choice(places(document, []))[0])
        else:
            holder[key] = copy.deepcopy(chosen.choice(ODD))
    load(yaml.safe_dump(document, sort_keys=False))


@given(st.integers(0, len(TEXTS) - 1), st.integers(0, 2**32))
@settings(max_examples=cases(20), deadline=None)
def test_a_contract_with_other_characters_is_read_or_refused(which: int, seed: int) -> None:
    chosen, text = random.Random(seed), TEXTS[which]
    at = chosen.randrange(len(text))
    load(text[:at] + chosen.choice("[]{}:&*!|>'\"%@`,-?#\x00\t\n\u2028é") + text[at + chosen.randrange(5) :])


#: What YAML has beside plain values, and what stands for no value.
PIECES = (
    "!!bool maybe", '!!int ""', "!!float ''", "!!null x", "!!int 0x1F", "!!str", "!x y", "! 1", "!<a b> c", "!%ff",
    "<<", "{<<: [{a: 1}, {a: 2}]}", "{<<: 1}", "[<<]", "&a", "*a", "&a [*a]", "{a: &b {}, <<: [*b, *b]}",
    '"\\ud800"', '"\\0"', '"\\UFFFFFFFF"', '"\\x"', "1.0e+400", "-1.0e+999", "9" * 5_000, "-0", "0.", "1.", ".nan",
    ".inf", "~", "'", '"', "|", ">-9", "? a", "- a", "%YAML 1.1", "---", "...", "\x01", "\ufeff", "\u2028", "\t",
    "[", "}", "{}", "[]", "0", '""', "true", "{? [a] : b}", "@", "`", "#", ": :", "{a, b}", "[a: b]", "2**63",
    "9223372036854775808", "1.0e+38",
)  # fmt: skip


@given(st.integers(0, len(TEXTS) - 1), st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(PIECES)), max_size=3))
@settings(max_examples=cases(60), deadline=None)
def test_a_contract_with_anything_in_the_place_of_values_is_read_or_refused(
    which: int, changes: list[tuple[int, str]]
) -> None:
    lines = TEXTS[which].splitlines()
    for place, piece in changes:
        at = place % len(lines)
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}{colon} {piece}" if place % 5 else f"{piece}{lines[at]}"
    load("\n".join(lines))


@given(st.lists(st.sampled_from((*PIECES, "a", ":", ",", "\n", "  ", " "))).map("".join) | st.text() | st.binary())
@settings(max_examples=cases(100), deadline=None)
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    load(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))


#: Twenty lines whose aliases stand for a million values.
LAUGHS = "a0: &a0 [1, 1]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(20))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: " + "[" * 3_000 + "]" * 3_000, ":1: contract: not YAML: it is nested more than 40 levels deep"),
        ("a: 1\nb: " + "{a: " * 3_000 + "}" * 3_000, ":2: contract: not YAML: it is nested more than 40 levels deep"),
        ("\n".join(" " * depth + "- " for depth in range(300)), "it is nested more than 40 levels deep"),
        ("a: &a [1]\nb: *a", "no such field"),
        ("a: &a [*a]", "an anchor stands inside itself"),
        (LAUGHS, "its aliases stand for more than"),
        ("a: 2026-13-45", "no such field"),
        ("a: " + "9" * 5_000, "not YAML"),
        (b"a: \xff", "not UTF-8"),
        ("- " * 10, "not YAML|a YAML mapping"),
        ("", "a contract is a YAML mapping"),
        ("1: 2", "a key is text"),
        ("? [a]\n: 2", "not YAML"),
        ("#" * 1_000_001, "more than 1,000,000 bytes"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_file_that_is_no_contract_is_refused_with_its_line(text: str | bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ContractError, match=why):
        load_contracts([tmp_path])
