"""The committer commits for all datasets of a batch before it maintains any, and no maintenance fails a commit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.commit_table import handler as module
from sluice import pace, pace_items
from sluice.ingestion.commit import Call, Drained
from sluice.settings import Settings
from tests.sluice.ingestion.test_stream import CLICKS
from tests.sluice.small_dynamodb import SmallDynamoDb


class Context:
    """A call with so many seconds left."""

    aws_request_id = "r1"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Committer:
    """Notes what the function does, in order; what is ``broken`` fails, what is ``unfinished`` has more to commit."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.broken: set[tuple[str, str]] = set()
        self.unfinished: set[str] = set()

    def drain(self, settings: Settings, dataset: str, call: Call) -> Drained:
        self._do("commit", dataset)
        return Drained((), {}, finished=dataset not in self.unfinished)

    def maintain(self, settings: Settings, dataset: str, time_left: Callable[[], float]) -> None:
        self._do("maintain", dataset)

    def wake(
        self, settings: Settings, dataset: str, occasion: str, *, maintain: bool = False, through: bool = False
    ) -> None:
        self.done.append(("wake", dataset, f"maintain={maintain}", *(["through"] if through else [])))

    def _do(self, what: str, dataset: str) -> None:
        self.done.append((what, dataset))
        if (what, dataset) in self.broken:
            raise OSError("broken")


@pytest.fixture
def committer(monkeypatch: pytest.MonkeyPatch) -> Committer:
    made = Committer()
    monkeypatch.setattr(module, "_drain", made.drain)
    monkeypatch.setattr(module, "_maintain", made.maintain)
    monkeypatch.setattr(module, "wake", made.wake)
    monkeypatch.setattr(module, "_contract", lambda _: CLICKS)
    ledger = SmallDynamoDb()
    for each in (pace, pace_items):
        monkeypatch.setattr(each, "client", lambda _: ledger)
    monkeypatch.setattr(module, "postpone", lambda *_: None)
    monkeypatch.setattr(
        module, "give_back", lambda url, records, failed: {"batchItemFailures": [{"itemIdentifier": m} for m in failed]}
    )
    return made


def handle(*messages: tuple[str, str, bool], seconds: float = 90.0) -> list[str]:
    """Handle messages (id, dataset, whether maintenance is due); return the ids of those that come again."""
    records: list[dict[str, Any]] = [
        {
            "messageId": message,
            "body": json.dumps({"dataset": dataset} | ({"maintain": True} if due else {})),
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        for message, dataset, due in messages
    ]
    answer = module.handler({"Records": records}, Context(seconds))
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_all_datasets_are_committed_before_any_is_maintained(committer: Committer) -> None:
    assert handle(("m1", "orders", True), ("m2", "clicks", False), ("m3", "lines", True)) == []
    assert committer.done == [
        ("commit", "orders"), ("commit", "clicks"), ("commit", "lines"), ("maintain", "orders"), ("maintain", "lines"),
    ]  # fmt: skip


def test_a_maintenance_that_fails_brings_back_its_own_messages_and_no_other(committer: Committer) -> None:
    committer.broken = {("maintain", "orders")}
    assert handle(("m1", "orders", True), ("m2", "orders", False), ("m3", "lines", True)) == ["m1"]
    assert committer.done[-1] == ("maintain", "lines")


def test_what_could_not_be_committed_is_not_maintained(committer: Committer) -> None:
    committer.broken, committer.unfinished = {("commit", "orders")}, {"lines"}
    assert handle(("m1", "orders", True), ("m2", "orders", False), ("m3", "lines", True)) == ["m1", "m2"]
    assert committer.done == [("commit", "orders"), ("commit", "lines"), ("wake", "lines", "maintain=True")]


def test_without_time_maintenance_is_asked_for_again(committer: Committer) -> None:
    assert handle(("m1", "orders", True), seconds=40.0) == []
    assert committer.done == [("commit", "orders"), ("wake", "orders", "maintain=True")]
