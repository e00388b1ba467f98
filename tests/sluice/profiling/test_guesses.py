"""A column gets the narrowest type that every value is, and stays text where that is in doubt."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from sluice.profiling.guesses import guess_text
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
        ("unit_price", "2.5", "decimal(18,2)"),
        ("temperature", "2.5", "double"),
        ("customer_id", "17850.0", "decimal(18,0)"),
    ],
)
def test_a_name_decides_between_what_a_number_may_be(name: str, value: str, kind: str) -> None:
    assert guessed(value, name=name) == kind


def test_the_last_value_of_many_decides_as_much_as_the_first() -> None:
    plain = pa.array([str(number) for number in range(50_000)])
    for last, kind in (("x", "string"), ("1.5", "double"), ("007", "string"), ("99999999999999999999", "string")):
        found = guess_text(lambda last=last: [plain, pa.array([last])], "value")  # type: ignore[misc]
        assert str(found.type) == kind, last


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("a;b\n1.234,56;3\n0,99;1\n", {"a": "decimal(18,2) , group .", "b": "bigint"}),
        ("a;b\n1,234;x\n5,678;y\n", {"a": "string", "b": "string"}),
        ("a;b\n1,234;0,5\n5,678;1,25\n", {"a": "double ,", "b": "double ,"}),
        ("a;b\n1.234;0,5\n5.678;1,25\n", {"a": "decimal(18,0) , group .", "b": "double ,"}),
        ('a,b\n"1,234",x\n5,y\n', {"a": "bigint group ,", "b": "string"}),
        ("d,x\n01/02/2024,1\n03/04/2024,2\n", {"d": "string", "x": "bigint"}),
        ("d,e\n01/02/2024,13/01/2024\n", {"d": "date dd/MM/yyyy", "e": "date dd/MM/yyyy"}),
        ("d,e\n01/02/2024,01/13/2024\n", {"d": "date MM/dd/yyyy", "e": "date MM/dd/yyyy"}),
        ("a, b\n1, 2\n3, 4\n", {"a": "bigint", "b": "bigint trim"}),
    ],
)
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
