"""Dates by pattern: digits exactly as it says, days that there are, and what one pattern writes it reads."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from itertools import product
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from sluice.contracts import Column, parse_type
from sluice.contracts.values.convert import convert
from sluice.contracts.values.patterns import LETTERS, pattern_of

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read(
    texts: list[str | None], fmt: str | tuple[str, ...], kind: str = "timestamp", years_from: int = 1969
) -> list[Any]:
    column = Column("at", parse_type(kind), format=fmt, two_digit_year_start=years_from)
    values, bad = convert(pa.array(texts, pa.string()), column)
    listed = values.to_pylist()
    flags = [False] * len(texts) if bad is None else bad.to_pylist()
    assert [value is None for value in listed] == [
        flag or text is None for flag, text in zip(flags, texts, strict=True)
    ]
    return listed


@pytest.mark.parametrize(
    ("fmt", "text", "wanted"),
    [
        ("dd/MM/yyyy", "31/12/1999", "1999-12-31"),
        ("dd/MM/yyyy", "31/12/99", None),
        ("dd/MM/yyyy", "31/12/999", None),
        ("dd/MM/yyyy", "1/1/1999", None),
        ("dd/MM/yyyy", " 1/01/1999", None),
        ("dd/MM/yyyy", "01/01/1999 ", None),
        ("dd/MM/yyyy", "01/01/1999\n", None),
        ("dd/MM/yyyy", "30/02/2024", None),
        ("dd/MM/yyyy", "29/02/2023", None),
        ("dd/MM/yyyy", "29/02/2024", "2024-02-29"),
        ("dd/MM/yyyy", "31/04/2024", None),
        ("dd/MM/yyyy", "01/01/0000", None),
        ("dd/MM/yyyy", "01/01/0001", "0001-01-01"),
        ("dd/MM/yyyy", "31/12/9999", "9999-12-31"),
        ("dd/MM/yyyy", "\u0660\u0661/01/2024", None),
        ("MM/dd/yy", "12/31/99", "1999-12-31"),
        ("MM/dd/yy", "12/31/69", "1969-12-31"),
        ("MM/dd/yy", "12/31/68", "2068-12-31"),
        ("MM/dd/yy", "12/31/1999", None),
        ("M/d/yyyy", "1/2/2024", "2024-01-02"),
        ("M/d/yyyy", "12/31/2024", "2024-12-31"),
        ("M/d/yyyy", "01/2/2024", None),
        ("d MMM yyyy", "1 mar 2024", "2024-03-01"),
        ("d MMM yyyy", "1 March 2024", None),
        ("dd MMM yyyy", "01 März 2024", None),
        ("yyyyMMdd", "20240229", "2024-02-29"),
        ("yyyy'T'MM'T'dd", "2024T02T29", "2024-02-29"),
        ("yyyy.MM.dd", "2024x02x29", None),
        ("yyyy-MM-dd 'o''clock'", "2024-02-29 o'clock", "2024-02-29"),
        ("dd.MM.yyyy HH:mm", "29.02.2024 23:59", "2024-02-29T23:59"),
        ("dd.MM.yyyy HH:mm", "29.02.2024 24:00", None),
        ("dd.MM.yyyy H:mm", "29.02.2024 7:05", "2024-02-29T07:05"),
        ("M/d/yyyy h:mm:ss a", "2/29/2024 12:00:00 AM", "2024-02-29T00:00"),
        ("M/d/yyyy h:mm:ss a", "2/29/2024 12:00:00 pm", "2024-02-29T12:00"),
        ("M/d/yyyy h:mm:ss a", "2/29/2024 1:00:05 PM", "2024-02-29T13:00:05"),
        ("M/d/yyyy h:mm:ss a", "2/29/2024 13:00:05 PM", None),
        ("M/d/yyyy hh:mm a", "2/29/2024 01:00 AM", "2024-02-29T01:00"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 01:02:03.004", "2024-02-29T01:02:03.004"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSS", "2024-02-29 01:02:03.000004", "2024-02-29T01:02:03.000004"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2024-02-29 01:02:03.0004", None),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T01:00:00+02:00", "2024-02-28T23:00"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T01:00:00Z", "2024-02-29T01:00"),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-02-29T01:00:00-05:30", "2024-02-29T06:30"),
        ("yyyy-MM-dd HH:mm:ss Z", "2024-02-29 01:00:00 +0530", "2024-02-28T19:30"),
        ("yyyy-MM-dd HH:mm:ss Z", "2024-02-29 01:00:00 +9900", None),
        ("yyyy-MM-dd HH:mm:ss Z", "0001-01-01 01:00:00 +0530", None),
        ("yyyy-MM-dd HH:mm:ss", "2024-02-29\t01:00:00", None),
        ("yyyy-MM-dd HH:mm:ss", "2024-02-29 01:00:60", None),
    ],
)  # fmt: skip
def test_a_value_is_read_exactly_as_the_pattern_says_or_refused(fmt: str, text: str, wanted: str | None) -> None:
    moment = None if wanted is None else datetime.fromisoformat(wanted)
    assert read([text], fmt) == [moment]
    assert read([text, None, "x", text, text, text], fmt) == [moment, None, None, moment, moment, moment]


@pytest.mark.parametrize("fmt", ["yyyy-MM-dd", "yyyy-M-dd"])
def test_no_day_that_its_month_has_not_becomes_another(fmt: str) -> None:
    texts, wanted = [], []
    for year, month, day in product((1900, 2000, 2023, 2024), range(1, 13), range(1, 32)):
        texts.append(f"{year}-{month:02}-{day:02}" if "MM" in fmt else f"{year}-{month}-{day:02}")
        wanted.append(datetime(year, month, day) if day <= monthrange(year, month)[1] else None)
    assert read(texts, fmt) == wanted


def test_the_first_pattern_that_fits_reads_a_value() -> None:
    formats = ("dd/MM/yyyy", "MM/dd/yyyy", "yyyyMMdd", "M/d/yy")
    texts = ["02/03/2024", "12/31/2024", "20240229", "1/2/24", "31/31/2024", None]
    wanted = [date(2024, 3, 2), date(2024, 12, 31), date(2024, 2, 29), date(2024, 1, 2), None, None]
    assert read(texts, formats, "date") == wanted


_WRITE = {
    "yyyy": lambda at: f"{at.year:04}", "MMM": lambda at: MONTHS[at.month - 1], "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month), "dd": lambda at: f"{at.day:02}", "d": lambda at: str(at.day),
    "HH": lambda at: f"{at.hour:02}", "H": lambda at: str(at.hour),
    "hh": lambda at: f"{(at.hour + 11) % 12 + 1:02}", "h": lambda at: str((at.hour + 11) % 12 + 1),
    "mm": lambda at: f"{at.minute:02}", "ss": lambda at: f"{at.second:02}", "SSSSSS": lambda at: f"{at.microsecond:06}",
    "a": lambda at: "PM" if at.hour >= 12 else "AM",
}  # fmt: skip


@given(
    st.lists(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)), min_size=1, max_size=9),
    st.permutations([("yyyy",), ("MMM", "MM", "M"), ("dd", "d")]),
    st.sampled_from([("HH",), ("H",), ("hh", "a"), ("h", "a")]),
    st.sampled_from([("mm",), ("mm", "ss"), ("mm", "ss", "SSSSSS")]),
    st.sampled_from("/-. _,"),
    st.data(),
)
def test_what_a_pattern_writes_it_reads(
    times: list[datetime], days: Any, hour: Any, rest: Any, mark: str, data: st.DataObject
) -> None:
    letters = [data.draw(st.sampled_from(each)) for each in days] + [*hour, *rest]
    texts = [mark.join(_WRITE[letter](at) for letter in letters) for at in times]
    least = {"second": 0} if "ss" not in rest else {}
    wanted = [at.replace(microsecond=at.microsecond if "SSSSSS" in rest else 0, **least) for at in times]
    assert read([*texts, None, "no"], mark.join(letters)) == [*wanted, None, None]


@given(
    st.dates().map(lambda day: f"{day:%d}/{day:%m}/{day.year:04}")
    | st.from_regex(r"\A[0-9]{1,2}/[0-9]{1,2}/[0-9]{1,5}\Z")
)
def test_a_date_is_what_python_strictly_reads(text: str) -> None:
    try:
        assert len(text) == 10
        wanted = date(int(text[6:]), int(text[3:5]), int(text[:2]))
    except (ValueError, AssertionError):
        wanted = None
    assert read([text], "dd/MM/yyyy", "date") == [wanted]


@pytest.mark.parametrize(
    ("fmt", "said"),
    [
        ("dd/MM/yyyyy", "'yyyyy'"), ("DD/MM/YYYY", "'DD'"), ("dd/mm/yyyy", "month"), ("HH:mm", "year"),
        ("yyyy-MM-dd 'x", "quote"), ("yyyy-MM-dd yyyy", "year twice"), ("yyyy-MM-dd hh:mm", "AM or PM"),
        ("yyyy-MM-dd HH:mm a", "an hour of twelve"), ("yyyy-MM-dd mm", "hour"), ("yyyy-MM-dd HH:ss", "minute"),
        ("", "year"),
        ("yyyy-MM-dd XXX", "hour"), ("yyyy-MM-dd HH h a", "hour twice"), ("EEE yyyy-MM-dd", "'EEE'"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSSS", "'SSSSSSS'"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_act_is_refused(fmt: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pattern_of(fmt)


def test_every_letter_is_used_by_these_tests() -> None:
    assert {*_WRITE, "yy", "XXX", "Z", *("S" * n for n in range(1, 7))} == set(LETTERS)


@given(st.integers(1, 9900))
def test_years_of_two_digits_are_of_the_hundred_from_the_declared_one_on(start: int) -> None:
    years = range(start, start + 100)
    texts: list[str | None] = [f"28/02/{year % 100:02}" for year in years]
    assert read(texts, "dd/MM/yy", "date", start) == [date(year, 2, 28) for year in years]


@given(
    st.permutations(["d/M/yyyy", "yyyy-MM-dd", "MM.dd.yy", "dd MMM yyyy", "h a yyyyMMdd"]), st.dates(date(1970, 1, 1))
)
def test_a_value_of_any_pattern_of_a_list_is_read_at_any_place(patterns: list[str], day: date) -> None:
    written: list[str | None] = [
        f"{day.day}/{day.month}/{day.year:04}",
        day.isoformat(),
        f"{day:%m.%d.}{day.year % 100:02}",
        f"{day.day:02} {MONTHS[day.month - 1]} {day.year:04}",
        f"12 AM {day:%Y%m%d}",
        "31/31/31",
    ]
    midnight = datetime(day.year, day.month, day.day)
    short = midnight.replace(year=(day.year - 1969) % 100 + 1969)
    assert read(written, tuple(patterns)) == [midnight, midnight, short, midnight, midnight, None]
