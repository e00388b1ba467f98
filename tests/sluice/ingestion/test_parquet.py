from __future__ import annotations

import base64
import io
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import FileTooLarge, UnreadableFile
from sluice.ingestion.readers import parquet_plan
from sluice.ingestion.readers.parquet_refused import refused_rows
from sluice.ingestion.readers.parquet_sizes import broken_texts
from tests.laws import cases
from tests.sluice.ingestion.reading import codes, column, contract, read

THINGS = contract(column("id", required=True), column("n", "int"), column("cost", "decimal(12,2)"), format="parquet")


def parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def test_rows_that_do_not_fit_are_kept_as_json() -> None:
    table = pa.table({"id": ["a", None, "c"], "n": pa.array([1, 2, 2**40]), "cost": ["1.5", "2", "x"]})
    rows, rejected = read(parquet(table), THINGS)
    assert rows.to_pylist() == [{"id": "a", "n": 1, "cost": Decimal("1.50"), "_position": 1}]
    assert codes(rejected) == [(2, ("missing_required",)), (3, ("unparseable", "unparseable"))]
    assert rejected[1].raw == b'{"id":"c","n":1099511627776,"cost":"x"}'


def test_a_file_cut_short_is_refused() -> None:
    data = parquet(pa.table({"id": ["a"] * 1000}))
    for cut in (data[:-10], data[:100], b"not parquet at all"):
        with pytest.raises(UnreadableFile, match="no whole Parquet file"):
            read(cut, THINGS)


def test_a_missing_required_column_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="lacks the columns id"):
        read(parquet(pa.table({"n": [1]})), THINGS)


def test_a_file_with_none_of_the_columns_is_refused_though_each_may_be_left_out() -> None:
    optional = contract(column("a", "int"), column("b", "int"), format="parquet")
    with pytest.raises(UnreadableFile, match="lacks the columns a, b"):
        read(parquet(pa.table({"x": [1]})), optional)
    assert read(parquet(pa.table({"b": [1], "x": [1]})), optional)[0]["b"].to_pylist() == [1]


def accepted(values: pa.Array, kind: str) -> list[Any]:
    """Return what a column of ``values`` becomes in a contract's type; ``REFUSED`` for each that is refused."""
    declared = contract(column("v", kind), format="parquet")
    rows, rejected = read(parquet(pa.table({"v": values})), declared)
    found = dict(zip(rows["_position"].to_pylist(), rows["v"].to_pylist(), strict=True))
    assert len(found) + len(rejected) == len(values)
    return [found.get(place, REFUSED) for place in range(1, len(values) + 1)]


REFUSED = "refused"


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        (pa.array([1.239, 1.5, 2.0, None]), "decimal(10,2)", [REFUSED, Decimal("1.50"), Decimal("2.00"), None]),
        (pa.array([0.1 + 0.2], pa.float64()), "decimal(10,2)", [REFUSED]),
        (pa.array([1.1], pa.float32()), "decimal(10,2)", [Decimal("1.10")]),
        (pa.array([float("nan"), float("inf")]), "decimal(10,2)", [REFUSED, REFUSED]),
        (pa.array([7, 10**9]), "decimal(10,2)", [Decimal("7.00"), REFUSED]),
        (pa.array([Decimal("1.239"), Decimal("1.230")]), "decimal(10,2)", [REFUSED, Decimal("1.23")]),
        (pa.array([Decimal("7.5"), Decimal("7.0")]), "int", [REFUSED, 7]),
        (pa.array([3.0, 3.5, 2.0**40]), "int", [3, REFUSED, REFUSED]),
        (pa.array([2, 1, 0]), "boolean", [REFUSED, True, False]),
        (pa.array([True]), "int", [REFUSED]),
        (pa.array([True]), "double", [REFUSED]),
        (pa.array([5], pa.time32("s")), "int", [REFUSED]),
        (pa.array([5], pa.time64("us")), "bigint", [REFUSED]),
        (pa.array([5], pa.duration("us")), "bigint", [REFUSED]),
        (pa.array([5], pa.duration("us")), "string", [REFUSED]),
        (pa.array([5], pa.int32()), "date", [REFUSED]),
        (pa.array([5]), "timestamp", [REFUSED]),
        (pa.array([0], pa.date32()), "int", [REFUSED]),
        (pa.array([1], pa.timestamp("us")), "bigint", [REFUSED]),
        (pa.array([1, 1_000], pa.timestamp("ns")), "timestamp", [REFUSED, datetime(1970, 1, 1, 0, 0, 0, 1)]),
        (pa.array([0, 1], pa.timestamp("s")), "date", [date(1970, 1, 1), REFUSED]),
        (pa.array([0], pa.date32()), "timestamp", [datetime(1970, 1, 1)]),
        (pa.array([0], pa.timestamp("us", "Europe/Berlin")), "timestamp", [datetime(1970, 1, 1)]),
        (pa.array([2**53 + 1]), "double", [REFUSED]),
        (pa.array([b"\xff", b"ok"]), "string", [REFUSED, "ok"]),
        (pa.array([b"17", b"x"]), "int", [17, REFUSED]),
        (pa.array([[1]]), "string", [REFUSED]),
        (pa.array([{"a": 1}]), "int", [REFUSED]),
    ],
)
def test_a_value_is_what_it_was_or_refused(values: pa.Array, kind: str, wanted: list[Any]) -> None:
    assert accepted(values, kind) == wanted


