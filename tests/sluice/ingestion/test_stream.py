"""Stream records on local files: each is in bronze or in quarantine exactly once, however its batches come."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog

from sluice.errors import UnknownDataset
from sluice.ingestion.commit import Lake
from sluice.ingestion.commit_stream import drain_stream
from sluice.ingestion.ingest_stream import ingest_records
from sluice.ledger import ShardCounts
from sluice.project import Project
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from tests.laws import some
from tests.sluice.ingestion.reading import column, contract
from tests.sluice.ingestion.test_commit import LocalSettings
from tests.sluice.tables.lost_answers import lose_answers

CLICKS = contract(
    column("id", required=True),
    column("n", "int", minimum="0"),
    column("at", "timestamp"),
    format="json", stream=True, event_time="at", lateness_seconds=3600,
)  # fmt: skip
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/things"
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def record(data: bytes, sequence: int, *, shard: int = 0, arrived: float | None = None) -> dict[str, Any]:
    """Return a record as Lambda hands it over."""
    shard_id = f"shardId-{shard:012d}"
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "p",
            "sequenceNumber": str(49_000_000_000_000_000_000 + sequence),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": NOON + sequence / 1000 if arrived is None else arrived,
        },
        "eventSource": "aws:kinesis",
        "eventID": f"{shard_id}:{sequence}",
        "eventSourceARN": ARN,
        "awsRegion": "us-east-1",
    }


def click(number: int, **more: Any) -> bytes:
    return json.dumps({"id": f"c{number}", "n": number, "at": "2026-01-01T12:00:00Z", **more}).encode()


def aggregated(*records: bytes) -> bytes:
    """Return records as the Kinesis producer library packs them, with a partition key table before them."""

    def field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2]) + _varint(len(value)) + value

    packed = field(1, b"key") + b"".join(field(3, b"\x08\x00" + field(3, data)) for data in records)
    return b"\xf3\x89\x9a\xc2" + packed + hashlib.md5(packed, usedforsecurity=False).digest()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Stream:
    """The product's own ingestor and committer over one folder."""

    def __init__(self, catalog: Catalog, tmp_path: Path) -> None:
        self.settings = LocalSettings(folder=str(tmp_path / "lake"))
        self.project = Project((CLICKS,))
        ensure_tables(catalog, self.project, self.settings)
        self.lake = Lake(catalog, LocalStore(), self.settings)
        self.shards: dict[str, ShardCounts] = {}

    def batch(self, *records: dict[str, Any]) -> None:
        ingest_records(records, self.project, self.settings, self.lake.store)

    def commit(self) -> dict[str, int]:
        def remember(dataset: str, counts: Any) -> None:
            assert dataset == "things"
            self.shards = {shard.shard: shard for shard in counts}

        return dict(drain_stream(CLICKS, self.lake, record=remember, announce=lambda _: None).changed)

    def rows(self, database: str = "bronze") -> list[dict[str, Any]]:
        rows = self.lake.table(database, "things").scan().to_arrow().drop_columns("_ingested_at").to_pylist()
        return sorted(rows, key=lambda row: (row["_source"], row["_sequence"], row["_position"]))

    def staged(self) -> list[str]:
        return self.lake.store.list(f"{self.settings.lake}/staging/things/")


@pytest.fixture
def stream(catalog: Catalog, tmp_path: Path) -> Stream:
    return Stream(catalog, tmp_path)


def test_records_become_rows_with_their_identity_and_broken_ones_go_to_quarantine_one_by_one(stream: Stream) -> None:
    stream.batch(record(click(1), 1), record(b"{broken", 2), record(click(3, n=-1), 3), record(b"", 4))

    changed = stream.commit()

    assert set(changed) == {"bronze.things", "quarantine.things"}
    (row,) = stream.rows()
    assert (row["id"], row["n"]) == ("c1", 1)
    assert row["_source"] == f"{ARN}/shardId-000000000000"
    assert (row["_sequence"], row["_position"]) == ("49000000000000000001", 0)
    assert row["_arrived_at"].isoformat() == "2026-01-01T12:00:00.001000"
    broken = stream.rows("quarantine")
    assert [(b["reason"], b["record"]) for b in broken] == [
        ("malformed_record", b"{broken"), ("out_of_range", click(3, n=-1)), ("malformed_record", b""),
    ]  # fmt: skip
    assert [b["_sequence"][-1] for b in broken] == ["2", "3", "4"]
    assert stream.staged() == []
    (counts,) = stream.shards.values()
    assert (counts.shard, counts.accepted, counts.quarantined) == ("things/shardId-000000000000", 1, 3)
    assert (counts.sequence[-1], counts.reasons) == ("4", {"malformed_record": 2, "out_of_range": 1})


