"""A file of another kind than its dataset's is refused whole, by the name of what it is, with the way out."""

from __future__ import annotations

import gzip
import io
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import UnreadableFile
from sluice.ingestion.kinds import other_kind
from tests.laws import cases
from tests.sluice.ingestion.reading import column, contract, read

FORMATS = ("csv", "json", "ndjson", "access_log", "parquet")
ROWS = b"id,n\na,1\nb,2\n"


def zipped(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), ROWS)
    return sink.getvalue()


def tarred() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        entry = tarfile.TarInfo("rows.csv")
        entry.size = len(ROWS)
        archive.addfile(entry, io.BytesIO(ROWS))
    return sink.getvalue()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["a"], "n": [1]}), sink)
    return sink.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "rows.db") as connection:
        connection.execute("CREATE TABLE rows (id)")
    return (folder / "rows.db").read_bytes()


PAGE = b"<!DOCTYPE html>\n<html><body>Sign in</body></html>\n"
#: By what it is: the bytes, what is said, and the way out.
SURE = {
    "a workbook": (zipped("[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook", "save it as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "is an old Excel workbook", "save it as CSV"),
    "a document": (zipped("word/document.xml"), "is a Word document", "save it as CSV"),
    "an archive": (zipped("a.csv", "b.csv"), "is a zip archive of 2 files (a.csv, b.csv)", "unpack it"),
    "a cut archive": (zipped("a.csv")[:40], "is a broken zip archive", "unpack it"),
    "a tar archive": (tarred(), "is a tar archive", "unpack it"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "is a PDF document", "as CSV"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "is a picture (PNG)", "take a file with records instead"),
    "a photograph": (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(40), "is a picture (JPEG)", "take a file with records"),
    "a bzip2 file": (b"BZh91AY&SY\x00\x01\x02", "is a bzip2 file", "`bunzip2 FILE`"),
    "an xz file": (b"\xfd7zXZ\x00\x00\x04", "is an xz file", "`unxz FILE`"),
    "an Avro file": (b"Obj\x01\x04\x14avro.codec", "is an Avro file", "convert it to Parquet"),
    "an ORC file": (b"ORC\n\x08\x00\x01", "is an ORC file", "convert it to Parquet"),
    "an archive in gzip": (
        gzip.compress(zipped("a.csv"), mtime=0),
        "is a zip archive, or an Excel workbook",
        "unpack it",
    ),
    "a workbook in gzip": (gzip.compress(zipped("xl/a.xml"), mtime=0), "or an Excel workbook", "save it as CSV"),
}


def refusal(data: bytes, format_: str, **arrival: object) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as told:
        read(data, contract(column("id"), column("n", "int", required=True), format=format_, **arrival))
    return told.value


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", [name for name in SURE if "in gzip" not in name])
def test_a_file_of_another_kind_is_named_with_the_way_out_whatever_is_declared(name: str, format_: str) -> None:
    data, what, way_out = SURE[name]
    error = refusal(data, format_)
    assert what in error.what
    assert f"its dataset's files are {format_}" in error.what
    assert way_out in error.next_step
    assert error.code == "wrong_kind"


def test_a_database_is_named(tmp_path: Path) -> None:
    assert "is an SQLite database" in refusal(database(tmp_path), "csv").what


@pytest.mark.parametrize("format_", [each for each in FORMATS if each != "parquet"])
def test_parquet_by_another_name_is_named(format_: str) -> None:
    error = refusal(parquet(), format_)
    assert "is a Parquet file" in error.what
    assert "declare its format in the contract" in error.next_step


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (ROWS, "is a file of text, as CSV and JSON are"),
        (b'{"id": "a"}\n', "is a file of text"),
        (gzip.compress(ROWS, mtime=0), "is a gzip file"),
        (PAGE, "is an HTML page"),
        (parquet()[:-20], "no whole Parquet file"),
    ],
)
def test_what_is_no_parquet_is_named(data: bytes, what: str) -> None:
    assert what in refusal(data, "parquet").what


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (PAGE, "is an HTML page"),
        (b'{"id": "a", "n": 1}\n', "is JSON"),
        (b"<?xml version='1.0'?><a/>", "is an XML"),
    ],
)
def test_text_of_another_kind_is_named_where_no_record_can_be_read(data: bytes, what: str) -> None:
    assert what in refusal(data, "csv").what
    assert what in refusal(gzip.compress(data, mtime=0), "csv").what


def test_gzip_is_read_whatever_the_contract_says_of_its_name() -> None:
    declared = contract(column("id"), column("n", "int", required=True))
    assert read(gzip.compress(ROWS, mtime=0), declared)[0].num_rows == 2


@pytest.mark.parametrize("begins", [b"BZh", b"ORC", b"Rar!", b"GIF8", b"RIFF", b"PAR1", b"ARROW1", b"<html", b"<?xml"])
def test_a_record_of_text_may_begin_as_another_kind_of_file_does(begins: bytes) -> None:
    declared = contract(column("id"), column("n", "int", required=True), header=False)
    accepted, rejected = read(begins + b"1,5\nb,6\n", declared)
    assert (accepted.column("id").to_pylist(), rejected) == ([f"{begins.decode()}1", "b"], [])


@given(st.text(st.characters(codec="utf-8", exclude_characters='\0\r\n",'), min_size=1))
@settings(max_examples=cases(100), deadline=None)
def test_no_text_is_taken_for_another_kind(text: str) -> None:
    declared = contract(column("id"), column("n", "int", required=True), header=False)
    if text.strip().startswith("%PDF-") or any(letter < " " and letter not in "\t\f\x1b" for letter in text):
        return
    accepted, _ = read(f"{text},5\n".encode(), declared)
    assert accepted.column("n").to_pylist() == [5]


@pytest.mark.parametrize(
    ("header", "said"), [("ID,n", "'ID'"), ("id,N", "'N'"), ("Id,n", "'Id'"), (" i_d ,n", "'i_d'")]
)
def test_a_header_in_another_case_is_named_even_where_its_column_is_not_needed(header: str, said: str) -> None:
    error = refusal(f"{header}\na,1\n".encode(), "csv")
    assert f"says {said}, and the contract" in error.what
    assert "physicalName" in error.next_step
    assert error.code == "header_mismatch"


def test_whatever_byte_of_a_zip_is_spoiled_its_kind_is_told() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "id\n1\n")
    whole = packed.getvalue()
    for place in range(len(whole)):
        for value in (0, 64, 255):
            spoiled = whole[:place] + bytes([value]) + whole[place + 1 :]
            found = other_kind(spoiled[:1000], lambda data=spoiled: io.BytesIO(data))  # type: ignore[misc]
            assert found is None or found.what, (place, value)