DOUBLES = st.floats(-1e7, 1e7) | st.decimals(min_value=-1_000, max_value=1_000, places=2).map(float)


@settings(max_examples=cases(200), deadline=None)
@given(DOUBLES, st.sampled_from(["decimal(10,2)", "decimal(38,18)"]))
def test_a_double_has_the_verdict_of_its_digits_in_a_csv(value: float, kind: str) -> None:
    rows, _ = read(f"v\n{value!r}\n".encode(), contract(column("v", kind)))
    assert accepted(pa.array([value]), kind) == (rows["v"].to_pylist() or [REFUSED])


def test_a_refused_row_loses_nothing_on_its_way_to_json() -> None:
    table = pa.table(
        {
            "id": pa.array([None], pa.string()),
            "bytes": [b"\xff\x00"],
            "nan": [float("nan")],
            "low": [float("-inf")],
            "cost": [Decimal("1.50")],
            "nano": pa.array([1], pa.timestamp("ns")),
            "zoned": pa.array([1], pa.timestamp("us", "Europe/Berlin")),
            "took": pa.array([5], pa.duration("ns")),
            "clock": pa.array([5], pa.time32("s")),
            "deep": [[{"a": b"\xff", "b": None}]],
            "pairs": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "large": pa.array([2**64 - 1], pa.uint64()),
            "far": pa.array([2**62], pa.timestamp("us")),
            "n": pa.array([1], pa.int32()),
        }
    )
    _, (record,) = read(parquet(table), THINGS)
    assert record.raw is not None
    assert json.loads(record.raw) == {
        "id": None,
        "bytes": {"$base64": "/wA="},
        "nan": {"$float": "NaN"},
        "low": {"$float": "-Infinity"},
        "cost": "1.50",
        "nano": "1970-01-01 00:00:00.000000001",
        "zoned": "1970-01-01 00:00:00.000001Z",
        "took": {"$type": "duration[ns]", "$value": 5},
        "clock": "00:00:05.000",
        "deep": [{"a": {"$base64": "/w=="}, "b": None}],
        "pairs": [["k", 1]],
        "large": 2**64 - 1,
        "far": {"$type": "timestamp[us]", "$value": 2**62},
        "n": 1,
    }


def test_text_that_is_not_utf8_refuses_its_row_at_any_depth_and_keeps_its_bytes() -> None:
    broken = pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())
    deep = pa.ListArray.from_arrays(pa.array([0, 0, 1, 1, 1], pa.int32()), broken[1:2])
    for options in ({}, {"use_dictionary": False}):
        out = io.BytesIO()
        pq.write_table(pa.table({"id": broken, "n": [1, 2, 3]}), out, **options)
        rows, rejected = read(out.getvalue(), THINGS)
        assert rows["id"].to_pylist() == ["a", "c"]
        assert codes(rejected) == [(2, ("wrong_encoding",))]
        assert rejected[0].raw == b'{"id":{"$base64":"/w=="},"n":2}'
    rows, rejected = read(parquet(pa.table({"id": list("abcd"), "more": deep})), THINGS)
    assert rows["id"].to_pylist() == ["a", "c", "d"]
    assert codes(rejected) == [(2, ("wrong_encoding",))]


def test_a_file_that_names_a_column_twice_is_refused() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["id", "id"])
    with pytest.raises(UnreadableFile, match="names a column twice: id"):
        read(parquet(table), THINGS)


@pytest.mark.slow
def test_a_page_that_has_no_room_is_refused_before_it_is_read() -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["x" * 1_000_000] * 200}), out, use_dictionary=False, compression="zstd")
    assert len(out.getvalue()) < 20_000
    with pytest.raises(FileTooLarge, match="row group 0"):
        read(out.getvalue(), THINGS)


def test_a_row_whose_text_is_longer_than_a_record_may_be_is_refused_alone() -> None:
    table = pa.table({"id": ["a", "x" * (9 << 20), "c"]})
    rows, rejected = read(parquet(table), THINGS)
    assert rows["id"].to_pylist() == ["a", "c"]
    assert codes(rejected) == [(2, ("record_too_long",))]


