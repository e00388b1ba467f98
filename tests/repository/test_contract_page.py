"""docs/contracts.md says what contracts may say: the formats and options that there are, and a sound example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluice.contracts.arrival import _FILE_KEYS, _STREAM_KEYS
from sluice.folders import ROOT
from sluice.ingestion.changes.envelopes import ENVELOPES
from sluice.ingestion.formats import FILE_FORMATS
from sluice.load import load_contracts

PAGE = (ROOT / "docs" / "contracts.md").read_text()
#: By the option's name: where it stands, what it is for, what is allowed.
ROWS = {
    name: cells
    for names, *cells in re.findall(r"^\| (`.+?`) \| `(servers|arrival)` \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", names)
}


def test_the_page_names_each_format() -> None:
    files, _, streams = ROWS["format"][2].partition("; of a stream ")
    assert re.findall(r"`(\w+)`", files) == sorted(FILE_FORMATS)
    assert sorted(re.findall(r"`(\w+)`", streams)) == sorted(["json", *ENVELOPES])


def test_the_page_names_each_option_where_it_stands() -> None:
    assert {name for name, (stands, *_) in ROWS.items() if stands == "arrival"} == {*_FILE_KEYS, *_STREAM_KEYS}
    assert {name for name, (stands, *_) in ROWS.items() if stands == "servers"} == {"format", "delimiter"}


@pytest.mark.parametrize("option", sorted({option for each in FILE_FORMATS.values() for option in each.options}))
def test_the_page_says_in_which_formats_an_option_acts(option: str) -> None:
    assert ROWS[option][1].split(", ") == [name for name, each in FILE_FORMATS.items() if option in each.options]


def test_the_page_says_which_formats_see_other_columns() -> None:
    (told,) = re.findall(r"for (.+) also `reject`", ROWS["extraColumns"][2])
    assert told.split(" and ") == [name for name, each in FILE_FORMATS.items() if each.extra_columns]


def test_the_example_of_a_whole_contract_is_sound(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "invoices.yaml").write_text(text)
    (contract,) = load_contracts([tmp_path])
    assert contract.table == "bronze.invoices"
    assert [(column.name, str(column.type)) for column in contract.columns]
