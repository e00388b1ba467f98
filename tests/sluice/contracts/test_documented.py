"""``docs/reference/contracts.md`` says what the code allows, neither less nor more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from sluice.contracts.arrival import _FILE_KEYS, _STREAM_KEYS
from sluice.contracts.checks import _UNITS
from sluice.contracts.model import CLASSIFICATIONS, PRIVATE, Arrival
from sluice.contracts.partitions import TRANSFORMS
from sluice.contracts.spellings import SPELLINGS
from sluice.contracts.values.patterns import LETTERS
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.ingestion.changes import ENVELOPES
from sluice.load import FORMATS, load_contracts

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "contracts.md").read_text()


def rows(title: str) -> dict[str, list[str]]:
    """Return the other cells of each name in the first column of the section's table."""
    section = TEXT.split(f"## {title}")[1].split("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return {name: row[1:] for row in cells[2:] for name in re.findall(r"`([^`]+)`", row[0])}


def test_the_options_of_an_arrival_are_those_of_the_code() -> None:
    said = {option: cells[1:] for option, cells in rows("How files arrive").items()}
    own = {option for each in (*FORMATS.files.values(), *FORMATS.streams.values()) for option in each.own}
    assert set(said) == {"format", "delimiter", *_FILE_KEYS, *_STREAM_KEYS, *own}
    for option in set(said) - {"format", *(_STREAM_KEYS.keys() - _FILE_KEYS)}:
        acts_in = [name for name, each in FORMATS.files.items() if option in (*each.options, *each.own)]
        assert said[option][0].split(", ") == (acts_in or ["all"]), option
    assert {option for option, cells in said.items() if cells[0] == "streams"} == _STREAM_KEYS.keys() - _FILE_KEYS
    see_extra = [name for name, each in FORMATS.files.items() if each.extra_columns]
    assert f"for {' and '.join(see_extra)} also `reject`" in said["extraColumns"][1]
    for field, name in (("compression", "compression"), ("null_keys", "nullKeys")):
        assert set(re.findall(r"`(\w+)`", said[name][1])) == set(get_args(get_type_hints(Arrival)[field]))
    files, _, streams = said["format"][1].partition("; of a stream ")
    assert set(re.findall(r"`(\w+)`", files)) == set(FORMATS.files)
    assert set(re.findall(r"`(\w+)`", streams)) == set(FORMATS.streams)


def test_each_option_stands_where_it_is_said_to() -> None:
    servers = {option for option, cells in rows("How files arrive").items() if cells[0] == "`servers`"}
    assert servers == {"format", "delimiter"}
    assert not servers & {*_FILE_KEYS, *_STREAM_KEYS}


def test_the_example_of_a_whole_contract_is_sound(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml[^\n]*\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (tmp_path / "invoices.yaml").write_text(text)
    (contract,) = load_contracts([tmp_path])
    assert contract.table == "bronze.invoices"
    assert [(column.name, str(column.type)) for column in contract.columns]


def test_every_option_that_a_format_names_is_one_of_an_arrival_and_its_own_are_no_others() -> None:
    shared = {"delimiter", *_FILE_KEYS}
    for each in (*FORMATS.files.values(), *FORMATS.streams.values()):
        assert set(each.options) <= shared
        assert not set(each.own) & shared
    assert not any(each.options for each in FORMATS.streams.values()), "what acts in a stream acts in all of them"


def test_a_streams_records_are_changes_in_every_envelope_and_in_no_plain_format() -> None:
    assert {name for name in FORMATS.streams if Arrival(name, stream=True).changes} == set(ENVELOPES)
    assert not any(Arrival(name).changes for name in (*FORMATS.files, *FORMATS.streams))


def test_the_letters_of_a_pattern_are_those_of_the_code() -> None:
    said = set(rows("How dates and times are written"))
    assert (said - {"S", "SSSSSS"}) | {"S" * n for n in range(1, 7)} == set(LETTERS)
    assert all(f"`{name}`" in TEXT for name in EPOCH_FORMATS)


@pytest.mark.parametrize(("title", "allowed"), [("How a table is partitioned", TRANSFORMS)])
def test_the_transforms_are_those_of_the_code(title: str, allowed: dict[str, tuple[str, ...]]) -> None:
    assert {name: set(row[0].split(", ")) for name, row in rows(title).items()} == {
        name: set(types) for name, types in allowed.items()
    }


def test_the_spellings_are_those_of_the_code() -> None:
    said = rows("How other values are written")
    assert set(said) == set(SPELLINGS)
    for name, types in SPELLINGS.items():
        assert said[name][0] == "all but binary" if name == "trim" else set(said[name][0].split(", ")) == set(types)


def test_the_units_of_checks_are_those_of_the_code() -> None:
    section = TEXT.split("## What is checked of a derived table")[1].split("\n## ")[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    said = {re.findall(r"(\w+)`$", row[0])[0]: re.findall(r"`(\w+)`", row[2]) for row in cells[2:]}
    assert said == {name: list(units) for name, units in _UNITS.items()} | {"sql": []}


def test_the_classifications_are_those_of_the_code() -> None:
    section = TEXT.split("(`classification`)")[1].split("\n## ")[0]
    acting, documenting = section.split(" are shown ")
    assert tuple(re.findall(r"`(\w+)`", acting)) == PRIVATE
    assert (*PRIVATE, *re.findall(r"`(\w+)`", documenting)) == CLASSIFICATIONS
