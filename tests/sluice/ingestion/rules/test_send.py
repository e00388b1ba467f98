"""Events on their way: ten a call, to bus and topic; what is refused fails the batch, and is told of again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sluice.contracts import Burst
from sluice.ingestion.rules import events
from sluice.settings import Settings
from tests.sluice.ingestion.rules.watching import DECLINED, Function, declined, rule, visits

TOPIC = "arn:aws:sns:us-east-1:123456789012:Alerts"
SETTINGS = Settings(lake_bucket="lake", alert_topic=TOPIC, event_bus="bus")


class Services:
    """EventBridge and SNS; ``refuses`` names the one that takes nothing of its next call."""

    def __init__(self) -> None:
        self.bus: list[list[dict[str, Any]]] = []
        self.topic: list[list[dict[str, Any]]] = []
        self.refuses = ""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.bus.append(Entries)
        return {"FailedEntryCount": int(self.refuses == "bus"), "Entries": [{"ErrorCode": "InternalFailure"}]}

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert TopicArn == TOPIC
        self.topic.append(PublishBatchRequestEntries)
        return {"Successful": [], "Failed": [{"Id": "0", "Code": "InternalError"}] if self.refuses == "topic" else []}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Services:
    made = Services()
    monkeypatch.setattr(events, "client", lambda _: made)
    return made


def bursts(count: int) -> list[dict[str, Any]]:
    return [declined(f"{who}-{n}", n, who=f"w{who}") for who in range(count) for n in range(3)]


def function() -> Function:
    burst = Burst("who", "at", at_least=3, within_seconds=60, where=DECLINED)
    return Function(visits(rule(burst=burst)))


def test_each_event_goes_to_bus_and_topic_ten_a_call(services: Services) -> None:
    function().watch(*bursts(23)).tell(SETTINGS)
    assert [len(call) for call in services.bus] == [len(call) for call in services.topic] == [10, 10, 3]
    entry, message = services.bus[0][0], services.topic[0][0]
    assert (entry["Source"], entry["DetailType"], entry["EventBusName"]) == ("sluice", "OperationalEvent", "bus")
    assert entry["Detail"] == message["Message"]
    detail = json.loads(entry["Detail"])
    assert set(detail) == {
        "eventId", "rule", "description", "severity", "dataset", "key", "firstEventTime", "lastEventTime", "count",
        "measured", "records",
    }  # fmt: skip
    assert detail["firstEventTime"] == "2026-01-01T12:00:00Z"
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"rule": "odd", "dataset": "things", "severity": "warning"}
    assert len({each["Id"] for each in services.topic[0]}) == 10


def test_a_call_is_no_larger_than_the_services_take(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_CALL_BYTES", 2_500)
    function().watch(*bursts(6)).tell(SETTINGS)
    assert sum(len(call) for call in services.bus) == 6
    assert len(services.bus) > 1
    assert all(sum(len(each["Detail"]) for each in call) <= 2_500 for call in services.bus)


def test_an_event_whose_records_are_large_fits_with_fewer_of_them(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_CALL_BYTES", 700)
    function().watch(*bursts(1)).tell(SETTINGS)
    ((entry,),) = services.bus
    detail = json.loads(entry["Detail"])
    assert len(entry["Detail"].encode()) <= 700
    assert len(detail["records"]) < detail["count"] == 3


def test_nothing_found_is_no_call(services: Services) -> None:
    function().watch(*bursts(1)[:2]).tell(SETTINGS)
    assert services.bus == services.topic == []


@pytest.mark.parametrize("refuses", ["bus", "topic"])
def test_what_is_refused_is_raised_and_told_again_when_the_batch_comes_again(services: Services, refuses: str) -> None:
    warm = function()
    services.refuses = refuses
    with pytest.raises(OSError, match=r"refused 1 events.*Internal"):
        warm.watch(*bursts(2)).tell(SETTINGS)
    assert warm.memory == {}
    services.refuses = ""
    warm.watch(*bursts(2), again=True).tell(SETTINGS)
    first, again = services.bus
    assert [each["Detail"] for each in first] == [each["Detail"] for each in again]
    warm.watch(*bursts(2), again=True).tell(SETTINGS)
    assert len(services.bus) == 2, "told once it was taken"
