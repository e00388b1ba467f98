"""A landed file whose event was lost is read all the same; one that is known or on its way is left alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sluice import storage
from sluice.errors import SweepIncomplete
from sluice.ingestion import unnoticed as module
from sluice.ingestion.dead_letters import read_notice
from sluice.ingestion.landing import Notice
from sluice.ingestion.sweep import Sweep
from sluice.ledger import Delivery, Ledger
from sluice.settings import Settings
from tests.sluice.ingestion.test_stream import CLICKS
from tests.sluice.test_ledger import made_ledger

pytestmark = pytest.mark.slow

LATER = 7200.0


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        storage.client.cache_clear()
        made_ledger("ledger")
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="landing")
        s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
        queue = boto3.client("sqs").create_queue(QueueName="landing")["QueueUrl"]
        yield Settings(landing_bucket="landing", ledger_table="ledger", landing_queue_url=queue)
        storage.client.cache_clear()


def put(key: str, body: bytes = b"x") -> Notice:
    answer = boto3.client("s3").put_object(Bucket="landing", Key=key, Body=body)
    return Notice("landing", key, answer["VersionId"], len(body))


def sent(settings: Settings) -> list[Notice]:
    found: list[Notice] = []
    while (
        messages := boto3.client("sqs")
        .receive_message(QueueUrl=settings.landing_queue_url, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        found += [read_notice(message["Body"]) for message in messages]
    return sorted(found, key=lambda notice: (notice.key, notice.version_id))


def swept(settings: Settings, *, later: float = LATER, **more: Any) -> dict[str, int]:
    now = time.time() + later
    sweep = Sweep(settings, "hour", {"orders": CLICKS, "order": CLICKS}, now=lambda: now, **more)
    return sweep.take_up_unnoticed()


def test_each_version_that_the_ledger_does_not_know_is_announced_as_its_event_would(settings: Settings) -> None:
    known, failing = put("orders/a.csv"), put("orders/b.csv")
    lost = [put("orders/a.csv", b"another"), put("orders/2026/ü +%.csv"), *(put(f"order/{n}.csv") for n in range(205))]
    put("nobodys/c.csv")
    ledger = Ledger("ledger")
    ledger.record([Delivery("orders", known.delivery_id, "committed")])
    ledger.record_failing(Delivery("orders", failing.delivery_id, "failing"))
    assert swept(settings) == {"unnoticed": len(lost)}
    assert sent(settings) == sorted(lost, key=lambda notice: (notice.key, notice.version_id))


@pytest.mark.parametrize("later", [0.0, 3500.0, 9 * 86_400.0])
def test_one_that_just_came_or_was_looked_for_for_days_is_left(settings: Settings, later: float) -> None:
    put("orders/a.csv")
    assert swept(settings, later=later) == {}
    assert sent(settings) == []


def test_while_many_messages_wait_none_is_missed(settings: Settings) -> None:
    put("orders/a.csv")
    sqs = boto3.client("sqs")
    for number in range(101):
        sqs.send_message(QueueUrl=settings.landing_queue_url, MessageBody=json.dumps(number))
    assert swept(settings) == {}


def test_each_hour_begins_with_another_dataset_and_says_whom_time_did_not_reach(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = iter([100.0, 100.0, 10.0] * 3)
    turns = [list(module.in_turns(["a", "b", "c"], turn, lambda: next(left), 20.0)) for turn in range(3)]
    assert turns == [["a", "b"], ["b", "c"], ["c", "a"]]
    assert [record.getMessage()[-1] for record in caplog.records] == ["c", "a", "b"]
    assert list(module.in_turns([], 5, lambda: 100.0, 20.0)) == []


def test_what_the_queue_does_not_take_fails_the_sweep_and_the_next_finds_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("orders/a.csv")
    put("order/a.csv")
    taken = module.announce

    def fails(queue_url: str, notices: list[Notice]) -> None:
        if notices[0].dataset == "order":
            raise OSError("SQS did not take 1 events: InternalError")
        taken(queue_url, notices)

    monkeypatch.setattr("sluice.ingestion.sweep.announce", fails)
    with pytest.raises(SweepIncomplete, match="take_up_unnoticed order: OSError"):
        swept(settings)
    assert [notice.dataset for notice in sent(settings)] == ["orders"]
    monkeypatch.undo()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert swept(settings) == {"unnoticed": 2}, "nothing was recorded of either yet"


def test_a_failed_entry_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuses:
        def send_message_batch(self, **_: Any) -> dict[str, Any]:
            return {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(module, "client", lambda service: Refuses())
    with pytest.raises(OSError, match="InternalError"):
        module.announce("queue", [Notice("landing", "orders/a.csv", "v", 1)])
