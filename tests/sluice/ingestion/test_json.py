from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import UnreadableFile
from sluice.ingestion.check import check_block
from sluice.ingestion.readers.json_records import parse_records
from tests.laws import cases
from tests.sluice.ingestion.reading import codes, column, contract, read

COLUMNS = (
    column("id", required=True),
    column("n", "int"),
    column("cost", "decimal(12,2)"),
    column("at", "timestamp"),
    column("ok", "boolean"),
)
NDJSON = contract(*COLUMNS, format="ndjson")
JSON = contract(*COLUMNS, format="json")


def test_numbers_and_text_both_make_decimals() -> None:
    data = b'{"id":"a","cost":1.50}\n{"id":"b","cost":"2.25"}\n{"id":"c"}\n'
    rows, rejected = read(data, NDJSON)
    assert not rejected
    assert rows["cost"].to_pylist() == [Decimal("1.50"), Decimal("2.25"), None]


def test_one_bad_record_costs_itself_only_and_gives_the_same_rows_as_without_it() -> None:
    good = [b'{"id":"%d","n":%d,"cost":%d.5,"at":"2026-01-01T00:00:0%dZ","ok":true}' % (n, n, n, n) for n in range(9)]
    clean = read(b"\n".join(good), NDJSON)[0].drop_columns("_position")
    bad = [b"{broken", b"[1]", b'{"id":5}', b'{"id":"x","n":"y"}', b'{"id":"x","n":1.5}', b'{"n":1}', b'{"id":"\xff"}']
    mixed = [*good[:5], *bad, *good[5:]]
    rows, rejected = read(b"\n".join(mixed) + b"\n", NDJSON)
    assert rows.drop_columns("_position").equals(clean)
    assert [code for _, code in codes(rejected)] == [
        ("malformed_record",),
        ("malformed_record",),
        ("unparseable",),
        ("unparseable",),
        ("unparseable",),
        ("missing_required",),
        ("wrong_encoding",),
    ]
    assert [r.position for r in rejected] == list(range(6, 13))
    assert [r.raw for r in rejected] == bad


def test_an_object_stays_the_json_text_it_came_as() -> None:
    declared = contract(column("id"), column("n", "int"), column("tags", fmt="json"), format="ndjson")
    tags = '{"a": [1, 2.50], "b": "Łódź"}'
    data = (
        f'{{"id":"a","tags":{tags}}}\n{{"id":"b","n":"1","tags":{tags}}}\n{{"id":"c","tags":null}}\n'
        '{"id":"d","tags":[]}\n{"id":"e","tags":7}\n{"id":"f","tags":"{}"}\n'
    ).encode() + b'{"id":"g","tags":{"a":"\xff"}}\n'
    rows, rejected = read(data, declared)
    kept = {row["id"]: row["tags"] for row in rows.to_pylist()}
    assert kept == {"a": tags, "b": tags, "c": None, "d": "[]", "f": "{}"}
    assert codes(rejected) == [(5, ("unparseable",)), (7, ("wrong_encoding",))]


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(["1.5", "7", "007", "true", "2026-01-01T00:00:00Z", "", "0x1F", "1e3"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=1),
).map(lambda value: json.dumps(value).encode())
_WRITTEN = st.one_of(
    _VALUES,
    st.sampled_from(
        [
            b"12345678901234567890123.45",
            b"1E400",
            b"1.0",
            b"-0",
            b'"\\ud800"',
            b'"\\udc00\\ud800x"',
            b'"\xff"',
            b'"\\u0031"',
            b"01",
        ]
    ),
)
_OBJECTS = st.dictionaries(st.sampled_from([c.header for c in COLUMNS] + ["more"]), _WRITTEN).map(
    lambda fields: b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in fields.items()) + b"}"
)
_RECORDS = st.lists(
    st.one_of(_OBJECTS, _OBJECTS.map(lambda raw: raw[: len(raw) // 2]), st.binary(max_size=8)), max_size=8
)


@pytest.mark.slow
@settings(max_examples=cases(1_000), deadline=None)
@given(_RECORDS)
def test_whatever_a_record_holds_it_is_accepted_or_rejected_as_if_it_came_alone(records: list[bytes]) -> None:
    def outcome(given: list[bytes], first: int) -> dict[int, object]:
        found: dict[int, object] = {}
        for block in parse_records(given, NDJSON, first):
            checked = check_block(block, NDJSON)
            rows = checked.accepted.to_pylist()
            for place, row in [
                *zip(checked.positions.to_pylist(), rows, strict=True),
                *((row["_position"], row) for row in checked.rejected.to_pylist()),
            ]:
                assert place not in found
                found[place] = row
        return found

    alone: dict[int, object] = {}
    for place, record in enumerate(records):
        alone |= outcome([record], place)
    together = outcome(records, 0)
    assert together == alone
    assert sorted(together) == list(range(len(records)))


def test_digits_survive_also_in_a_record_that_is_looked_at_singly() -> None:
    wide = contract(column("id", required=True), column("n", "int"), column("cost", "decimal(38,18)"), format="ndjson")
    cost = "12345678901234567890.123456789012345678"
    rows, rejected = read(b'{"id":"a","n":1,"cost":%b}\n{"id":"b","n":"1","cost":%b}\n' % ((cost.encode(),) * 2), wide)
    assert not rejected
    assert rows["cost"].to_pylist() == [Decimal(cost)] * 2


def test_two_objects_on_a_line_are_one_malformed_record() -> None:
    rows, rejected = read(b'{"id":"a"}{"id":"b"}\n{"id":"c"}\n', NDJSON)
    assert rows["id"].to_pylist() == ["c"]
    assert codes(rejected) == [(1, ("malformed_record",))]


def test_timestamps_with_and_without_zone_become_utc() -> None:
    data = b'{"id":"a","at":"2026-01-01T01:00:00+01:00"}\n{"id":"b","at":"2026-01-01 00:00:00"}\n'
    rows, _ = read(data, NDJSON)
    assert [str(t) for t in rows["at"].to_pylist()] == ["2026-01-01 00:00:00"] * 2


@pytest.mark.parametrize("option", [0, orjson.OPT_INDENT_2])
def test_an_array_is_read_record_by_record(option: int) -> None:
    records = [{"id": f"Łódź {n}", "n": n, "ok": n % 2 == 0} for n in range(2000)]
    rows, rejected = read(orjson.dumps(records, option=option), JSON)
    assert not rejected
    assert rows["id"].to_pylist() == [r["id"] for r in records]


def test_a_cut_array_is_refused() -> None:
    with pytest.raises(UnreadableFile, match="broken JSON"):
        read(orjson.dumps([{"id": "a"}, {"id": "b"}])[:-6], JSON)


def test_a_timestamp_with_an_epoch_format_comes_as_number_or_as_text() -> None:
    for unit, number in (("seconds", 1_733_788_889), ("millis", 1_733_788_889_378), ("nanos", -1_000)):
        declared = contract(column("id"), column("at", "timestamp", fmt=f"epoch_{unit}"), format="ndjson")
        data = b'{"id":"a","at":%d}\n{"id":"b","at":"2024-12-10T00:01:29.378Z"}\n{"id":"c","at":"soon"}\n' % number
        rows, rejected = read(data, declared)
        divisor = {"seconds": 1, "millis": 1e3, "nanos": 1e9}[unit]
        epoch = datetime(1970, 1, 1) + timedelta(seconds=number / divisor)
        assert rows.sort_by("_position")["at"].to_pylist() == [epoch, datetime(2024, 12, 10, 0, 1, 29, 378_000)]
        assert codes(rejected) == [(3, ("unparseable",))]
