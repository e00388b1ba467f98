"""Every real file beside the project is loaded by the contract that is drafted for it; nothing sound is quarantined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.errors import WrongArgument
from sluice.profiling.drafts import draft
from tests.real_data import REAL_DATA, real_data

pytestmark = [pytest.mark.slow, pytest.mark.real_data]

#: What is no file of records, and what is said of it.
_REFUSED = {
    "e-shop clothing 2008.xlsx": "is an Excel workbook",
    "eurofxref-hist.zip": "is a zip archive of one file",
    "orders.zip": "is a zip archive of 3 files",
}
#: Texts about the data: nobody loads them.
_ABOUT = ("LICENSE", "MANIFEST.tsv", "shop clothing infor 2008.txt")
#: Lines of a licence, in C's way, before the events of these files: they are what is broken.
_LICENCE = {"cdc-paimon-debezium-dms": 17}
_FOLDERS = (
    "ad-spend-google-microsoft", "cdc-paimon-debezium-dms", "chorus-ubi-events", "country-codes",
    "exchange-rates-ecb-daily", "exchange-rates-fred", "ms-dp-data", "uci-eshop-clickstream-2008",
    "uci-online-retail", "weather-vega", "world-cities",
)  # fmt: skip


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".md" and path.name not in _ABOUT:
            yield path


def _records(path: Path) -> int:
    """Return how many records a file of one line a record has, its header left out."""
    lines = [line for line in path.read_bytes().split(b"\n") if line.strip()]
    return len(lines) - (path.suffix == ".csv")


@pytest.mark.parametrize("name", _FOLDERS)
def test_every_real_file_is_loaded_whole_by_its_draft(name: str) -> None:
    tried = 0
    for path in _files(real_data(name)):
        if path.name in _REFUSED:
            with pytest.raises(WrongArgument, match=_REFUSED[path.name]):
                draft("things", path, "shop")
            continue
        found = draft("things", path, "shop")
        assert sum(found.read.quarantined.values()) == _LICENCE.get(name, 0), (path, found.read.reasons)
        if path.suffix in (".csv", ".ndjson") and b'\n"' not in path.read_bytes():
            assert found.read.rows == _records(path), path
        assert found.read.whole
        tried += 1
    assert tried


def test_no_folder_of_real_data_is_left_out() -> None:
    real_data("ms-dp-data")
    assert {path.name for path in REAL_DATA.iterdir() if path.is_dir()} == set(_FOLDERS)


def test_a_folder_of_real_files_is_one_dataset() -> None:
    found = draft("retail", real_data("uci-online-retail") / "by-day", "shop")
    assert (found.files, found.read.rows, found.read.quarantined) == (68, 105_335, {})
