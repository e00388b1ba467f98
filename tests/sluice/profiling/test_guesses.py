"""A column gets the narrowest type that every value is, and stays text where that is in doubt."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contracts.values.convert import convert
from sluice.profiling.guesses import SIGNS, guess_json, guess_text
from sluice.profiling.numbers import ended_with_zeros
from tests.laws import cases
from tests.sluice.profiling.drafting import drafted, rows_by, types_of


def guessed(*values: str | None, name: str = "value") -> str:
    guess = guess_text(lambda: [pa.array(values, pa.string())], name)
    return f"{guess.type} {guess.format or ''}".strip()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("1", "-20", ""), "bigint"),
        (("9223372036854775807",), "bigint"),
        (("12345678901234567890",), "string"),  # an id that no bigint holds
        (("01234", "98765"), "string"),  # the zero is part of the name
        (("-012",), "string"),
        (("1.5", "2"), "double"),
        (("1e5", "2.5E-3"), "double"),
        (("1e400", "2"), "string"),
        (("inf", "1.5"), "string"),
        (("0x1F",), "string"),
        (("12%", "5%"), "string"),
        (("$1.50",), "string"),
        (("0.30000000000000004",), "double"),
        (("0.123456789012345678901",), "decimal(38,21)"),
        (("1", "x"), "string"),
        (("1.2.3",), "string"),
        (("true", "FALSE"), "boolean"),
        (("Yes", "no"), "boolean"),
        (("0", "1"), "bigint"),
        (("yes",), "string"),  # what the other one would be is not known
        (("2024-02-29",), "date"),
        (("2023-02-29",), "string"),
        (("2024-01-01 10:00", "2024-01-01T10:00:00Z"), "timestamp"),
        (("13/01/2024", "01/02/2024"), "date dd/MM/yyyy"),
        (("1/13/2024", "2/1/2024"), "date M/d/yyyy"),
        (("31-Dec-24",), "date dd-MMM-yy"),
        (("31.12.2024 23:59",), "timestamp dd.MM.yyyy HH:mm"),
        (("1/13/2024 1:05 PM",), "timestamp M/d/yyyy h:mm a"),
        (("2024-01-01", "31.12.2024"), "date ('yyyy-MM-dd', 'dd.MM.yyyy')"),
        (("13/01/2024", "01/13/2024"), "string"),  # days first and months first in one column
        (("10:30", "11:45"), "string"),
        (("20240131",), "bigint"),
        (("+491701234500", "+491701234501"), "string"),
        (("+1.5", "2"), "string"),
        (("+1", "-3"), "decimal(18,0)"),
        (("1.1", "1.10"), "string"),
        (("1", "1.0"), "string"),
        (("si", "no"), "string"),  # Slovenia, Norway
        ((None, "", "NA"), "string"),
    ],
)
def test_the_narrowest_type_that_holds_every_value_as_it_is(values: tuple[str | None, ...], kind: str) -> None:
    assert guessed(*values) == kind


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("day", "20240131", "date yyyyMMdd"),
        ("created_at", "1700000000", "timestamp epoch_seconds"),
        ("ts", "1700000000123", "timestamp epoch_millis"),
        ("event_time", "1700000000123456", "timestamp epoch_micros"),
        ("number", "1700000000", "bigint"),
        ("unit_price", "2.5", "decimal(17,2)"),
        ("temperature", "2.5", "double"),
        ("customer_id", "17850.0", "decimal(18,0)"),
        ("plz", "10115", "string"),
        ("zip_code", "10115", "string"),
        ("home_phone", "5551234", "string"),
        ("card_number", "4111111111111111", "string"),
        ("version", "1.2", "string"),
        ("version", "1.2.2024", "string"),
        ("account_balance", "2.5", "decimal(17,2)"),
        ("phone_count", "3", "bigint"),
    ],
)
def test_a_name_decides_between_what_a_number_may_be(name: str, value: str, kind: str) -> None:
    assert guessed(value, name=name) == kind


@pytest.mark.parametrize("name", ["exchange_rate", "percent", "share_of_votes", "clicks_ratio"])
def test_what_is_measured_by_its_name_is_a_number_however_many_zeros_end_it(name: str) -> None:
    assert guessed("1.4", "1.4000", "0.89", name=name).startswith("decimal")
    assert guessed("1.4", "0.89", name=name) == "double"


@given(st.lists(st.from_regex(r"[0-9]{1,2}\.[0-9]{1,3}", fullmatch=True), min_size=1, max_size=6, unique=True))
def test_no_two_texts_of_a_column_become_one_double(values: list[str]) -> None:
    if guessed(*values) == "double":
        assert len(set(map(float, values))) == len(values)


@given(st.lists(st.sampled_from(["1.5e10", "1.5E1", "2.0", "1.50e1", "3.0e-5", "1.0e100"]), min_size=1, unique=True))
def test_zeros_of_a_power_of_ten_are_no_zeros_at_the_end(values: list[str]) -> None:
    alike = ended_with_zeros(values)
    assert bool(alike) == ({"1.5E1", "1.50e1"} <= set(values))


_NUMBERS = st.tuples(st.integers(-999, 999), st.integers(0, 99), st.sampled_from(["", ".0", ".00", "0", "e2", "E+1"]))


def _json_number(parts: tuple[int, int, str]) -> str:
    whole, fraction, end = parts
    return f"{whole}{end}" if end in ("", ".0", ".00") else f"{whole}.{fraction}{end}"


@settings(max_examples=cases(300), deadline=None)
@given(st.lists(_NUMBERS.map(_json_number), min_size=1, max_size=8))
def test_however_a_number_of_json_is_written_it_is_that_number(values: list[str]) -> None:
    texts = pa.array(values)
    found = guess_json(lambda: [texts], frozenset({"number"}), "value")
    assert found is not None
    read, bad = convert(texts, found.column("value", "value"))
    assert bad is None
    assert list(map(float, read.to_pylist())) == list(map(float, values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (("10", "10.0"), "double"),
        (("20.5", "20.50"), "double"),
        (("1e1", "10", "10.00"), "double"),
        (("0.12345678901234567890", "1", "1.0"), "decimal(38,20)"),
        (("123456789012345678901234567890", "1"), "decimal(38,0)"),
    ],
)
def test_numbers_of_json_that_differ_by_zeros_are_one_number(values: tuple[str, ...], kind: str) -> None:
    found = guess_json(lambda: [pa.array(values)], frozenset({"number"}), "value")
    assert str(found.type if found else None) == kind


@pytest.mark.parametrize(
    "values",
    [
        ("1,50", "1,5"),
        ("1.1", "1.10"),
        (" 1,1", "1,10 "),
        ("2", "2,0"),
        ("1\u00a0234,50", "1\u00a0234,5", "0,00", "0,0"),
    ],
)
@pytest.mark.parametrize("name", ["value", "amount"])
def test_numbers_that_stay_text_since_they_differ_by_zeros_say_so(values: tuple[str, ...], name: str) -> None:
    found = guess_text(lambda: [pa.array(values)], name)
    assert found.type.name == "decimal" or "differ by zeros at their end alone" in found.note


@pytest.mark.parametrize("values", [("+49,5", "+49,6"), ("+1.5", "+2")])
def test_numbers_that_stay_text_for_their_plus_say_so(values: tuple[str, ...]) -> None:
    assert "begin with a plus" in guess_text(lambda: [pa.array(values)], "value").note


@given(
    st.lists(st.dates(date(2001, 1, 1), date(2060, 12, 31)), min_size=1, max_size=5),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%m/%d/%y", "%y-%m-%d", "%d/%m/%Y %H:%M"]),
    st.sampled_from(["", "%Y-%m-%d"]),
)
def test_a_day_is_read_as_it_was_meant_or_told_to_be_in_doubt(days: list[date], style: str, other: str) -> None:
    texts = pa.array([day.strftime(other if other and place % 2 else style) for place, day in enumerate(days)])
    found = guess_text(lambda: [texts], "value")
    if found.type.name != "string" and not found.others:
        read, bad = convert(texts, found.column("value", "value"))
        assert bad is None
        assert [str(value)[:10] for value in read.to_pylist()] == [str(day) for day in days]


def test_the_last_value_of_many_decides_as_much_as_the_first() -> None:
    plain = pa.array([str(number) for number in range(50_000)])
    for last, kind in (("x", "string"), ("1.5", "double"), ("007", "string"), ("99999999999999999999", "string")):
        found = guess_text(lambda last=last: [plain, pa.array([last])], "value")  # type: ignore[misc]
        assert str(found.type) == kind, last


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("a;b\n1.234,56;3\n0,99;1\n", {"a": "decimal(17,2) , group .", "b": "bigint"}),
        ("a;b\n1,234;x\n5,678;y\n", {"a": "string", "b": "string"}),
        ("a;b\n1,234;0,5\n5,678;1,25\n", {"a": "double ,", "b": "double ,"}),
        ("a;b\n1.234;0,5\n5.678;1,25\n", {"a": "decimal(18,0) , group .", "b": "double ,"}),
        ('a,b\n"1,234",x\n5,y\n', {"a": "string", "b": "string"}),  # a delimiter says nothing of fractions
        ('a,b\n"1,234",0.5\n5,2\n', {"a": "bigint group ,", "b": "double"}),
        ("n;umsatz\n-1;1.234\n+2;5.678\n", {"n": "decimal(18,0)", "umsatz": "string"}),  # a plus says nothing of it
        ("p;x\n0.123;a\n1.234;b\n", {"p": "double", "x": "string"}),  # no thousands begin with a zero
        ("d,e\n03/04/2024 10:00,x\n03/05/2024 11:00:30,y\n", {"d": "string", "e": "string"}),
        ("d,e\n01/02/2024,x\n2024-05-06,y\n", {"d": "string", "e": "string"}),
        ("d,e\n01/02/2024,13/04/2024\n2024-05-06,2024-05-06\n",
         {"d": "date yyyy-MM-dd or dd/MM/yyyy", "e": "date yyyy-MM-dd or dd/MM/yyyy"}),
        ("d,e\n24-12-25,x\n23-01-15,y\n", {"d": "string", "e": "string"}),
        ("d,e\n24-12-25,99-12-25\n23-01-15,98-01-15\n", {"d": "date yy-MM-dd", "e": "date yy-MM-dd"}),
        ("d,x\n 01/02/2024,1\n03/04/2024 ,2\n", {"d": "string", "x": "bigint"}),
        ("d,x\n01/02/2024,1\n03/04/2024,2\n", {"d": "string", "x": "bigint"}),
        ("d,e\n01/02/2024,13/01/2024\n", {"d": "date dd/MM/yyyy", "e": "date dd/MM/yyyy"}),
        ("d,e\n01/02/2024,01/13/2024\n", {"d": "date MM/dd/yyyy", "e": "date MM/dd/yyyy"}),
        ("a, b\n1, 2\n3, 4\n", {"a": "bigint", "b": "bigint trim"}),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_read_as_its_neighbours_or_stays_text(
    tmp_path: Path, text: str, types: dict[str, str]
) -> None:
    assert types_of(drafted(tmp_path, text)) == types


@pytest.mark.parametrize(
    ("text", "types", "nulls"),
    [
        ("day,eur\n2024-01-01,1.5\n2024-01-02,N/A\n", {"day": "date", "eur": "double"}, ("", "N/A")),
        ("country,v\nSE,1\nNA,NA\n", {"country": "string", "v": "string"}, ("",)),  # Namibia
        ("level,v\nNone,1\nHigh,None\n", {"level": "string", "v": "string"}, ("",)),
        ("words,v\nsome long words,1\nNA,NA\n", {"words": "string", "v": "bigint"}, ("", "NA")),
        ("d,x\n0000-00-00,1\n2024-01-01,2\n", {"d": "date", "x": "bigint"}, ("", "0000-00-00")),
        ("name,x\n\\N,1\nann,2\n", {"name": "string", "x": "bigint"}, ("", "\\N")),
        ("name,x\nNULL,1\nann,2\n", {"name": "string", "x": "bigint"}, ("",)),
    ],
)
def test_a_text_stands_for_no_value_only_where_it_can_be_none(
    tmp_path: Path, text: str, types: dict[str, str], nulls: tuple[str, ...]
) -> None:
    found = drafted(tmp_path, text)
    assert types_of(found) == types
    assert found.contract.arrival.null_values == nulls


def test_a_value_of_a_short_list_is_never_made_no_value(tmp_path: Path) -> None:
    found = drafted(tmp_path, "country,v\nSE,1\nNA,NA\nDE,2\n")
    rows, _ = rows_by(found.contract, tmp_path)
    assert [row["country"] for row in rows] == ["SE", "NA", "DE"]
    assert any("NA stands for no value here" in note for note in found.notes)


_MARKED = st.sampled_from(["-", "NA", "\\N", "n/a", "7", "12", "345"])


@pytest.mark.slow
@settings(max_examples=cases(150), deadline=None)
@given(st.lists(st.tuples(_MARKED, st.sampled_from(["SE", "NA", "DE"]), _MARKED), min_size=3, max_size=9))
def test_a_value_that_becomes_none_is_one_of_a_typed_column_or_told_of(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("marks")
    found = drafted(folder, "a,b,c\n" + "".join(f"{','.join(row)}\n" for row in rows))
    read, rejected = rows_by(found.contract, folder)
    assert not rejected
    for place, column in enumerate(found.contract.columns):
        if column.type.name == "string":
            lost = {before[place] for before, now in zip(rows, read, strict=True) if now[column.name] is None} - SIGNS
            told = [note for note in found.notes if note.startswith(f"{column.name}: what says ")]
            assert bool(told) == bool(lost)
            assert all(mark in told[0] for mark in lost)


def test_a_column_that_becomes_text_tells_which_of_its_texts_count_as_no_value(tmp_path: Path) -> None:
    found = drafted(tmp_path, "a,b,c\n1,SE,1\n-,NA,-\n3,DE,NA\n4,NO,\\N\n")
    assert types_of(found) == {"a": "bigint", "b": "string", "c": "string"}
    assert any(note.startswith("c: what says - in it counts as no value") for note in found.notes)
    assert [row["c"] for row in rows_by(found.contract, tmp_path)[0]] == ["1", None, "NA", None]
