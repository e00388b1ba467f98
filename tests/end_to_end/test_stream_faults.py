"""Streams whose functions are killed, whose batches come again or fail to the end: nothing is lost, nothing doubled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.end_to_end.kill_points import Point, killed_at, most_were_reached, recorded, share_of
from tests.end_to_end.running import Deployment, sluice
from tests.end_to_end.streaming import (
    LONG_AGO,
    Placed,
    arriving,
    batch_of,
    bring,
    content,
    put,
    read_with,
    records_in,
    scan,
    tables,
)
from tests.waiting import until

pytestmark = pytest.mark.slow

#: Longer than a call of the committer takes here, so that a message comes again only because its function died.
VISIBILITY_SECONDS = 3
SHARE = 48
#: Calls that change nothing; dying before one is dying after what was changed last.
READS = ("Get", "Head", "List", "Describe", "Query", "Scan", "BatchGet")
#: Sound, late and broken ones in one batch.
RECORDS = [
    *(scan(f"S{number}", 100 + number) for number in range(5)),
    scan("nothing", 0),
    scan("late", 7, LONG_AGO),
    scan("heavy", "heavy"),
    b'{"scan_id": "cut off',
    scan("S0", 100),
]


@pytest.fixture(scope="module")
def quick(deployed: Deployment) -> Iterator[None]:
    """A commit queue whose messages come again after seconds, and a stream that is read at once."""
    sqs, url = deployed.client("sqs"), deployed.outputs["CommitQueueUrl"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})
    with read_with(deployed, "gate_scans", MaximumBatchingWindowInSeconds=0):
        yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


@pytest.fixture(scope="module")
def undisturbed(deployed: Deployment, quick: None) -> tuple[list[Point], list[Placed]]:
    """Every change that both functions make for one batch, before and after; and where the batch was put."""
    bring(deployed, "gate_scans", RECORDS)
    ours = {deployed.outputs["IngestStreamFunctionName"], deployed.function("CommitTable")}
    found, placed = recorded(deployed, ours, lambda: bring(deployed, "gate_scans", RECORDS), without=READS)
    held = content(tables(deployed, "gate_scans"), placed)
    assert [len(rows) for rows in held.values()] == [7, 3]
    assert [row["_late"] for row in held["bronze"]] == [False] * 5 + [True, False]
    return found, placed


def test_killed_at_a_share_of_all_changes_nothing_is_lost_or_doubled(
    deployed: Deployment, undisturbed: tuple[list[Point], list[Placed]]
) -> None:
    points, placed = undisturbed
    _kill_at(deployed, share_of(points, SHARE), placed)


@pytest.mark.proof
def test_killed_at_every_change_nothing_is_lost_or_doubled(
    deployed: Deployment, undisturbed: tuple[list[Point], list[Placed]]
) -> None:
    _kill_at(deployed, *undisturbed)


def _kill_at(deployed: Deployment, points: Sequence[Point], undisturbed: list[Placed]) -> None:
    runs, missed = killed_at(deployed, points, lambda _: bring(deployed, "gate_scans", RECORDS))
    deployed.quiet()
    found = tables(deployed, "gate_scans")
    expected = content(found, undisturbed)
    differing = {str(point): held for point, placed in runs.items() if (held := content(found, placed)) != expected}
    assert not differing
    _each_record_once(found)
    assert records_in(deployed, "gate_scans") == sum(map(len, found.values()))
    most_were_reached(points, missed)


def _each_record_once(found: dict[str, list[dict[str, Any]]]) -> None:
    """Assert that no record is in the two tables together more than once."""
    names = Counter((row["_source"], row["_sequence"], row["_position"]) for rows in found.values() for row in rows)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_same_batch_again_and_other_batches_of_its_records_change_nothing(deployed: Deployment) -> None:
    records = [scan(f"A{number}", number % 20) for number in range(200)]
    placed = bring(deployed, "dock_scans", records)
    before = tables(deployed, "dock_scans")
    events = batch_of(deployed, "dock_scans", placed)
    edges = [(0, 200), (0, 200), (0, 30), (10, 150), (140, 200), (199, 200), (5, 5 + 1)]

    with arriving(deployed, "dock_scans"):
        for start, end in edges:
            _ingest(deployed, events[start:end])

    assert sum(map(len, before.values())) == 200
    assert len(before["quarantine.dock_scans"]) == 10
    assert tables(deployed, "dock_scans") == before


def _ingest(deployed: Deployment, records: list[dict[str, Any]]) -> None:
    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.outputs["IngestStreamFunctionName"], Payload=json.dumps({"Records": records})
    )
    said = json.loads(answer["Payload"].read())
    assert said == {"batchItemFailures": []}, said


def test_overlapping_batches_that_come_before_their_stream_is_read_are_in_once(deployed: Deployment) -> None:
    records = [scan(f"B{number}", number % 20) for number in range(100)]

    with read_with(deployed, "dock_scans", Enabled=False), arriving(deployed, "dock_scans") as more:
        placed = put(deployed, "dock_scans", records)
        more(len(placed))
        events = batch_of(deployed, "dock_scans", placed)
        for start, end in [(40, 70), (60, 100), (0, 50)]:
            _ingest(deployed, events[start:end])
    with arriving(deployed, "dock_scans") as more:
        put(deployed, "dock_scans", [scan("behind them")])
        more(1)

    found = tables(deployed, "dock_scans")
    held = content(found, placed)
    assert [row["scan_id"] for row in held["bronze"]] == [f"B{n}" for n in range(100) if n % 20]
    assert len(held["quarantine"]) == 5
    _each_record_once(found)


def test_a_batch_that_fails_to_the_end_is_told_of_and_brought_in_again(deployed: Deployment) -> None:
    records = [scan(f"C{number}", number % 4) for number in range(8)]
    iam = deployed.client("iam")
    role = deployed.client("lambda").get_function(FunctionName=deployed.outputs["IngestStreamFunctionName"])
    name = role["Configuration"]["Role"].rpartition("/")[2]
    denied = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"}}

    with read_with(deployed, "dock_scans", MaximumRetryAttempts=1):
        iam.put_role_policy(RoleName=name, PolicyName="broken", PolicyDocument=json.dumps(denied))
        try:
            placed = put(deployed, "dock_scans", records)
            until(lambda: len(_failed(deployed)) == len(records), "each record has failed by itself")
        finally:
            iam.delete_role_policy(RoleName=name, PolicyName="broken")
    seen = sluice("status")
    waited = sluice("status", "--wait", "--timeout", "5")
    with arriving(deployed, "dock_scans"):
        redriven = sluice("redrive")

    assert seen.returncode != 0
    assert "8 batches of streams failed to the end" in " ".join(seen.stdout.split())
    assert waited.returncode != 0
    assert "8 batches of streams failed to the end" in " ".join(waited.stdout.split())
    assert "not done after 5 s" in waited.stderr
    assert redriven.returncode == 0, redriven.stderr
    assert _failed(deployed) == []
    until(lambda: records_in(deployed, "dock_scans") == sum(map(len, tables(deployed, "dock_scans").values())), "all")
    found = tables(deployed, "dock_scans")
    held = content(found, placed)
    assert [row["scan_id"] for row in held["bronze"]] == [f"C{n}" for n in range(8) if n % 4]
    assert [row["reason"] for row in held["quarantine"]] == ["out_of_range"] * 2
    _each_record_once(found)
    assert sluice("status").returncode == 0


def _failed(deployed: Deployment) -> list[str]:
    """Return the batches in the bucket that Lambda gave up."""
    bucket = deployed.outputs["LakeBucketName"]
    answer = deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix="aws/lambda/")
    return [item["Key"] for item in answer.get("Contents", [])]
