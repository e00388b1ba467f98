"""A profile counts what is there, and names what may be wrong, with how often and some of it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from sluice.cli.profile_output import page, print_profile
from sluice.profiling.profiles import Profile, profile_files
from tests.laws import cases


def profiled(folder: Path, text: str | bytes, name: str = "things.csv") -> Profile:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return profile_files(path)


def wrong_with(found: Profile, column: str) -> dict[str, tuple[int, tuple[str, ...]]]:
    (one,) = (each for each in found.columns if each.studied.name == column)
    return {suspicion.what: (suspicion.count, suspicion.examples) for suspicion in one.suspicious}


@pytest.mark.slow
@settings(max_examples=cases(25), deadline=None)
@given(st.lists(st.sampled_from(["", "red", "Ärger", "x, y", 'a "b"', "v", "n", "'; --"]), min_size=3, max_size=40))
def test_counts_are_those_that_counting_by_hand_gives(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["n", "v"])
    writer.writerows(enumerate([*values, "last"]))
    found = profiled(tmp_path_factory.mktemp("counts"), text.getvalue())
    there = Counter(filter(None, [*values, "last"]))
    measures = found.columns[1].studied.measures
    assert (measures.rows, measures.nulls) == (len(values) + 1, values.count(""))
    assert measures.distinct == len(there)
    assert dict(measures.top) == dict(there)
    assert [count for _, count in measures.top] == sorted(there.values(), reverse=True)
    assert (measures.shortest, measures.longest) == (min(map(len, there)), max(map(len, there)))


def test_a_range_is_of_values_and_not_of_texts(tmp_path: Path) -> None:
    found = profiled(tmp_path, "n,day,amount\n9,31.12.2023,1.5\n10,01.01.2024,20.25\n-3,15.06.2024,3\n")
    assert [column.studied.reach for column in found.columns] == [
        ("-3", "10"), ("2023-12-31", "2024-06-15"), ("1.50", "20.25"),
    ]  # fmt: skip


def test_patterns_are_the_shapes_of_values(tmp_path: Path) -> None:
    found = profiled(tmp_path, "code,x\nAB-12,1\nXY-99,2\nab 1,3\n")
    assert found.columns[0].patterns == (("A-99", 2), ("a 9", 1))


def _lines(*odd: str, usual: list[str]) -> str:
    return "n,v\n" + "".join(f'{number},"{value}"\n' for number, value in enumerate([*usual, *odd]))


_WORDS = ["red", "green", "blue"] * 30
_NUMBERS = [str(number) for number in range(100, 190)]


@pytest.mark.parametrize(
    ("odd", "usual", "what"),
    [
        (" red", _WORDS, "blanks around the value"),
        ("n/a", _WORDS, "stands for no value, perhaps"),
        ("caf\u00c3\u00a9", _WORDS, "letters read in a wrong encoding"),
        ("gr\ufffdn", _WORDS, "letters read in a wrong encoding"),
        ("red\u200b", _WORDS, "characters that are not seen"),
        ("Red", _WORDS, "spelled differently from others"),
        ("12O", _NUMBERS, "no number, as nearly all others are"),
        ("99999", _NUMBERS, "far from most others"),
        ("soon", [f"2024-01-{day:02}" for day in range(1, 29)], "no day, as nearly all others are"),
    ],
)
def test_one_odd_value_among_many_is_named_with_its_count(
    tmp_path: Path, odd: str, usual: list[str], what: str
) -> None:
    sound = profiled(tmp_path, _lines(usual=usual))
    assert wrong_with(sound, "v") == {}
    count, examples = wrong_with(profiled(tmp_path, _lines(odd, usual=usual)), "v")[what]
    assert count == 1
    assert odd in examples[0]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["", "", ""], "no record has a value"),
        (["x", "x", "x"], "one value alone"),
        (["2024-01-01", "0001-01-01"], "days before 1900"),
        (["2024-01-01", "9999-12-31"], "days after 2099"),
    ],
)
def test_a_column_that_is_odd_as_a_whole_is_named(tmp_path: Path, values: list[str], what: str) -> None:
    assert what in wrong_with(profiled(tmp_path, _lines(usual=values)), "v")


def test_records_that_no_reader_takes_are_counted(tmp_path: Path) -> None:
    found = profiled(tmp_path, "a,b\n1,2\n3,4\n5,6\n7,8\n9\n")
    assert (found.rows, found.refused) == (4, {"wrong_field_count": 1})


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_everything_and_runs_nothing_of_the_data(tmp_path: Path) -> None:
    found = profiled(tmp_path, 'a,<img src=x>\n1,<script>alert(1)</script>\n2,"$title & ""x"""\n')
    parsed = _Texts()
    parsed.feed(page(found))
    assert parsed.tags["script"] == parsed.tags["img"] == 0
    for text in ("<script>alert(1)</script>", '$title & "x"', "<img src=x>", "2 rows"):
        assert text in parsed.text
    assert "http" not in page(found).replace("http-equiv", "")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_column_is_named_whole_at_any_width(tmp_path: Path, width: int) -> None:
    name = "a_very_long_name_of_a_column_that_fits_in_no_narrow_terminal"
    found = profiled(tmp_path, f"{name},b\nx,1\n")
    out = io.StringIO()
    print_profile(found, Console(file=out, width=width))
    letters = "".join(line[: width // 2].split(" ")[0] for line in out.getvalue().splitlines())
    assert name in letters


def test_what_is_printed_as_json_has_every_key(tmp_path: Path) -> None:
    told = json.loads(json.dumps(profiled(tmp_path, "a,b\n1,x\n2,y\n").as_data()))
    assert list(told) == ["of", "format", "files", "rows", "refused", "whole", "notes", "columns"]
    assert list(told["columns"][0]) == [
        "name", "header", "type", "nulls", "distinct", "minimum", "maximum", "shortest", "longest", "top", "patterns",
        "suspicious",
    ]  # fmt: skip
    assert told["columns"][0]["top"] == [{"value": "1", "count": 1}, {"value": "2", "count": 1}]


@pytest.mark.parametrize(
    "values",
    [
        ["1e308", "-1e308"], ["1.7976931348623157e308", "-1.7976931348623157e308", "0"], ["1e308", "9e307", "8e307"],
        ["-1e308", "-9e307", "1"], ["5e-324", "-5e-324", "1e-300"],
    ],
)  # fmt: skip
def test_numbers_at_the_end_of_what_a_double_holds_are_counted_as_others_are(tmp_path: Path, values: list[str]) -> None:
    found = profiled(tmp_path, _lines(usual=values * 9))
    assert found.rows == 9 * len(values)
    assert wrong_with(found, "v") == {}
