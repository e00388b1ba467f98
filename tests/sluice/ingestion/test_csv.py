from __future__ import annotations

import csv
import gzip
import io
import re

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import UnreadableFile
from tests.laws import cases
from tests.sluice.ingestion.reading import codes, column, contract, read

THINGS = contract(
    column("id", required=True),
    column("n", "int", minimum="1"),
    column("price", "decimal(12,2)"),
    column("day", "date"),
    key=("id",),
)


def test_good_records_have_the_contracts_types_and_their_positions() -> None:
    rows, rejected = read(b"id,n,price,day\na,1,2.50,2026-01-31\nb,2,,\n", THINGS)
    assert not rejected
    assert [str(field.type) for field in rows.schema] == [
        "string", "int32", "decimal128(12, 2)", "date32[day]", "int64",
    ]  # fmt: skip
    assert rows["_position"].to_pylist() == [1, 2]


def test_every_reason_of_a_record_is_kept_with_its_bytes() -> None:
    rows, rejected = read(b"id,n,price,day\na,1,1,2026-01-01\n,0,x,2026-02-30\n", THINGS)
    assert rows.num_rows == 1
    assert codes(rejected) == [(2, ("missing_required", "out_of_range", "unparseable", "unparseable"))]
    assert rejected[0].raw == b",0,x,2026-02-30"
    assert {r.column: r.value for r in rejected[0].reasons} == {"id": None, "n": "0", "price": "x", "day": "2026-02-30"}


def test_a_record_with_too_many_or_few_fields_is_rejected_alone() -> None:
    rows, rejected = read(b"id,n,price,day\na,1,1,2026-01-01\nb,1\nc,1,1,,9\nd,4,4,\n", THINGS)
    assert rows["id"].to_pylist() == ["a", "d"]
    assert rows["_position"].to_pylist() == [1, 4]
    assert codes(rejected) == [(2, ("wrong_field_count",)), (3, ("wrong_field_count",))]
    assert [r.raw for r in rejected] == [b"b,1", b"c,1,1,,9"]


def test_a_stray_quote_costs_its_own_line_and_no_other() -> None:
    rows, rejected = read(b'id,n,price,day\n"a,1,1,2026-01-01\nb,2,2,\n5" pipe,3,3,\n', THINGS)
    assert rows["id"].to_pylist() == ["b", '5" pipe']
    assert codes(rejected) == [(1, ("malformed_record",))]


def test_a_quoted_field_may_hold_delimiters_quotes_and_line_feeds() -> None:
    rows, rejected = read(b'id,n,price,day\n"a,\nb ""c""",1,1,\nz,0,1,\n', THINGS)
    assert rows["id"].to_pylist() == ['a,\nb "c"']
    assert rejected[0].raw == b"z,0,1,"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"a;b\n1;2\n", "delimiter looks like ';'"),
        (b"<!doctype html><p>Sign in</p>\n<p>\n", "an HTML page"),
        (b"x,y\n1,2\n", "lacks a, b"),
        (b"x,y\n", "lacks a, b"),
    ],
)
def test_a_file_with_none_of_the_columns_is_refused_though_each_may_be_left_out(data: bytes, word: str) -> None:
    optional = contract(column("a", "int"), column("b", "int"))
    with pytest.raises(UnreadableFile, match=re.escape(word)):
        read(data, optional)
    assert read(b"b,y\n1,2\n", optional)[0]["b"].to_pylist() == [1]


def test_nul_bytes_and_broken_utf8_reject_their_record_only() -> None:
    rows, rejected = read(b"id,n,price,day\na\x00,1,1,\nb\xff,1,1,\nc,1,1,\n", THINGS)
    assert rows["id"].to_pylist() == ["c"]
    assert codes(rejected) == [(1, ("nul_byte",)), (2, ("wrong_encoding",))]


