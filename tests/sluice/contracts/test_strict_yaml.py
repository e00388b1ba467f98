"""What is written in a contract is kept as written, or refused with file, line and key; nothing is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from sluice.contracts import Contract
from sluice.contracts.strict_yaml import load_yaml
from sluice.errors import ContractError
from sluice.load import load_contract
from tests.folders import SMALL

SOUND = (SMALL / "contracts" / "order_lines.yaml").read_text()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:", "'a' stands twice", "lines 1 and 3"]),
        ("a:\n  - b: 1\n    c: 2\n    b: 3\n", ["4:", "'b' stands twice", "lines 2 and 4"]),
        ("x: {a: 1, a: 1}\n", ["'a' stands twice", "lines 1 and 1"]),
        ("a: 1\n'a': 2\n", ["'a' stands twice"]),
        ("x: &x {a: 1, a: 2}\ny: {<<: *x}\n", ["'a' stands twice"]),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", ["'<<' stands twice", "lines 3 and 4"]),
        ("a: 1\n---\na: 2\n", ["another document"]),
        ("a:\n\tb: 1\n", ["a tab stands where YAML wants blanks"]),
        ("1: a\n", ["a key is text", "quotes"]),
        ("true: a\n", ["a key is text"]),
        ("~: a\n", ["a key is text"]),
        ("? [a, b]\n: c\n", ["a key is text"]),
        ("a: !!binary aGVsbG8=\n", ["tag", "not allowed"]),
        ("a: !!set {b}\n", ["tag", "not allowed"]),
        ("a: !!timestamp 2024-01-01\n", ["tag", "not allowed"]),
        ("a: !include other.yaml\n", ["tag", "not allowed"]),
        *(
            (f"a:\n  - !!{tag} {value}\n", ["2:", f"{tag}' is not allowed"])
            for tag, value in (
                ("bool", "maybe"),
                ("int", '""'),
                ("float", '""'),
                ("null", "hello"),
                ("int", "0x1F"),
                ("int", "1:30"),
                ("float", ".inf"),
                ("str", "5"),
                ("str", "{a: b}"),
                ("map", "[a]"),
                ("seq", "{a: b}"),
                ("merge", "a"),
                ("timestamp", "x"),
                ("omap", "[a: b]"),
                ("bool", "true"),
            )
        ),
        ("a: ! 12\n", ["1:", "the tag '!' is not allowed"]),
        ("%TAG ! tag:yaml.org,2002:\n---\na: !int 0x1F\n", ["3:", "is not allowed"]),
        ("!!str a: b\n", ["1:", "is not allowed"]),
        ("a: 1\nb: 1.0e+400\n", ["2:", "cannot be held"]),
        ("a: 1\nb: -1.0e+400\n", ["2:", "cannot be held"]),
        ("a: 1\nb: " + "9" * 5_000, ["2:", "cannot be held"]),
        ('a: 1\nb: "\\ud800"\n', ["2:", "surrogate"]),
        ('"\\udfff": 1\n', ["1:", "surrogate"]),
        ('a: 1\nb: "\\UFFFFFFFF"\n', ["2:", "not YAML"]),
        ('a: 1\nb: "\\U00110000"\n', ["2:", "not YAML"]),
        (f"%YAML 1.{'9' * 5_000}\n---\na: 1\n", ["1:", "not YAML"]),
        ("a: 1\nb: \x01\n", ["2:", "character 0x1"]),
        ("a: 1\nb:\n  <<: [{x: 1}, {x: 2}]\n", ["3:", "'x' stands in two"]),
        ("a: &a {x: 1}\nb: {<<: [*a, *a]}\n", ["'x' stands in two"]),
        ("a: &a {x: 1}\nb: &b {<<: *a, y: 1}\nc:\n  <<: [*a, *b]\n", ["'x' stands in two"]),
        ("a: &a {x: 1}\nb: &b {<<: [*a], y: 1}\nc:\n  - <<: [*b, *a]\n", ["'x' stands in two"]),
        ("a: {<<: [1]}\n", ["1:", "expected a mapping"]),
        ("a: <<\n", ["1:", "merge"]),
        ("a: &a [*a]\n", ["inside itself"]),
        ("a: *nowhere\n", ["undefined alias"]),
    ],
)
def test_what_would_be_dropped_or_changed_is_refused_with_file_and_line(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    file = tmp_path / "things.yaml"
    file.write_text(text)
    with pytest.raises(ContractError) as caught:
        load_contract(file)
    for word in [f"{file}:", *said]:
        assert word in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "things.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ContractError, match=r"things\.yaml:2: contract: not UTF-8"):
        load_contract(file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("y", "y"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00"), ("007", "007"), ("1_000", "1_000"), ("12:30:45", "12:30:45"),
        ("0x1F", "0x1F"), ("0o17", "0o17"), (".5", ".5"), (".inf", ".inf"), (".nan", ".nan"), ("=", "="),
        ("1.2.3", "1.2.3"),
        ("true", True), ("False", False), ("12", 12), ("-3", -3), ("1.5", 1.5), ("1e3", "1e3"),
        ("1.0e+3", 1000.0), ("null", None),
        ("~", None), ("", None), ("'12'", "12"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_looks_like(text: str, value: Any) -> None:
    found = load_yaml(f"a: {text}\n")[1]["a"]
    assert (found, type(found)) == (value, type(value))


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), VALUES, min_size=1, max_size=4))
def test_what_any_yaml_writer_writes_is_read_back(value: dict[str, Any]) -> None:
    assert load_yaml(yaml.safe_dump(value))[1] == value


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,6}\Z"), st.integers(), min_size=1, max_size=5), st.data())
def test_a_key_repeated_anywhere_at_any_depth_is_refused(value: dict[str, int], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(sorted(value)))
    text = yaml.safe_dump(value) + f"{again}: 1\n"
    for level in range(data.draw(st.integers(0, 4))):
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        text = f"- k{level}:\n    - l:\n{''.join(f'      {line}' + chr(10) for line in indented.splitlines())}"
    with pytest.raises(yaml.YAMLError, match="stands twice"):
        load_yaml(text)


def test_mappings_with_other_keys_are_merged() -> None:
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc: {<<: [*a, *b], z: 3}\nd: {<<: *a, x: 4}\n"
    _, found = load_yaml(text)
    assert (found["c"], found["d"]) == ({"x": 1, "y": 2, "z": 3}, {"x": 4})


def test_merges_in_merges_are_looked_at_once() -> None:
    text = "a0: &a0 {}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(12))
    assert load_yaml(text)[1]["a12"] == {}


def loaded(tmp_path: Path, text: str) -> Contract:
    file = tmp_path / "order_lines.yaml"
    file.write_text(text)
    return load_contract(file)


def test_values_of_a_rule_are_kept_as_they_are_written(tmp_path: Path) -> None:
    text = (
        SOUND.replace("value: EUR", "value: NO")
        .replace("value: USD", "value: 007")
        .replace("value: GBP", "value: 1.10")
    )
    text = text.replace("value: SEK", "value: 2024-01-01").replace("value: PLN", "value: true")
    text = text.replace("minimum: 0\n", "minimum: 0.10\n", 1)
    contract = loaded(tmp_path, text)
    assert contract.column("currency").rules.allowed == ("NO", "007", "1.10", "2024-01-01", "true")
    assert contract.column("unit_price").rules.minimum == "0.10"


def test_a_version_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"version: a text is wanted"):
        loaded(tmp_path, SOUND.replace("version: 1.0.0", "version: 1.10"))


def test_anchors_and_merges_keep_their_meaning(tmp_path: Path) -> None:
    plain = "logicalTypeOptions:\n          minimum: 1\n"
    text = SOUND.replace(plain, "logicalTypeOptions: &one\n          minimum: 1.50\n", 1)
    text = text.replace(plain, "logicalTypeOptions:\n          <<: *one\n          maximum: 9\n", 1)
    rules = loaded(tmp_path, text.replace("physicalType: int", "physicalType: decimal(5,2)")).column("quantity").rules
    assert (rules.minimum, rules.maximum) == ("1.50", "9")
