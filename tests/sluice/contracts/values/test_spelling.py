"""Numbers, truth and blanks as a contract spells them: exactly what is declared is read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from sluice.contracts import Column, Spelling, parse_type
from sluice.contracts.values.convert import convert

EUROPEAN = Spelling(decimal=",", group=".")


def read(texts: list[str], kind: str, spelling: Spelling) -> tuple[list[Any], list[bool]]:
    values, bad = convert(pa.array(texts, pa.string()), Column("v", parse_type(kind), spelling=spelling))
    return values.to_pylist(), [False] * len(texts) if bad is None else bad.to_pylist()


@pytest.mark.parametrize(
    ("text", "kind", "spelling", "wanted"),
    [
        ("1,5", "decimal(12,2)", Spelling(decimal=","), Decimal("1.50")),
        ("1.5", "decimal(12,2)", Spelling(decimal=","), None),
        ("1.234.567,89", "decimal(12,2)", EUROPEAN, Decimal("1234567.89")),
        ("1234567,89", "decimal(12,2)", EUROPEAN, Decimal("1234567.89")),
        ("-1.234,5", "decimal(12,2)", EUROPEAN, Decimal("-1234.50")),
        ("1.23,5", "decimal(12,2)", EUROPEAN, None),
        ("1234.567,8", "decimal(12,2)", EUROPEAN, None),
        ("1..234", "decimal(12,2)", EUROPEAN, None),
        (".234", "decimal(12,2)", EUROPEAN, None),
        ("1,234,5", "decimal(12,2)", EUROPEAN, None),
        ("1,239", "decimal(12,2)", Spelling(decimal=","), None),
        ("1,234", "int", Spelling(group=","), 1234),
        ("1,23", "int", Spelling(group=","), None),
        ("1\u00a0234,5", "double", Spelling(decimal=",", group="\u00a0"), 1234.5),
        ("1'234.5", "double", Spelling(group="'"), 1234.5),
        ("1e5", "double", Spelling(decimal=","), None),
        ("Ja", "boolean", Spelling(true=("Ja", "J"), false=("Nein",)), True),
        ("Nein", "boolean", Spelling(true=("Ja", "J"), false=("Nein",)), False),
        ("ja", "boolean", Spelling(true=("Ja", "J"), false=("Nein",)), None),
        ("true", "boolean", Spelling(true=("Ja", "J"), false=("Nein",)), None),
        (" 5\t", "int", Spelling(trim=True), 5),
        (" a b ", "string", Spelling(trim=True), "a b"),
        (" 1,5 ", "decimal(12,2)", Spelling(decimal=",", trim=True), Decimal("1.50")),
        (" 5", "int", Spelling(group=","), None),
    ],
)
def test_a_value_is_read_as_it_is_declared_or_refused(text: str, kind: str, spelling: Spelling, wanted: Any) -> None:
    for texts in ([text], [text, "?", text]):
        values, bad = read(texts, kind, spelling)
        for each, value, flag in zip(texts, values, bad, strict=True):
            if each == text:
                assert (value, flag) == (wanted, wanted is None)


def test_what_is_blank_is_no_value_where_blanks_are_trimmed() -> None:
    assert read(["  ", "", "1"], "int", Spelling(trim=True)) == ([None, None, 1], [False, False, False])


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=20), st.sampled_from([".", " ", "'", "_"]))
def test_numbers_with_groups_and_a_comma_are_read_back(numbers: list[Decimal], group: str) -> None:
    texts = [f"{n:,.2f}".replace(",", "\0").replace(".", ",").replace("\0", group) for n in numbers]
    values, bad = read(texts, "decimal(12,2)", Spelling(decimal=",", group=group))
    assert (values, bad) == (numbers, [False] * len(numbers))
