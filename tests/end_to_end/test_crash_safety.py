"""Ingestor and committer are killed at each AWS call that they make; what comes out is the same as undisturbed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sluice.ingestion.landing import Notice
from tests.end_to_end.kill_points import Point, killed_at, most_were_reached, recorded, share_of
from tests.end_to_end.running import Deployment, as_csv
from tests.waiting import until

pytestmark = pytest.mark.slow

#: Longer than a call of either function takes here, so that a message comes again only because its function died.
VISIBILITY_SECONDS = 3
SHARE = 60
FILES = {
    "sound": as_csv([(f"S{row}", 100 + row, "at the gate") for row in range(5)]),
    "mixed": as_csv(
        [("M1", 7, ""), ("M2", 0, "weighs nothing"), ("M3", "heavy", ""), ("", 9, "no label"), ("M4", 8, "")]
    ),
}


@pytest.fixture
def unattended(deployed: Deployment) -> Iterator[None]:
    """No committer is woken meanwhile."""
    function = deployed.function("CommitTable")
    mapping = deployed.client("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"][0]
    switch = deployed.client("lambda").update_event_source_mapping
    switch(UUID=mapping["UUID"], Enabled=False)
    yield
    switch(UUID=mapping["UUID"], Enabled=True)
    deployed.quiet()


@pytest.fixture
def untold(deployed: Deployment) -> Iterator[None]:
    """S3 tells nobody of new files meanwhile."""
    s3 = deployed.client("s3")
    told = s3.get_bucket_notification_configuration(Bucket=deployed.landing)
    s3.put_bucket_notification_configuration(Bucket=deployed.landing, NotificationConfiguration={})
    yield
    told.pop("ResponseMetadata")
    s3.put_bucket_notification_configuration(Bucket=deployed.landing, NotificationConfiguration=told)


def test_a_file_of_which_no_event_came_is_read_all_the_same(deployed: Deployment, untold: None) -> None:
    deployed.quiet()
    lost = deployed.put("lost_parcels/untold.csv", as_csv([("U1", 7, ""), ("U2", 8, "")]))
    time.sleep(2)
    assert deployed.depth("Landing") == 0

    def swept(event: dict[str, Any]) -> dict[str, int]:
        answer = deployed.client("lambda").invoke(
            FunctionName=deployed.function("Sweep"), Payload=json.dumps(event).encode()
        )
        said: dict[str, int] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, said
        return said

    assert swept({"unnoticed": True}) == {}, "its event may still come"
    assert swept({"unnoticed": 1})["unnoticed"] == 1
    (ended,) = deployed.ended([lost]).values()
    assert (ended.status, ended.accepted) == ("committed", 2)
    assert "unnoticed" not in swept({"unnoticed": 1}), "the ledger knows it now"


@pytest.mark.parametrize("excluded", [False, True])
def test_committers_that_overlap_lose_and_double_nothing(
    deployed: Deployment, unattended: None, excluded: bool
) -> None:
    """Only calls for one message run beside each other; of others the ledger lets one work, which commits for all."""
    committers, files = 4, 12
    folder = "apart" if excluded else "overlap"
    messages = [f"m{n}" if excluded else "by-hand" for n in range(committers)]
    with ThreadPoolExecutor(committers) as pool:  # so that none has to start its process first
        list(pool.map(lambda n: _wake_by_hand(deployed, f"warm-up-{n}"), range(committers)))
    function, began = deployed.function("CommitTable"), time.time()
    bodies = {f"lost_parcels/{folder}/{n:02}.csv": as_csv([(f"{folder}{n}", n, "")]) for n in range(files)}
    notices = deployed.put_all(bodies)
    until(lambda: all(deployed.ledger_item(n).get("status", {}).get("S") == "staged" for n in notices), "all is staged")

    with ThreadPoolExecutor(committers) as pool:
        answers = list(pool.map(lambda n: _wake_by_hand(deployed, f"{folder}-{n}", messages[n]), range(committers)))

    assert all("FunctionError" not in answer for answer in answers), answers
    log = deployed.log_of(function, began)
    drained = log.count(f"lost_parcels: {files} deliveries")
    assert drained == 1 if excluded else drained > 1, f"they overlapped otherwise: {log}"
    ended = deployed.ended(notices)
    assert {entry.status for entry in ended.values()} == {"committed"}
    accepted = deployed.rows("bronze.lost_parcels", f"lost_parcels/{folder}/")
    assert sorted(row["parcel_id"] for row in accepted) == sorted(f"{folder}{n}" for n in range(1, files))
    refused = deployed.rows("quarantine.lost_parcels", f"lost_parcels/{folder}/")
    assert [row["record"] for row in refused] == [f"{folder}0,0,".encode()]


def _wake_by_hand(deployed: Deployment, name: str, message: str = "by-hand") -> dict[str, Any]:
    record = {
        "messageId": message,
        "receiptHandle": name,
        "body": json.dumps({"dataset": "lost_parcels"}),
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "lost_parcels"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": "us-east-1",
    }
    answer = deployed.client("lambda").invoke(
        FunctionName=deployed.function("CommitTable"), Payload=json.dumps({"Records": [record]})
    )
    payload = json.loads(answer["Payload"].read())
    assert payload == {"batchItemFailures": []}, payload
    return dict(answer)


@pytest.fixture(scope="module")
def quick(deployed: Deployment) -> Iterator[None]:
    """Queues whose messages come again after seconds, not after the template's 90 minutes."""
    sqs, before = deployed.client("sqs"), {}
    for name in ("LandingQueueUrl", "CommitQueueUrl"):
        url = deployed.outputs[name]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        before[url] = answer["Attributes"]["VisibilityTimeout"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})
    yield
    for url, seconds in before.items():
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": seconds})


