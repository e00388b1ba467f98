from __future__ import annotations

import random
from typing import Any

import pytest

from tests.sluice.ingestion.changes.changing import PARCELS, change, debezium, dms, reason

ROW = {"id": 1}
TOP = 2**64 - 1


def postgres(lsn: int, committed: int | None = None, **other: Any) -> Any:
    sequence = f'[{"null" if committed is None else f"{chr(34)}{committed}{chr(34)}"},"{lsn}"]'
    return _source("postgresql", lsn=lsn, sequence=sequence, **other)


def mysql(file: str, pos: int, row: int = 0, **other: Any) -> Any:
    return _source("mysql", file=file, pos=pos, row=row, **other)


def sql_server(commit: str, changed: str | None = None, serial: int | None = None, **other: Any) -> Any:
    return _source("sqlserver", commit_lsn=commit, change_lsn=changed, event_serial_no=serial, **other)


def oracle(scn: str, commit: str | None = None, rs_id: str | None = None, ssn: int = 0, **other: Any) -> Any:
    return _source("oracle", scn=scn, commit_scn=commit, rs_id=rs_id, ssn=ssn, **other)


def mongodb(seconds: int, counter: int, **other: Any) -> Any:
    return _source("mongodb", ts_ms=seconds * 1000, ord=counter, **other)


def timed(milliseconds: int, own: int, **other: Any) -> Any:
    return {**_source("cassandra", ts_ms=milliseconds, **other), "ts_ms": own}


def _source(connector: str, *, op: str = "c", order: int | None = None, **source: Any) -> Any:
    bare = {"lsn": None, "sequence": None}
    transaction = None if order is None else {"id": "1", "total_order": order}
    return debezium(op, after=ROW, source={**bare, "connector": connector, **source}, transaction=transaction)


ORDERED: dict[str, list[Any]] = {
    "postgresql": [
        postgres(99, op="r", snapshot="first"),
        postgres(99),
        postgres(100, 99),
        postgres(100, 99, order=2),
        postgres(100, 99, order=10),
        # Its transaction began before the one that committed at 300.
        postgres(200, 300),
        postgres(400, 300),
        postgres(500, op="r", snapshot="incremental"),
        # Began before the snapshot at 500 and committed after it, behind a commit at 600.
        postgres(450, 600),
        postgres(TOP, TOP),
    ],
    "mysql": [
        mysql("mysql-bin.000009", 4, op="r", snapshot="true"),
        mysql("mysql-bin.000009", 4),
        mysql("mysql-bin.000009", 99),
        mysql("mysql-bin.000009", 100, 2),
        mysql("mysql-bin.000009", 100, 10),
        mysql("mysql-bin.000010", 4),
        mysql("mysql-bin.999999", 4),
        mysql("mysql-bin.1000000", TOP, TOP),
    ],
    "sqlserver": [
        sql_server("00000025:000004c0:001a", op="r", snapshot="last"),
        sql_server("00000025:000004c0:001b", "00000025:000004c0:0003", 1),
        sql_server("00000025:000004c0:001b", "00000025:000004c0:0003", 2),
        sql_server("00000025:000004c0:001b", "00000025:000004c0:000a", 1),
        sql_server("0000002a:00000001:0001", "00000025:00000001:0001", 1),
        sql_server("0000002A:00000002:0001", "00000025:00000001:0001", 1),
        sql_server("ffffffff:ffffffff:ffff", "ffffffff:ffffffff:ffff", TOP),
    ],
    "oracle": [
        oracle("2102934", op="r", snapshot="true"),
        oracle("2102900", "2102935", " 0x000015.00008ef7.0010 ", 0),
        oracle("2102933", "2102935", " 0x000015.00008ef7.0010 ", 0),
        oracle("2102933", "2102935", " 0x000015.00008ef7.0010 ", 1),
        oracle("2102933", "2102935", " 0x000015.00009000.0001 ", 0),
        oracle("2102933", "2102936:1:a-b,2102940:2:c", " 0x000015.00008ef7.0010 ", 0),
        oracle(str(TOP), str(TOP)),
    ],
    "mongodb": [
        mongodb(1_700_000_000, 1, op="r", snapshot="true"),
        mongodb(1_700_000_000, 1),
        mongodb(1_700_000_000, 2, order=1),
        mongodb(1_700_000_000, 2, order=2),
        mongodb(1_700_000_000, 10),
        mongodb(1_700_000_001, 1),
    ],
    "another connector": [
        timed(0, 9, op="r", snapshot="true"),
        timed(90, 95, op="r", snapshot="last"),
        timed(8, 99),
        timed(80, 85),
        timed(80, 86, order=2),
        timed(80, 86, order=10),
        timed(81, 82),
    ],
    "mysql without a file": [mysql("", 0, op="r"), mysql("", 0, ts_ms=5), mysql("", 0, ts_ms=6)],
}
STAMP = "2024-07-29T00:58:17.9{}Z"
DMS_ORDERED: dict[str, list[Any]] = {
    "postgresql": [
        dms("load", ROW, timestamp=STAMP.format(99)),
        dms("insert", ROW, stream_position="00000002/7C007178.3.00000002/7C007178", transaction_record_id=1),
        dms("update", ROW, stream_position="00000002/7C007178.3.00000002/7C007178", transaction_record_id=2),
        dms("update", ROW, stream_position="00000002/7C007178.3.00000002/7C007178", transaction_record_id=10),
        dms("update", ROW, stream_position="00000002/7C007178.10.00000002/7C007178", transaction_record_id=1),
        dms("update", ROW, stream_position="00000002/840001D8.2.00000002/840001D8", transaction_record_id=1),
    ],
    "mysql": [
        dms("load", ROW),
        dms("insert", ROW, stream_position="mysql-bin-changelog.000999:9999:2"),
        dms("insert", ROW, stream_position="mysql-bin-changelog.000999:12345:0"),
        dms("insert", ROW, stream_position="mysql-bin-changelog.001000:4:0"),
        dms("insert", ROW, stream_position="mysql-bin-changelog.1000000:4:0"),
    ],
    "more digits than u64 has": [
        dms("insert", ROW, stream_position="f" * 20),
        dms("insert", ROW, stream_position="1" + "0" * 20),
        dms("insert", ROW, stream_position="000" + "1" + "0" * 19 + "1"),
        dms("insert", ROW, stream_position="2" + "0" * 40),
    ],
    "no log position": [
        dms("load", ROW, timestamp=STAMP.format(98)),
        dms("load", ROW, timestamp=STAMP.format(99)),
        dms("insert", ROW, timestamp=STAMP.format(10)),
        dms("insert", ROW, timestamp=STAMP.format(20)),
        dms("insert", ROW, timestamp=STAMP.format(20), transaction_record_id=2),
        dms("insert", ROW, timestamp=STAMP.format(20), transaction_record_id=10),
        # MySQL commits by the second: DMS's own clock tells two of its transactions apart.
        dms("insert", ROW, timestamp=STAMP.format(27), commit_timestamp=STAMP.format(25), transaction_record_id=5),
        dms("insert", ROW, timestamp=STAMP.format(28), commit_timestamp=STAMP.format(25), transaction_record_id=1),
        # Turned on later, log positions sort behind the times.
        dms("insert", ROW, timestamp=STAMP.format(30), stream_position="1"),
    ],
}


