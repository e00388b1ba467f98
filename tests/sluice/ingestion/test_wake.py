"""Wake-ups of a stream's committer: one an interval, due when it is over: none is lost, and not too many come."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from lambdas.commit_table import handler as committer
from sluice.ingestion import retry, wake
from sluice.ingestion.commit import Call, Drained
from sluice.settings import Settings
from tests.sluice.ingestion.test_stream import CLICKS

FRESH = msgspec.structs.replace(CLICKS, freshness_seconds=600)


class Queue:
    """Takes what is sent, and notes when messages are to come again."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.hidden: dict[str, int] = {}

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        self.hidden[ReceiptHandle] = VisibilityTimeout


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    made = Queue()
    for module in (wake, retry):
        monkeypatch.setattr(module, "client", lambda service: made)
    return made


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    for module in (wake, committer):
        monkeypatch.setattr(module.time, "time", lambda: moment)


def test_batches_of_one_interval_share_one_wake_up_that_is_due_at_its_end(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wake.commit_pace(FRESH) == 10
    for moment in (1000.0, 1003.5, 1009.9, 1010.0):
        at(monkeypatch, moment)
        wake.wake_at_intervals(Settings(commit_queue_url="q"), FRESH)
    ids = [message["MessageDeduplicationId"] for message in queue.sent]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert [json.loads(message["MessageBody"]) for message in queue.sent[2:]] == [
        {"dataset": "things", "notBefore": 1010.0}, {"dataset": "things", "notBefore": 1020.0},
    ]  # fmt: skip


def test_a_wake_up_that_is_not_due_comes_again_when_it_is(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[str] = []

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        drained.append(dataset)
        return Drained((), {})

    monkeypatch.setattr(committer, "_drain", drain)
    body = json.dumps({"dataset": "things", "notBefore": 1010.0})
    received = {"ApproximateReceiveCount": "1"}
    event = {"Records": [{"messageId": "m", "receiptHandle": "r", "body": body, "attributes": received}]}

    at(monkeypatch, 1003.5)
    assert committer.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert (drained, queue.hidden) == ([], {"r": 7})

    at(monkeypatch, 1010.5)
    assert committer.handler(event, None) == {"batchItemFailures": []}
    assert drained == ["things"]