@pytest.mark.slow
def test_rows_are_the_same_however_few_come_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table(
        {"id": [f"k{n % 50}" for n in range(2_000)], "n": list(range(2_000)), "l": [[n] for n in range(2_000)]}
    )
    wanted = read(parquet(table), THINGS)
    monkeypatch.setattr(parquet_plan, "BATCH_BYTES", 500)
    monkeypatch.setattr(parquet_plan, "_READ_AHEAD", 0)
    monkeypatch.setattr("sluice.ingestion.readers.parquet.TEXT_AT_ONCE", 20)
    found = read(parquet(table), THINGS)
    assert found[0].equals(wanted[0])
    assert found[1] == wanted[1]


def test_row_groups_without_rows_are_no_fault() -> None:
    none = pa.table({"id": pa.array([], pa.string()).dictionary_encode(), "n": pa.array([], pa.int32())})
    plain = none.set_column(0, "id", pa.array([], pa.string()))
    for table in (none, plain):
        rows, rejected = read(parquet(table), THINGS)
        assert (len(rows), rejected) == (0, [])
    out = io.BytesIO()
    with pq.ParquetWriter(out, plain.schema) as writer:
        for ids in (["a"], [], ["b", "c"], []):
            writer.write_table(pa.table({"id": ids, "n": list(range(len(ids)))}, plain.schema))
    rows, _ = read(out.getvalue(), THINGS)
    assert rows["id"].to_pylist() == ["a", "b", "c"]


def _flipped(data: bytes, place: int, bit: int) -> bytes:
    out = bytearray(data)
    out[place] ^= 1 << bit
    return bytes(out)


def _small(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, store_schema=False, write_statistics=False, **options)
    return out.getvalue()


TWENTY = pa.table({"id": [f"k{n}" for n in range(20)], "n": list(range(20)), "l": [[n, n + 1] for n in range(20)]})
FLIPPED = {
    "plain": _small(TWENTY.select(["id", "n"]), use_dictionary=False, compression="none"),
    "row groups": _small(TWENTY.select(["id", "n"]), row_group_size=10),
    "pages of lists": _small(TWENTY, use_dictionary=False, data_page_size=16),
}


def _assert_no_row_is_lost(name: str, places: slice) -> None:
    data = FLIPPED[name]
    wanted, _ = read(data, THINGS)
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    for place, bit in [(place, bit) for place in range(footer, len(data)) for bit in range(8)][places]:
        try:
            rows, rejected = read(_flipped(data, place, bit), THINGS)
        except UnreadableFile:
            continue
        assert sorted([*rows["_position"].to_pylist(), *(one.position or 0 for one in rejected)]) == list(range(1, 21))
        # A bit of a column's type makes other values of the same bytes: rows may be refused by it, never changed.
        kept = pc.is_in(wanted["_position"], rows["_position"].combine_chunks())
        assert rows.combine_chunks().equals(wanted.filter(kept).combine_chunks()), (place - footer, bit)


@pytest.mark.parametrize("name", FLIPPED)
def test_no_row_is_lost_by_a_bit_of_the_footer(name: str) -> None:
    _assert_no_row_is_lost(name, slice(None, None, 17))


@pytest.mark.proof
@pytest.mark.parametrize("name", FLIPPED)
def test_no_row_is_lost_by_any_bit_of_the_footer(name: str) -> None:
    _assert_no_row_is_lost(name, slice(None))


VIEWS = {
    "text": pa.array(["a", None, "c"], pa.string_view()),
    "bytes": pa.array([b"\xff", None, b"c"], pa.binary_view()),
    "in a struct": pa.StructArray.from_arrays([pa.array(["a", "b", None], pa.string_view())], ["m"]),
    "in a list": pa.array([["a", None], None, []], pa.list_(pa.string_view())),
    "in a map": pa.array([[("k", "v")], None, []], pa.map_(pa.string_view(), pa.string_view())),
    "list": pa.array([["a", "b"], None, ["c"]], pa.list_view(pa.string())),
    "large list": pa.array([["a", "b"], None, []], pa.large_list_view(pa.string_view())),
    "list in a struct": pa.StructArray.from_arrays([pa.array([[1], None, [2, 3]], pa.list_view(pa.int8()))], ["m"]),
    "list in a map": pa.array([[("k", [1, 2])], None, [("k", None)]], pa.map_(pa.string(), pa.list_view(pa.int8()))),
    "list in a list": pa.array([[["a"], ["b", "c"]], None, [None]], pa.list_view(pa.list_view(pa.string_view()))),
}