def bring(deployed: Deployment, run: str) -> list[Notice]:
    """Upload the two files under keys of their own and wait until nothing of them is on its way."""
    notices = deployed.put_all({f"lost_parcels/{run}/{name}.csv": body for name, body in FILES.items()})
    deployed.ended(notices)
    deployed.quiet()
    return notices


def content(deployed: Deployment, run: str) -> dict[str, list[Any]]:
    """Return what both tables hold of one run, without what differs between runs by nature."""
    found = {}
    for table in ("bronze.lost_parcels", "quarantine.lost_parcels"):
        rows = deployed.rows(table, f"lost_parcels/{run}/")
        for row in rows:
            row["_source"] = row["_source"].split("/")[-1].split("?")[0]
            del row["_delivery_id"]
        found[table] = sorted(rows, key=repr)
    return found


@pytest.fixture(scope="module")
def points(deployed: Deployment, quick: None) -> list[Point]:
    """Every call that both functions make for one undisturbed delivery, before and after."""
    bring(deployed, "warm-up")
    ours = {deployed.function("IngestFile"), deployed.function("CommitTable")}
    found, _ = recorded(deployed, ours, lambda: bring(deployed, "undisturbed"))
    undisturbed = content(deployed, "undisturbed")
    assert [len(rows) for rows in undisturbed.values()] == [7, 3]
    return found


def test_killed_at_a_share_of_all_calls_nothing_is_lost_or_doubled(deployed: Deployment, points: list[Point]) -> None:
    _kill_at(deployed, share_of(points, SHARE), "share")


@pytest.mark.proof
def test_killed_at_every_call_nothing_is_lost_or_doubled(deployed: Deployment, points: list[Point]) -> None:
    _kill_at(deployed, points, "every")


def _kill_at(deployed: Deployment, points: Sequence[Point], name: str) -> None:
    runs, missed = killed_at(deployed, points, lambda number: bring(deployed, f"{name}-{number}"))
    undisturbed = content(deployed, "undisturbed")
    differing = {
        str(point): found
        for number, point in enumerate(runs)
        if (found := content(deployed, f"{name}-{number}")) != undisturbed
    }
    assert not differing
    most_were_reached(points, missed)
    deployed.settle()
