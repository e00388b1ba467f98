"""Streams that are cut and joined, read by several lanes, and throttled, while records come."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sluice.ledger import Ledger
from tests.end_to_end.running import Deployment, sluice
from tests.end_to_end.streaming import Placed, arriving, bring, content, put, read_with, records_in, scan, tables
from tests.waiting import until

pytestmark = pytest.mark.slow

STREAM = "belt_scans"
MIDDLE = str(2**127)


def test_records_that_come_while_shards_are_split_and_merged_are_in_once(deployed: Deployment) -> None:
    kinesis = deployed.client("kinesis")
    sent: dict[str, Placed] = {}
    enough = threading.Event()

    def produce() -> None:
        for call in range(400):
            names = [f"call-{call}-{number}" for number in range(20)]
            data = [scan(name, number % 10) for number, name in enumerate(names)]
            sent.update(zip(names, put(deployed, STREAM, data, names), strict=True))
            if enough.wait(0.05):
                return

    producer = threading.Thread(target=produce)
    with arriving(deployed, STREAM) as more:
        producer.start()
        time.sleep(0.5)
        (first,) = _open_shards(deployed)
        kinesis.split_shard(StreamName=STREAM, ShardToSplit=first, NewStartingHashKey=MIDDLE)
        until(lambda: len(_open_shards(deployed)) == 2, "the shard is split")
        time.sleep(0.5)
        left, right = _open_shards(deployed)
        kinesis.merge_shards(StreamName=STREAM, ShardToMerge=left, AdjacentShardToMerge=right)
        until(lambda: len(_open_shards(deployed)) == 1, "the shards are merged")
        time.sleep(0.5)
        enough.set()
        producer.join()
        more(len(sent))

    assert len({place.shard for place in sent.values()}) == 4, Counter(place.shard for place in sent.values())
    _all_are_in_once(deployed, sent)
    by_shard = {c.shard: c.accepted + c.quarantined for c in Ledger(deployed.outputs["LedgerTableName"]).shards(STREAM)}
    counted = Counter(f"{STREAM}/{place.shard}" for place in sent.values())
    assert {shard: by_shard.get(shard, 0) >= count for shard, count in counted.items()} == dict.fromkeys(counted, True)
    waited = sluice("status", "--wait", "--timeout", "60")
    assert waited.returncode == 0, waited.stderr


def _open_shards(deployed: Deployment) -> list[str]:
    kinesis = deployed.client("kinesis")
    if kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        return []
    shards = kinesis.list_shards(StreamName=STREAM)["Shards"]
    there = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    there.sort(key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    return [shard["ShardId"] for shard in there]


def _all_are_in_once(deployed: Deployment, sent: dict[str, Placed]) -> None:
    """Assert that bronze and quarantine hold each record once, and those that weigh nothing are in quarantine."""
    held = content(tables(deployed, STREAM), sent.values())
    good = Counter(row["scan_id"] for row in held["bronze"])
    bad = Counter(json.loads(row["record"])["scan_id"] for row in held["quarantine"])
    assert good == Counter(name for name in sent if not name.endswith("0"))
    assert bad == Counter(name for name in sent if name.endswith("0"))


@pytest.mark.proof
def test_four_lanes_in_a_shard_lose_and_double_nothing_and_are_waited_for(deployed: Deployment) -> None:
    before = records_in(deployed, STREAM)
    names = [f"lane-{number}" for number in range(3_000)]
    data = [scan(name, int(name[-1])) for name in names]

    with read_with(deployed, STREAM, ParallelizationFactor=4, BatchSize=100, MaximumBatchingWindowInSeconds=0):
        placed = put(deployed, STREAM, data, [f"key-{number % 97}" for number in range(len(names))])
        waited = sluice("status", "--wait", "--timeout", "120")
        at_its_end = records_in(deployed, STREAM)

    assert waited.returncode == 0, waited.stderr
    assert at_its_end - before == len(names)
    _all_are_in_once(deployed, dict(zip(names, placed, strict=True)))


def test_a_lane_that_is_killed_among_others_is_caught_up(deployed: Deployment) -> None:
    names = [f"killed-{number}" for number in range(400)]
    data = [scan(name, int(name[-1])) for name in names]
    function = deployed.outputs["IngestStreamFunctionName"]

    with read_with(deployed, STREAM, ParallelizationFactor=4, BatchSize=50, MaximumBatchingWindowInSeconds=0):
        point = {"caller": function, "service": "s3", "action": "PutObject", "n": 5, "when": "after"}
        deployed.localaws("POST", "faults/arm", point)
        placed = bring(deployed, STREAM, data, [f"key-{number % 23}" for number in range(len(names))])
        assert deployed.localaws("POST", "faults/disarm")

    _all_are_in_once(deployed, dict(zip(names, placed, strict=True)))


def test_what_a_busy_stream_refuses_is_sent_again(deployed: Deployment, tmp_path: Path) -> None:
    names = [f"busy-{number}" for number in range(2_000)]
    file = tmp_path / "scans.ndjson"
    file.write_bytes(b"\n".join(scan(name, int(name[-1])) for name in names))
    before = records_in(deployed, STREAM)
    refused = {"stream": STREAM, "action": "PutRecords", "skip": 100, "count": 700}
    deployed.localaws("POST", "faults/throttle", refused)

    with arriving(deployed, STREAM) as more:
        sent = sluice("send", STREAM, file)
        throttled = deployed.localaws("POST", "faults/throttle", {})
        more(len(names))

    assert sent.returncode == 0, sent.stderr
    assert throttled == 700
    assert "2,000 records" in sent.stdout
    assert "700 retries" in sent.stdout
    assert records_in(deployed, STREAM) - before == len(names)
    rows: list[dict[str, Any]] = tables(deployed, STREAM)[f"bronze.{STREAM}"]
    kept = [row["scan_id"] for row in rows if row["scan_id"].startswith("busy-")]
    assert Counter(kept) == Counter(name for name in names if not name.endswith("0"))