def _plainly(value: Any) -> Any:
    """Return a value as ``lossless`` writes it."""
    if isinstance(value, bytes):
        return {"$base64": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return list(map(_plainly, value))
    return {key: _plainly(part) for key, part in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_read_as_what_they_show(name: str, dictionary: bool) -> None:
    values = VIEWS[name]
    out = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b", "c"], "n": ["x"] * 3, "v": values}), out, use_dictionary=dictionary)
    _, rejected = read(out.getvalue(), THINGS)
    found = [json.loads(record.raw or b"")["v"] for record in rejected]
    assert found == _plainly(values.to_pylist())
    _, rejected = read(out.getvalue(), contract(column("v", fmt="json"), column("n", "int"), format="parquet"))
    assert [json.loads(record.raw or b"")["v"] for record in rejected] == found


def test_a_view_is_a_columns_text() -> None:
    assert accepted(VIEWS["text"], "string") == ["a", None, "c"]


def test_a_column_that_nobody_needs_and_nothing_can_read_costs_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = pa.array([[n, n + 1] if n != 25 else None for n in range(40)], pa.list_(pa.int64(), 2))
    ids = [f"k{n}" for n in range(40)]
    data = parquet(pa.table({"pair": pairs, "id": ids, "n": [None if n % 2 else "x" for n in range(40)]}))
    for at_once in (32 << 20, 1_000):
        monkeypatch.setattr(parquet_plan, "BATCH_BYTES", at_once)
        rows, rejected = read(data, THINGS)
        assert rows["id"].to_pylist() == ids[1::2]
        assert [one.position for one in rejected] == list(range(1, 41, 2))
        kept = [json.loads(one.raw or b"") for one in rejected]
        assert [list(one) for one in kept] == [["pair", "id", "n"]] * 20
        # What was read before the fault stands; the rest says what is missing.
        there = [one["pair"] for one in kept if isinstance(one["pair"], list)]
        assert there == [[n, n + 1] for n in range(0, 2 * len(there), 2)]
        assert (0 < len(there) <= 12) == (at_once == 1_000)
        assert all("lists to be of size=2" in one["pair"]["$unreadable"] for one in kept[len(there) :])
        with pytest.raises(UnreadableFile, match="broken after row"):
            read(data, contract(column("pair", fmt="json"), format="parquet"))


@pytest.mark.parametrize("year", [1, 1600, 1677, 2024, 2263, 9999])
def test_timestamps_of_96_bits_are_of_any_year(year: int) -> None:
    at = datetime(year, 12, 31, 12, 30, 15, 123_456)
    out = io.BytesIO()
    none = pa.nulls(2, pa.string())
    table = pa.table({"at": pa.array([at, None], pa.timestamp("us")), "l": pa.array([[at], []]), "x": none})
    pq.write_table(table, out, use_deprecated_int96_timestamps=True)
    assert pq.ParquetFile(out).schema.column(0).physical_type == "INT96"
    rows, _ = read(out.getvalue(), contract(column("at", "timestamp"), format="parquet"))
    assert rows["at"].to_pylist() == [at, None]
    _, (record, _) = read(out.getvalue(), contract(column("at"), column("x", required=True), format="parquet"))
    assert json.loads(record.raw or b"") == {"at": f"{at}", "l": [f"{at}"], "x": None}


def test_what_is_no_value_of_its_type_is_told_from_what_is_no_text() -> None:
    days = pa.array([86_400_000, 5, 7, 0]).view(pa.date64())
    deep = pa.ListArray.from_arrays([0, 1, 2, 3, 4], days)
    columns = {"id": pa.array([b"a", b"b", b"\xff", b"d"]).view(pa.string()), "day": days, "days": deep}
    found = refused_rows(columns, pa.array([1, 1, 1, 1]))
    assert {row: reason.code for row, reason in found.items()} == {1: "unparseable", 2: "wrong_encoding"}
    assert found[1].message.startswith("day is no date64[ms]: ")
    assert "whole number of days" in found[1].message


@given(st.lists(st.none() | st.binary(max_size=6) | st.text(max_size=3).map(str.encode), min_size=1, max_size=30))
def test_exactly_what_no_decoder_takes_is_no_text(values: list[bytes | None]) -> None:
    def broken(value: bytes | None) -> bool:
        return value is not None and value.decode(errors="ignore").encode() != value

    text = pa.array(values, pa.binary()).view(pa.string())
    assert broken_texts(text).to_pylist() == [int(broken(value)) for value in values]
    lists = pa.ListArray.from_arrays([0, 0, len(values)], text)
    assert broken_texts(lists).to_pylist() == [0, sum(map(broken, values))]
