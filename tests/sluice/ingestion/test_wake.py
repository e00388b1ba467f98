"""Wake-ups of committers: one waits per dataset, and one that comes early comes again in time."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from lambdas.commit_table import handler as committer
from sluice import pace, pace_items
from sluice.ingestion import retry, wake
from sluice.ingestion.commit import Call, Drained
from sluice.settings import Settings
from tests.sluice.ingestion.test_stream import CLICKS
from tests.sluice.small_dynamodb import SmallDynamoDb

MINUTE = msgspec.structs.replace(CLICKS, latency_seconds=60)
SETTINGS = Settings(commit_queue_url="q", ledger_table="l")


class Cloud:
    """Takes what is sent, and notes when messages are to come again."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.hidden: dict[str, int] = {}
        self.ledger = SmallDynamoDb()

    def client(self, service: str) -> Any:
        return self.ledger if service == "dynamodb" else self

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        self.hidden[ReceiptHandle] = VisibilityTimeout


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    made = Cloud()
    for module in (wake, retry, pace, pace_items):
        monkeypatch.setattr(module, "client", made.client)
    monkeypatch.setattr(committer, "_contract", lambda _: MINUTE)
    return made


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    for module in (wake, committer):
        monkeypatch.setattr(module.time, "time", lambda: moment)


def committed_at(moment: float) -> None:
    taken = pace.Pace("l").begin_commit(MINUTE.name, moment, ["m"], forced=True)
    assert taken
    pace.Pace("l").end_commit(taken, changed=True)


def received(body: dict[str, Any]) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1"}
    return {"Records": [{"messageId": "m", "receiptHandle": "r", "body": json.dumps(body), "attributes": attributes}]}


def test_one_message_waits_however_many_batches_there_are_and_a_warm_function_asks_nobody(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: wake.Known = {}
    committed_at(1000.0)
    for moment in (1000.0, 1003.5, 1058.0):
        at(monkeypatch, moment)
        assert wake.ask_commit(SETTINGS, MINUTE, known) is (moment == 1000.0)
        asked = dict(cloud.ledger.items)
        assert wake.ask_commit(SETTINGS, MINUTE) is False
        assert cloud.ledger.items == asked
    assert [json.loads(message["MessageBody"]) for message in cloud.sent] == [
        {"dataset": "things", "notBefore": 1060.0, "paced": True}
    ]
    assert known == {"things": 1060.0}


def test_a_message_that_cannot_be_sent_is_sent_by_the_next_try(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1000.0)
    known: wake.Known = {}
    sent = cloud.send_message

    def refuse(**_: Any) -> None:
        raise OSError("SQS answers 503")

    monkeypatch.setattr(cloud, "send_message", refuse)
    with pytest.raises(OSError, match="503"):
        wake.ask_commit(SETTINGS, MINUTE, known)
    monkeypatch.setattr(cloud, "send_message", sent)
    assert wake.ask_commit(SETTINGS, MINUTE, known)
    assert len(cloud.sent) == 1


def test_the_queue_takes_no_claim_for_another_that_was_due_at_the_same_time(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a function whose clock is behind, after a commit in which there was nothing."""
    committed_at(1000.0)
    at(monkeypatch, 1010.0)
    wake.ask_commit(SETTINGS, MINUTE)
    taken = pace.Pace("l").begin_commit(MINUTE.name, 1060.5, ["m"])
    assert taken
    pace.Pace("l").end_commit(taken, changed=False)
    at(monkeypatch, 1059.9)
    assert wake.ask_commit(SETTINGS, MINUTE)
    first, second = cloud.sent
    assert first["MessageBody"] == second["MessageBody"]
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]


def test_what_is_due_much_later_is_left_to_a_sweep(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1000.0)
    committed_at(1000.0)
    longer = msgspec.structs.replace(MINUTE, latency_seconds=int(pace_items.HORIZON) + 1)
    assert wake.ask_commit(SETTINGS, longer)
    assert cloud.sent == []
    (waiting,), _ = pace.Pace("l").read_waiting()
    assert (waiting.to_send(1000.0), waiting.to_send(1002.0)) == (False, True)


def test_a_wake_up_that_is_not_due_comes_again_when_it_is(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[str] = []

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        drained.append(dataset)
        return Drained((), {})

    monkeypatch.setattr(committer, "_drain", drain)
    event = received({"dataset": CLICKS.name, "notBefore": 1010.0})

    at(monkeypatch, 1003.5)
    assert committer.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert (drained, cloud.hidden) == ([], {"r": 7})

    at(monkeypatch, 1010.5)
    assert committer.handler(event, None) == {"batchItemFailures": []}
    assert drained == [CLICKS.name]


def test_a_paced_message_that_comes_twice_ends_with_one_question(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[bool] = []

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        drained.append(call.again)
        return Drained((), {})

    monkeypatch.setattr(committer, "_drain", drain)
    at(monkeypatch, 1000.0)
    wake.ask_commit(SETTINGS, MINUTE)
    event = received(json.loads(cloud.sent[0]["MessageBody"]))
    for _ in range(2):
        assert committer.handler(event, None) == {"batchItemFailures": []}
    assert drained == [False]


def test_a_paced_message_whose_call_died_goes_on_with_its_work(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    drained: list[bool] = []

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        drained.append(call.again)
        if len(drained) == 1:
            raise OSError("killed")
        return Drained((), {})

    monkeypatch.setattr(committer, "_drain", drain)
    at(monkeypatch, 1000.0)
    wake.ask_commit(SETTINGS, MINUTE)
    event = received(json.loads(cloud.sent[0]["MessageBody"]))
    assert committer.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert committer.handler(event, None) == {"batchItemFailures": []}
    assert drained == [False, True]