def test_columns_are_found_by_header_in_any_order_and_optional_ones_may_be_missing() -> None:
    rows, rejected = read(b"day,extra,id\n2026-01-01,x,a\n", THINGS)
    assert not rejected
    assert rows.to_pylist()[0]["id"] == "a"
    assert rows.to_pylist()[0]["price"] is None


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", "empty_file", "empty"),
        (b"n,price\n1,2\n", "header_mismatch", "lacks id"),
        (b"id;n;price;day\na;1;1;\n", "header_mismatch", "delimiter looks like ';'"),
        (b"a,1,1,2026-01-01\nb,1,1,\n", "header_mismatch", "looks like a record"),
        ("id,n\na,1\n".encode("utf-16"), "wrong_encoding", "utf-16"),
        (gzip.compress(b"id,n\n" + b"a,1\n" * 1000, mtime=0)[:-20], "truncated", "truncated"),
        (zstandard.compress(b"id,n\n" + b"a,1\n" * 1000)[:-4], "truncated", "truncated"),
        (b"id,id\na,b\n", "header_mismatch", "twice"),
        (b"x" * (9 << 20) + b"\na,b\n", "header_mismatch", "over 1 MiB"),
    ],
    ids=[
        "empty",
        "no-key",
        "delimiter",
        "no-header",
        "utf-16",
        "cut-gzip",
        "cut-zstd",
        "column-twice",
        "long-header",
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(data: bytes, code: str, word: str) -> None:
    with pytest.raises(UnreadableFile, match=word) as caught:
        read(data, THINGS)
    assert caught.value.code == code


def test_compressed_files_give_the_same_rows() -> None:
    plain = b"id,n,price,day\n" + b"".join(b"k%d,1,1.00,2026-01-01\n" % n for n in range(5000))
    expected = read(plain, THINGS)[0]
    # Two gzip members one after the other are one file.
    halves = gzip.compress(plain[:1000]) + gzip.compress(plain[1000:])
    for data in (gzip.compress(plain), halves, zstandard.compress(plain)):
        assert read(data, THINGS)[0].equals(expected)


def test_other_encodings_and_byte_order_marks_are_read() -> None:
    latin = contract(column("id"), encoding="latin-1")
    assert read("id\nZoë\n".encode("latin-1"), latin)[0]["id"].to_pylist() == ["Zoë"]
    assert read("\ufeffid\nZoë\n".encode(), contract(column("id")))[0]["id"].to_pylist() == ["Zoë"]
    assert read("\ufeff\ufeffid\nZoë\n".encode(), contract(column("id")))[0]["id"].to_pylist() == ["Zoë"]


def test_a_mark_of_utf_32_is_not_taken_for_one_of_utf_16() -> None:
    wide = contract(column("id"), encoding="utf-32")
    assert read("id\nZoë\n".encode("utf-32"), wide)[0]["id"].to_pylist() == ["Zoë"]


def test_columns_that_are_no_contract_s_may_have_one_name_or_none() -> None:
    rows, rejected = read(b"id,,n,,x,x\na,1,2,3,4,5\n", THINGS)
    assert not rejected
    assert (rows["id"].to_pylist(), rows["n"].to_pylist()) == (["a"], [2])


def test_a_record_over_eight_mebibytes_is_put_away_and_the_rest_goes_on() -> None:
    long = b"x" * (20 << 20)
    data = b"id,n,price,day\na,1,1,\n" + long + b",1,1,\nz,1,1,\n"
    rows, rejected = read(data, THINGS)
    assert rows["id"].to_pylist() == ["a", "z"]
    assert codes(rejected) == [(2, ("record_too_long",))]
    assert rejected[0].pointer == "memory:"


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)


@settings(max_examples=cases(150), deadline=None)
@given(st.lists(st.tuples(cells.filter(bool), cells), min_size=1, max_size=30))
def test_what_the_standard_library_writes_is_read_back(records: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "note"])
    writer.writerows(records)
    rows, rejected = read(text.getvalue().encode(), contract(column("id"), column("note")))
    assert not rejected
    assert list(zip(rows["id"].to_pylist(), [v or "" for v in rows["note"].to_pylist()], strict=True)) == records


def test_a_refused_record_is_kept_as_utf_8_where_a_letter_may_have_been_sent_in_several_ways() -> None:
    for encoding, sent in (("cp932", b"x,\xfa\x54"), ("utf-7", b"x,+AGE-"), ("utf-16", "x,a".encode("utf-16")[2:])):
        declared = contract(column("id"), column("n", "int"), encoding=encoding)
        _, rejected = read("id,n\n".encode(encoding) + sent, declared)
        assert [record.raw for record in rejected] == [sent.decode(encoding).encode()]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16-le", "utf-32-be", "iso8859-15"])
def test_a_refused_record_is_kept_as_it_was_sent(encoding: str) -> None:
    declared = contract(column("id"), column("n", "int"), encoding=encoding)
    name = "Zo\u00eb"
    _, rejected = read(f'id,n\n{name},x\n"{name}"{name},1\n'.encode(encoding), declared)
    assert [record.raw for record in rejected] == [f"{name},x".encode(encoding), f'"{name}"{name},1'.encode(encoding)]