def test_a_commit_whose_answer_is_lost_keeps_its_rows(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    stream.batch(record(click(1), 1), record(b"{broken", 2))
    lost = lose_answers(monkeypatch, count=2)
    stream.commit()
    assert sorted(lost) == ["bronze.things", "quarantine.things"]
    assert [row["id"] for row in stream.rows()] == ["c1"]
    assert [row["record"] for row in stream.rows("quarantine")] == [b"{broken"]


def test_a_late_event_is_kept_and_marked(stream: Stream) -> None:
    stream.batch(
        record(click(1, at="2026-01-01T11:00:00Z"), 1, arrived=NOON),
        record(click(2, at="2026-01-01T10:59:59.999Z"), 2, arrived=NOON),
        record(click(3, at=None), 3, arrived=NOON),
    )
    stream.commit()
    assert [row["_late"] for row in stream.rows()] == [False, True, None]


def test_aggregated_records_are_taken_apart_and_damaged_ones_are_kept_as_they_are(stream: Stream) -> None:
    whole = aggregated(click(1), b"{broken", click(2))
    stream.batch(record(whole, 1), record(whole[:-1] + b"x", 2), record(b"\xf3\x89\x9a\xc2", 3))

    stream.commit()

    assert [(row["id"], row["_sequence"][-1], row["_position"]) for row in stream.rows()] == [
        ("c1", "1", 0),
        ("c2", "1", 2),
    ]
    assert [(row["_sequence"][-1], row["_position"], row["record"]) for row in stream.rows("quarantine")] == [
        ("1", 1, b"{broken"), ("2", 0, whole[:-1] + b"x"), ("3", 0, b"\xf3\x89\x9a\xc2"),
    ]  # fmt: skip


def test_the_same_bytes_sent_twice_are_two_records_and_a_record_read_twice_is_one(stream: Stream) -> None:
    stream.batch(record(click(1), 1), record(click(1), 2))
    stream.batch(record(click(1), 1), record(click(1), 2))
    stream.commit()
    assert len(stream.rows()) == 2
    before = stream.rows()

    stream.batch(record(click(1), 2), record(b"{", 3))
    stream.batch(record(b"{", 3))
    assert set(stream.commit()) == {"bronze.things", "quarantine.things"}
    snapshots = len(stream.lake.table("bronze", "things").snapshots())
    stream.batch(record(b"{", 3))
    # Told of again, though nothing is new: who committed it may have died before it said so.
    assert set(stream.commit()) == {"quarantine.things"}
    assert len(stream.lake.table("bronze", "things").snapshots()) == snapshots

    assert stream.rows() == before
    assert len(stream.rows("quarantine")) == 1
    assert stream.staged() == []


def test_a_record_is_known_again_though_its_time_of_arrival_is_told_otherwise(stream: Stream) -> None:
    stream.batch(record(click(1), 1, arrived=NOON + 0.1239), record(b"{broken", 2, arrived=NOON + 0.1239))
    stream.commit()
    before = stream.rows(), stream.rows("quarantine")
    stream.batch(record(click(1), 1, arrived=NOON + 0.123), record(b"{broken", 2, arrived=NOON + 0.124))
    stream.commit()
    assert (stream.rows(), stream.rows("quarantine")) == before


def test_a_backlog_goes_in_by_portions_with_one_wake_up(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.ingestion import portions

    monkeypatch.setattr(portions, "_RECORDS", 5)
    for start in range(0, 21, 3):
        stream.batch(*(record(click(n), n) for n in range(start, start + 3)))
    stream.commit()
    assert len(stream.rows()) == 21
    assert len(stream.lake.table("bronze", "things").snapshots()) == 4
    assert stream.staged() == []


def test_records_that_nobody_can_read_are_kept_unread(stream: Stream) -> None:
    packed = aggregated(click(1), click(2))
    units = ingest_records(
        [record(click(3), 3), record(packed, 4)], stream.project, stream.settings, stream.lake.store, unread="it died"
    )
    assert [unit.records for unit in units] == [2]
    stream.commit()
    assert stream.rows() == []
    kept = stream.rows("quarantine")
    assert [(row["reason"], row["record"]) for row in kept] == [("reader_died", click(3)), ("reader_died", packed)]


def test_shards_do_not_share_identities(stream: Stream) -> None:
    stream.batch(record(click(1), 1, shard=0), record(click(2), 1, shard=1))
    stream.commit()
    assert [row["_source"][-1] for row in stream.rows()] == ["0", "1"]
    assert {name[-1]: counts.accepted for name, counts in stream.shards.items()} == {"0": 1, "1": 1}


@pytest.mark.slow
@pytest.mark.parametrize("seed", some(range(6), 3))
def test_overlapping_batches_with_other_edges_in_any_order_give_the_same_tables(stream: Stream, seed: int) -> None:
    chance = random.Random(seed)
    broken = {n for n in range(200) if chance.random() < 0.1}
    log = [record(b"{" if n in broken else click(n), n, shard=n % 3) for n in range(200)]
    batches = [log[start : start + 17] for start in range(0, 200, 17)]
    for _ in range(15):
        start = chance.randrange(200)
        batches.append(log[start : start + chance.randrange(1, 40)])
    chance.shuffle(batches)
    for batch in batches:
        stream.batch(*batch)
        if chance.random() < 0.3:
            stream.commit()
    stream.commit()

    assert Counter(row["id"] for row in stream.rows()) == Counter(f"c{n}" for n in range(200) if n not in broken)
    assert len(stream.rows("quarantine")) == len(broken)
    assert sum(c.accepted + c.quarantined for c in stream.shards.values()) == 200


def test_a_crash_between_the_tables_or_before_the_ledger_is_made_good(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sluice.ingestion import commit_stream

    stream.batch(record(click(1), 1), record(b"{", 2))
    with monkeypatch.context() as patch:
        real = commit_stream._commit

        def dies(lake: Any, contract: Any, database: str, rows: Any) -> Any:
            if database == "quarantine":
                raise OSError("killed")
            return real(lake, contract, database, rows)

        patch.setattr(commit_stream, "_commit", dies)
        with pytest.raises(OSError, match="killed"):
            stream.commit()
    assert (len(stream.rows()), len(stream.rows("quarantine")), stream.shards) == (1, 0, {})

    stream.batch(record(click(1), 1), record(b"{", 2))
    stream.commit()

    assert (len(stream.rows()), len(stream.rows("quarantine"))) == (1, 1)
    (counts,) = stream.shards.values()
    assert (counts.accepted, counts.quarantined) == (1, 1)


@pytest.mark.parametrize("calls", [0, 1])
def test_a_crash_while_staged_objects_are_deleted_holds_up_nothing(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    stream.batch(record(click(1), 1), record(b"{", 2))
    real, done = stream.lake.store.delete, []

    def dies(addresses: Any) -> None:
        if len(done) == calls:
            raise OSError("killed")
        done.append(1)
        real(addresses)

    with monkeypatch.context() as patch:
        patch.setattr(stream.lake.store, "delete", dies)
        with pytest.raises(OSError, match="killed"):
            stream.commit()
    stream.batch(record(click(3), 3))
    stream.commit()

    assert [row["id"] for row in stream.rows()] == ["c1", "c3"]
    assert len(stream.rows("quarantine")) == 1
    assert not [path for path in stream.staged() if path.endswith(".json")]


def test_two_committers_that_overlap_commit_each_record_once(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.ingestion import commit_stream

    stream.batch(record(click(1), 1))
    real, entered = commit_stream.write_data_files, []

    def slow(table: Any, rows: Any) -> Any:
        if not entered:
            entered.append(1)
            stream.batch(record(click(1), 1), record(click(2), 2))
            stream.commit()  # the other committer, between this one's look and its commit
        return real(table, rows)

    monkeypatch.setattr(commit_stream, "write_data_files", slow)
    stream.commit()

    assert [row["id"] for row in stream.rows()] == ["c1", "c2"]


def test_a_stream_of_no_dataset_is_refused_by_name(stream: Stream) -> None:
    other = {**record(click(1), 1), "eventSourceARN": ARN.replace("things", "others")}
    with pytest.raises(UnknownDataset, match=r"stream/others is not the stream of a dataset"):
        stream.batch(other)
