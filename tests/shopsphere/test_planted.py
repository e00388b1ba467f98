"""Over generated clicks with planted incidents the rules of ShopSphere find those, and no others."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from shopsphere.generate.stream import generate_stream
from shopsphere.generate.stream_manifest import StreamManifest
from sluice.ingestion.ingest_stream import ingest_records
from sluice.ingestion.rules.events import OperationalEvent
from sluice.ingestion.rules.watch import Memory, Watch
from sluice.load import load_contract
from sluice.project import Project
from sluice.settings import Settings
from tests.folders import ROOT

pytestmark = pytest.mark.slow

CLICKS = load_contract(ROOT / "contracts" / "clickstream.yaml")
START = datetime(2025, 3, 1, 8, tzinfo=UTC)
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clickstream"


class Nowhere:
    """Takes objects and keeps none."""

    def put(self, address: str, body: Any) -> None:
        pass


def as_records(data: list[bytes], first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "eventSourceARN": ARN,
            "eventID": f"shardId-000000000000:{first + number}",
            "kinesis": {
                "sequenceNumber": str(10**20 + first + number),
                "data": base64.b64encode(each).decode(),
                "approximateArrivalTimestamp": START.timestamp() + (first + number) / 30,
            },
        }
        for number, each in enumerate(data)
    ]


def found(records: list[dict[str, Any]], memory: Memory) -> list[OperationalEvent]:
    watch = Watch(memory)
    ingest_records(records, Project((CLICKS,)), Settings(lake_bucket="lake"), Nowhere(), watch.add)  # type: ignore[arg-type]
    events, kept = watch.look()
    memory.update(kept)
    return events


@pytest.mark.parametrize(("size", "warm"), [(120_000, True), (5_000, True), (5_000, False)])
def test_the_planted_incidents_are_found_and_no_others(size: int, warm: bool) -> None:
    manifest = StreamManifest()
    batches = generate_stream(seed=5, start=START, events=100_000, incidents_per_rule=20, manifest=manifest)
    records = as_records([data for batch in batches for data in batch.data])
    memory: Memory = {}
    events: list[OperationalEvent] = []
    for start in range(0, len(records), size):
        events += found(records[start : start + size], memory if warm else {})

    by_id = {event.event_id: event for event in events}
    planted = manifest.incidents
    expected = {
        "card_testing": {incident["session_id"] for incident in planted["card_testing"]},
        "impossible_travel": {incident["customer_id"] for incident in planted["impossible_travel"]},
        "price_below_cost": {incident["event_ids"][0] for incident in planted["price_below_cost"]},
    }
    named = {rule: {str(*e.key.values()) for e in by_id.values() if e.rule == rule} for rule in expected}
    assert all(named[rule] <= expected[rule] for rule in expected), "found what is not there"
    assert named["price_below_cost"] == expected["price_below_cost"]
    if warm:
        assert named == expected
        assert Counter(event.rule for event in by_id.values()) == dict.fromkeys(expected, 20)
    if size == len(records):
        bursts = {e.key["session_id"]: e for e in by_id.values() if e.rule == "card_testing"}
        for incident in planted["card_testing"]:
            event = bursts[incident["session_id"]]
            assert (event.count, event.measured["distinct"]) == (incident["declined_payments"], incident["cards"])
            assert {record["event_id"] for record in event.records} <= set(incident["event_ids"])
