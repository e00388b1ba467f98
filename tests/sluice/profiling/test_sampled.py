"""Of a large file the beginning is looked at, and that is said; its cut end is taken for no broken record."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.cli.drafting import in_words
from sluice.profiling import sources
from sluice.profiling.profiles import profile_files
from tests.sluice.profiling.drafting import drafted, types_of

_COUNT = 20_000
_ROWS = [(number, f"some words, {number}\nand a line") for number in range(_COUNT)]
_CSV = "id,words\n" + "".join(f'{number},"{words}"\n' for number, words in _ROWS)
_OBJECTS = [json.dumps({"id": number, "words": words}) for number, words in _ROWS]


def _parquet() -> bytes:
    sink = io.BytesIO()
    numbers, words = zip(*_ROWS, strict=True)
    pq.write_table(pa.table({"id": numbers, "words": words}), sink, row_group_size=1_000)
    return sink.getvalue()


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at 100 kB of each file; what is read at once is less."""
    monkeypatch.setattr(sources, "MOST_LOOKED_AT", 100_000)
    monkeypatch.setattr(sources, "_LEAST_OF_EACH", 10_000)


_KINDS = {
    "csv": _CSV.encode(),
    "csv in UTF-16": _CSV.encode("utf-16"),
    "csv in UTF-16 without a mark": _CSV.encode("utf-16-be"),
    "csv that is packed": gzip.compress(_CSV.encode(), mtime=0),
    "JSON lines": "\n".join(_OBJECTS).encode(),
    "an array": f"[{','.join(_OBJECTS)}]".encode(),
    "an array in lines": ("[\n" + ",\n".join(_OBJECTS) + "\n]").encode(),
    "parquet": _parquet(),
}


@pytest.mark.parametrize("kind", _KINDS)
def test_the_beginning_is_enough_and_its_end_is_no_broken_record(tmp_path: Path, kind: str) -> None:
    found = drafted(tmp_path, _KINDS[kind], "things.parquet" if kind == "parquet" else "things.txt")
    assert types_of(found) == {"id": "bigint", "words": "string"}
    assert found.read.quarantined == {}
    assert 100 < found.read.rows < _COUNT
    assert not found.read.whole
    assert "Only the beginning of the file was looked at" in in_words(Path("things.yaml"), found)
    profile = profile_files(tmp_path)
    assert (profile.whole, profile.refused) == (False, {})


def test_all_of_a_small_file_is_looked_at(tmp_path: Path) -> None:
    found = drafted(tmp_path, "id,words\n1,x\n")
    assert found.read.whole
    assert "Only the beginning" not in in_words(Path("things.yaml"), found)
