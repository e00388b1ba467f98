"""Of a large file the beginning is looked at, and that is said; its cut end is taken for no broken record."""

from __future__ import annotations

import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.cli.drafting import in_words
from sluice.ingestion import source as opened
from sluice.profiling import sources
from sluice.profiling.profiles import profile_files
from tests.laws import cases
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


def _line(number: int) -> str:
    return f"{number},2024-01-{number % 28 + 1:02}T10:00:00,{'é' * (number % 7)}x\n"


@settings(max_examples=cases(600), deadline=None)
@given(
    most=st.integers(1, 4_000), chunk=st.integers(24, 900), lines=st.integers(1, 60),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]),
)  # fmt: skip
def test_a_file_is_cut_behind_a_line_wherever_chunks_end(
    tmp_path_factory: pytest.TempPathFactory, most: int, chunk: int, lines: int, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("cut") / "things.csv"
    text = "id,at,words\n" + "".join(map(_line, range(lines)))
    path.write_bytes(text.encode(encoding))
    (source,) = sources.sources_of(path)
    source = replace(source, most=most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened, "READ_SIZE", chunk)
        read = b"".join(source.chunks())
    assert text.encode(encoding).startswith(read)
    assert bool(source.cut) == (len(text.encode(encoding)) > most)
    if source.cut:
        assert len(read) <= most
        told = read.decode(encoding, "ignore")
        assert told.endswith("\n") or "\n" not in text.encode(encoding)[:most].decode(encoding, "ignore")
        longest = max(len(line.encode(encoding)) for line in text.splitlines(keepends=True))
        assert len(read) > most - longest - 4
    else:
        assert read.decode(encoding) == text


@pytest.mark.parametrize("packed", [False, True])
def test_the_last_record_is_whole_where_what_is_read_at_once_divides_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr(sources, "MOST_LOOKED_AT", 64 << 10)
    monkeypatch.setattr(opened, "READ_SIZE", 16 << 10)
    data = (
        "n,day\n9,2024-01-01\n8,2024-01-01\n" + "".join(f"{n},2024-01-{n % 28 + 1:02}\n" for n in range(9_000))
    ).encode()
    assert b"," in data[: 64 << 10].rpartition(b"\n")[2]
    found = drafted(tmp_path, gzip.compress(data, mtime=0) if packed else data)
    assert types_of(found) == {"n": "bigint", "day": "date"}
    assert found.read.quarantined == {}
    assert not found.read.whole


def test_a_line_that_no_reader_takes_whole_waits_for_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_RECORD", 1_000)
    monkeypatch.setattr(opened, "READ_SIZE", 300)
    (tmp_path / "a.json").write_text(f"[{','.join(_OBJECTS)}]")
    (source,) = sources.sources_of(tmp_path / "a.json")
    assert max(map(len, source.chunks())) <= 1_300


def test_of_lines_that_are_very_short_fewer_bytes_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_LINES", 5_000)
    monkeypatch.setattr(opened, "READ_SIZE", 1_000)
    found = drafted(tmp_path, "n\n" + "7\n8\n" * 10_000)
    assert 4_900 <= found.read.rows < 6_000
    assert not found.read.whole
    assert found.read.quarantined == {}
