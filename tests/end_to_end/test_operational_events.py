"""Incidents in a stream reach whoever listens to the topic or the bus, and their records are in bronze."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shopsphere.generate.stream import generate_stream
from shopsphere.generate.stream_manifest import StreamManifest
from tests.end_to_end.running import Deployment
from tests.end_to_end.streaming import bring, tables
from tests.waiting import until

pytestmark = pytest.mark.slow

STREAM = "clickstream"


@dataclass
class Listener:
    """A queue that hears what is found; ``heard`` are the details so far."""

    deployed: Deployment
    url: str
    arn: str
    heard: list[dict[str, Any]] = field(default_factory=list)

    def listen(self) -> list[dict[str, Any]]:
        sqs = self.deployed.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                body = json.loads(message["Body"])
                # On the bus the event is the body; the topic wraps its text and says what one may filter by.
                self.heard.append(body["detail"] if "detail" in body else json.loads(body["Message"]))
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.heard

    def ids(self) -> Counter[str]:
        return Counter(each["eventId"] for each in self.listen())


@pytest.fixture
def of_topic(deployed: Deployment) -> Iterator[Listener]:
    """Hears what comes to the topic about clicks and is not just information."""
    listener = _listener(deployed)
    sns, topic = deployed.client("sns"), deployed.outputs["OperationalEventsTopicArn"]
    wanted = {"FilterPolicy": json.dumps({"dataset": [STREAM], "severity": ["warning", "critical"]})}
    subscribed = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=listener.arn, Attributes=wanted, ReturnSubscriptionArn=True
    )
    yield listener
    sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])
    deployed.client("sqs").delete_queue(QueueUrl=listener.url)


@pytest.fixture
def of_bus(deployed: Deployment) -> Iterator[Listener]:
    """Hears what comes to the default bus."""
    listener, events, name = _listener(deployed), deployed.client("events"), f"heard-{uuid.uuid4().hex}"
    pattern = {"source": ["sluice"], "detail-type": ["OperationalEvent"], "detail": {"dataset": [STREAM]}}
    rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
    _let_in(deployed, listener, "events.amazonaws.com", rule)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": listener.arn}])
    yield listener
    events.remove_targets(Rule=name, Ids=["queue"])
    events.delete_rule(Name=name)
    deployed.client("sqs").delete_queue(QueueUrl=listener.url)


def _listener(deployed: Deployment) -> Listener:
    sqs = deployed.client("sqs")
    url = sqs.create_queue(QueueName=f"heard-{uuid.uuid4().hex}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    listener = Listener(deployed, url, arn)
    _let_in(deployed, listener, "sns.amazonaws.com", deployed.outputs["OperationalEventsTopicArn"])
    return listener


def _let_in(deployed: Deployment, listener: Listener, service: str, source: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": listener.arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    deployed.client("sqs").set_queue_attributes(QueueUrl=listener.url, Attributes={"Policy": policy})


def planted(seed: int) -> tuple[list[bytes], list[str], StreamManifest]:
    """Return records with planted incidents, their partition keys, and what was planted.

    Each seed has a day of its own: the customers of two are the same, and the function remembers where they were.
    """
    manifest = StreamManifest()
    start = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(days=2 * seed)
    batches = generate_stream(seed=seed, start=start, events=6_000, incidents_per_rule=3, manifest=manifest)
    pairs = [pair for batch in batches for pair in batch.pairs()]
    return [data for _, data in pairs], [key for key, _ in pairs], manifest


def are_those_planted(found: list[dict[str, Any]], manifest: StreamManifest) -> None:
    """Check that what was found is what was planted, once each by id."""
    by_id = {each["eventId"]: each for each in found}
    expected = {rule: len(incidents) for rule, incidents in manifest.incidents.items()}
    assert Counter(each["rule"] for each in by_id.values()) == expected
    for rule, named in (("card_testing", "session_id"), ("impossible_travel", "customer_id")):
        wanted = {incident[named] for incident in manifest.incidents[rule]}
        assert {each["key"][named] for each in by_id.values() if each["rule"] == rule} == wanted
    wanted = {incident["event_ids"][0] for incident in manifest.incidents["price_below_cost"]}
    assert {each["key"]["event_id"] for each in by_id.values() if each["rule"] == "price_below_cost"} == wanted


def test_planted_incidents_reach_topic_and_bus_once_by_id_and_their_records_are_in_bronze(
    deployed: Deployment, of_topic: Listener, of_bus: Listener
) -> None:
    data, keys, manifest = planted(71)

    bring(deployed, STREAM, data, keys)

    _all_are_heard(manifest, of_topic, of_bus)
    assert {each["eventId"]: each for each in of_topic.heard} == {each["eventId"]: each for each in of_bus.heard}
    assert "card_hash" not in json.dumps(of_topic.heard)

    rows = {row["event_id"]: row for row in deployed.rows(f"bronze.{STREAM}")}
    for incidents in manifest.incidents.values():
        assert all(name in rows for incident in incidents for name in incident["event_ids"])
    shown = [record for each in of_topic.heard for record in each["records"]]
    assert all(record["_sequence"] and record["_source"].endswith("shardId-000000000000") for record in shown)
    assert {record["event_id"] for record in shown} <= set(rows)


@pytest.mark.parametrize(("when", "seed"), [("before", 72), pytest.param("after", 73, marks=pytest.mark.proof)])
def test_an_ingestor_that_dies_between_bus_and_topic_tells_again_with_the_same_ids(
    deployed: Deployment, of_topic: Listener, of_bus: Listener, when: str, seed: int
) -> None:
    data, keys, manifest = planted(seed)
    caller = deployed.outputs["IngestStreamFunctionName"]
    point = {"caller": caller, "service": "sns", "action": "PublishBatch", "detail": "", "n": 1, "when": when}
    deployed.localaws("POST", "faults/arm", point)

    placed = bring(deployed, STREAM, data, keys)

    _all_are_heard(manifest, of_topic, of_bus)
    assert deployed.localaws("POST", "faults/disarm"), "it was killed"
    assert max(of_bus.ids().values()) > 1, "the bus was told twice"
    wanted = {place.sequence for place in placed}
    bronze = Counter(row["_sequence"] for row in tables(deployed, STREAM)[f"bronze.{STREAM}"])
    assert Counter(times for place, times in bronze.items() if place in wanted) == {1: manifest.expected_accepted}


def _all_are_heard(manifest: StreamManifest, *listeners: Listener) -> None:
    count = sum(len(incidents) for incidents in manifest.incidents.values())
    for listener in listeners:
        until(lambda heard=listener: len(heard.ids()) >= count, f"{count} events are heard")  # type: ignore[misc]
        are_those_planted(listener.heard, manifest)