def _strictly_ascending(positions: list[str | None], seed: int) -> None:
    shuffled = list(positions)
    random.Random(seed).shuffle(shuffled)
    assert sorted(shuffled, key=lambda position: (position or "").encode()) == positions
    assert len(set(positions)) == len(positions)


@pytest.mark.parametrize("source", ORDERED)
def test_positions_sort_as_the_log_does(source: str) -> None:
    _strictly_ascending([change(record).position for record in ORDERED[source]], seed=1)


@pytest.mark.parametrize("source", DMS_ORDERED)
def test_positions_of_dms_sort_as_the_log_does(source: str) -> None:
    _strictly_ascending([change(record, PARCELS, "dms").position for record in DMS_ORDERED[source]], seed=1)


def test_a_position_does_not_depend_on_who_read_the_row_before() -> None:
    record = ORDERED["postgresql"][2]
    assert change(record).position == change(dict(record, before={"id": 1}, op="u")).position


@pytest.mark.parametrize(
    "record",
    [
        postgres(-1),
        postgres(TOP + 1),
        _source("postgresql", lsn="4:36::0:0"),
        _source("postgresql", lsn=True),
        _source("postgresql", lsn="٣"),
        mysql("binlog", 4),
        _source("mysql", file=["x"], pos=1),
        mysql("mysql-bin.000001", -4),
        _source("sqlserver", commit_lsn=5),
        _source("sqlserver", commit_lsn="::"),
        oracle("x"),
        timed(2**70, 1),
        timed(-(2**62), 1),
        postgres(5, order=-1),
    ],
)
def test_a_position_that_is_none_is_refused(record: Any) -> None:
    assert reason(record).code == "unparseable"


@pytest.mark.parametrize("position", ["", " ", None])
def test_an_empty_stream_position_counts_as_none(position: Any) -> None:
    if position == " ":
        assert reason(dms("insert", ROW, stream_position=position), PARCELS, "dms").code == "unparseable"
    else:
        found = change(dms("insert", ROW, stream_position=position), PARCELS, "dms").position
        assert found is not None
        assert found.startswith("1.")
