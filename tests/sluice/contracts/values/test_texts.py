"""Text is read value by value, exactly or not at all: held against Python's own numbers and days."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from sluice.contracts import Column, parse_type
from sluice.contracts.values.convert import convert
from sluice.contracts.values.texts import EPOCH_FORMATS
from tests.laws import cases
from tests.sluice.ingestion.test_accepted_commits import DATES, NUMBERS, spelled

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.ASCII,
)


def read(texts: list[str], kind: str, fmt: str | None = None) -> list[Any]:
    values, bad = convert(pa.array(texts, pa.string()), Column("v", parse_type(kind), format=fmt))
    flags = [False] * len(texts) if bad is None else bad.to_pylist()
    assert [value is None for value in values.to_pylist()] == flags
    return list(values.to_pylist())


def plain(text: str) -> str:
    """Return the text without zeros that say nothing: Python reads no number of thousands of digits."""
    return re.sub(r"\A([+-]?)0+(?=[0-9])", r"\1", text)


def of_decimal(text: str, precision: int, scale: int) -> Decimal | None:
    if not (found := _NUMBER.fullmatch(text)) or len(found[3] or "") > 7:
        return None
    number = Decimal(text)
    if number and abs(number.adjusted()) > 100:
        return None
    unscaled = Fraction(number) * 10**scale
    if unscaled.denominator != 1 or abs(unscaled) >= 10**precision:
        return None
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))


def of_int(text: str, bits: int) -> int | None:
    if not re.fullmatch(r"-?[0-9]+", text, re.ASCII):
        return None
    number = int(plain(text)) if len(plain(text)) < 100 else 2**99
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def digits_of(text: str) -> str:
    return re.sub(r"[eE].*|[+.-]", "", text).strip("0")


def of_double(text: str) -> float | None:
    if not _NUMBER.fullmatch(text) or math.isinf(float(text)):
        return None
    number = float(text)
    if not number and Decimal(text):
        return None
    whole = re.fullmatch(r"[+-]?([0-9]+)(\.0*)?", text, re.ASCII)
    if not whole or digits_of(text) == digits_of(repr(number)):
        return number
    return number if Decimal(whole[1]) == abs(int(number)) else None


def of_moment(text: str) -> datetime | None:
    if not (found := _MOMENT.fullmatch(text)):
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups(default="")
    try:
        at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        at += timedelta(microseconds=int(fraction.ljust(6, "0") or 0))
        if zone not in ("", "Z"):
            hours, minutes = int(zone[1:3]), int(zone[3:].strip(":") or 0)
            if hours > 23 or minutes > 59:
                return None
            ahead = timedelta(hours=hours, minutes=minutes)
            at += ahead if zone[0] == "-" else -ahead
    except (ValueError, OverflowError):
        return None
    return at


def of_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII) else None
    except ValueError:
        return None


READERS = {
    "int": lambda text: of_int(text, 32),
    "bigint": lambda text: of_int(text, 64),
    "double": of_double,
    "date": of_date,
    "timestamp": of_moment,
}


def awkward() -> st.SearchStrategy[str]:
    """Values, some of them with a letter changed, added or left out."""
    zeros = st.sampled_from(["", "", "", "0", "0" * 20, "0" * 4_300, "0" * 5_000])
    digits = st.builds(str.__add__, zeros, st.text("0123456789", min_size=1, max_size=45))
    numbers = st.builds(
        lambda sign, whole, rest, more: f"{sign}{whole}{rest}{more}",
        st.sampled_from(["", "-", "+"]), digits, st.sampled_from(["", ".", ".5", ".000", ".05", "." + "0" * 40]),
        st.sampled_from(["", "", "", "e3", "E-3", "e40", "e-40"]),
    )  # fmt: skip
    times = st.sampled_from(["2024-02-29", "2023-02-28", "1900-02-29", "2000-02-29", "0001-01-01", "9999-12-31"])
    zones = st.sampled_from(["", "Z", "+01", "-0130", "+23:59", "+24:00", "-01:60"])
    clocks = st.sampled_from(["", "T00", "T12:30", " 23:59:59", "T23:59:60", "T00:00:00.1", "T00:00:00.1234567"])
    moments = st.builds(lambda day, clock, zone: day + clock + zone, times, clocks, zones)
    values = st.one_of(spelled(), numbers, moments, st.sampled_from([*NUMBERS, *DATES]))

    def mutated(text: str, at: int, letter: str, kind: int) -> str:
        at %= len(text) + 1
        return (text, text[:at] + letter + text[at:], text[:at] + text[at + 1 :], text[:at] + letter + text[at + 1 :])[
            kind
        ]

    return st.builds(
        mutated, values, st.integers(0, 60), st.sampled_from("0123456789+-.:eETZ x,"), st.sampled_from([0, 0, 1, 2, 3])
    )


TEXTS = st.lists(awkward(), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=cases(150), deadline=None)
@given(texts=TEXTS)
def test_a_value_is_what_python_reads_whatever_stands_beside_it(kind: str, texts: list[str]) -> None:
    wanted = [READERS[kind](text) for text in texts]
    assert read(texts, kind) == wanted
    assert [read([text], kind)[0] for text in texts] == wanted


@settings(max_examples=cases(400), deadline=None)
@given(texts=TEXTS, precision=st.integers(1, 38), data=st.data())
@pytest.mark.slow
def test_a_decimal_is_exactly_what_is_written_whatever_stands_beside_it(
    texts: list[str], precision: int, data: st.DataObject
) -> None:
    scale = data.draw(st.integers(0, precision))
    wanted = [of_decimal(text, precision, scale) for text in texts]
    assert read(texts, f"decimal({precision},{scale})") == wanted
    assert [read([text], f"decimal({precision},{scale})")[0] for text in texts] == wanted


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("decimal(38,36)", "352.4516708"),
        ("decimal(38,18)", "712693284684783957105.408741384436224368"),
        ("decimal(10,2)", "9" * 400),
        ("decimal(38,0)", "3.4028235e38"),
        ("float", "16777217"),
        ("double", "9007199254740993"),
        ("double", "9007199254740993.0"),
        ("float", "16777217.0"),
        ("double", "1e-400"),
        ("float", "1e-46"),
        ("int", "0" * 4_300 + "1234567890123456789"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(kind: str, text: str) -> None:
    assert read([text], kind) == [None]


@settings(max_examples=cases(200), deadline=None)
@given(texts=TEXTS)
def test_a_float_is_the_nearest_one_whatever_stands_beside_it(texts: list[str]) -> None:
    found = read(texts, "float")
    assert [read([text], "float")[0] for text in texts] == found
    for text, value in zip(texts, found, strict=True):
        if not _NUMBER.fullmatch(text):
            assert value is None
        elif value is not None:
            assert math.isclose(value, float(text), rel_tol=2**-23, abs_tol=2**-149)
            assert value or not Decimal(text)
        else:
            size = abs(float(text))
            assert size > 3.4e38 or size < 1e-45 or size >= 2**24


@pytest.mark.parametrize("text", ["12345678901234567000", "100000000000000000000000", "9007199254740994", "1e300"])
def test_what_other_programs_write_of_a_double_is_that_double(text: str) -> None:
    assert read([text], "double") == [float(text)]


@pytest.mark.parametrize("fmt", EPOCH_FORMATS)
@settings(max_examples=cases(100), deadline=None)
@given(numbers=st.lists(st.integers(-(2**65), 2**65) | st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_an_epoch_is_a_whole_microsecond_or_refused(fmt: str, numbers: list[int]) -> None:
    units = EPOCH_FORMATS[fmt]

    def moment(number: int) -> datetime | None:
        micros, rest = divmod(number * 10**6, units)
        if rest or not -(2**63) <= number < 2**63:
            return None
        try:
            return datetime(1970, 1, 1) + timedelta(microseconds=micros)
        except OverflowError:
            return None

    assert read([str(number) for number in numbers], "timestamp", fmt) == [moment(number) for number in numbers]
