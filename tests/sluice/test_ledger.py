"""The ledger keeps what it counts, whatever is recorded of a delivery afterwards, and however often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.client import BaseClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from sluice import storage
from sluice.cli.status import DatasetStatus, Status
from sluice.cli.status_output import as_json
from sluice.cli.streams import StreamsStatus
from sluice.ledger import FINAL, UNKNOWN, Delivery, Ledger, Retirement, ShardCounts
from tests.laws import cases

ONE = Delivery("orders", "x", "committed", uri="s3://landing/orders/x.csv", accepted=5, quarantined=1, at=1.0)
STEPS = [*FINAL, "staged", "failing", "given up", "taken back", "event", "event", "event"]


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        storage.client.cache_clear()
        yield made_ledger("ledger")
        storage.client.cache_clear()


def made_ledger(table: str) -> Ledger:
    boto3.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "dataset", "KeyType": "HASH"},
            {"AttributeName": "entry", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("dataset", "entry")],
    )
    return Ledger(table)


def step(ledger: Ledger, of: Delivery, what: Any) -> None:
    if what == "event":
        ledger.redelivered(of.dataset, of.delivery_id)
    elif what == "staged":
        ledger.record_staged(msgspec.structs.replace(of, status="staged"))
    elif what == "failing":
        ledger.record_failing(msgspec.structs.replace(of, status="failing"))
    elif what == "given up":
        ledger.record_given_up(msgspec.structs.replace(of, status="discarded"))
    elif what == "taken back":
        ledger.record([of.taken_back(accepted=5, quarantined=1, at=2.0)])
    else:
        ledger.record([msgspec.structs.replace(of, status=what)])


@pytest.mark.slow
@given(
    steps=st.lists(st.sampled_from(STEPS), max_size=8),
    number=st.integers(0, 10**9),
    dataset=st.sampled_from(["orders", UNKNOWN]),
)
@settings(max_examples=cases(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_record_of_a_delivery_changes_how_often_it_came_again(
    ledger: Ledger, steps: list[str], number: int, dataset: str
) -> None:
    of = msgspec.structs.replace(ONE, dataset=dataset, delivery_id=f"x{number}-{len(steps)}")
    before = ledger.recorded(dataset).redeliveries[of.delivery_id]
    for what in steps:
        step(ledger, of, what)
    assert ledger.recorded(dataset).redeliveries[of.delivery_id] - before == steps.count("event")


def test_a_delivery_that_came_again_and_is_taken_back_has_all_its_counts(ledger: Ledger) -> None:
    ledger.record([ONE])
    ledger.redelivered("orders", "x")
    ledger.record([ONE])  # as a committer does that was killed between the record and what it had waiting
    ledger.redelivered("orders", "x")
    ledger.record([ONE.taken_back(accepted=5, quarantined=1, at=2.0)])
    (taken_back,) = ledger.deliveries("orders")
    assert (taken_back.status, taken_back.retracted, taken_back.retracted_quarantined) == ("retracted", 6, 1)
    assert ledger.recorded("orders").redeliveries == {"x": 2}
    assert ledger.recorded("other").redeliveries == {}


def test_what_came_again_is_told_beside_the_deliveries_and_is_none_of_them(ledger: Ledger) -> None:
    ledger.record([ONE, msgspec.structs.replace(ONE, delivery_id="y", status="duplicate", accepted=0, quarantined=0)])
    for _ in range(3):
        ledger.redelivered("orders", "x")
    states = [each.status for each in ledger.deliveries("orders")]
    assert sorted(states) == ["committed", "duplicate"]
    numbers = DatasetStatus("orders", redeliveries=ledger.recorded("orders").redeliveries.total())
    numbers.deliveries.update(states)
    told = as_json(Status({"orders": numbers}, frozenset(), 2, (), {}, 0, StreamsStatus()))
    (orders,) = told["datasets"]
    assert orders["redeliveries"] == 3
    assert sum(orders["deliveries"].values()) == told["delivered"]


@pytest.mark.slow
def test_all_that_is_recorded_of_a_dataset_is_read_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sluice status` asks once for each megabyte of a dataset's entries, whatever kinds of them there are."""
    asked: list[str] = []
    call = BaseClient._make_api_call

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        asked.append(operation)
        return call(self, operation, parameters)

    deleted = Retirement("landing", "2026-01-01", files=2, at=3.0)
    ledger.record(msgspec.structs.replace(ONE, delivery_id=f"{number:03d}") for number in range(300))
    ledger.record_retirements("orders", [deleted])
    ledger.record_shards("orders", [ShardCounts("orders/shardId-000000000000", accepted=1)])
    ledger.redelivered("orders", "007")
    ledger.record([msgspec.structs.replace(ONE, dataset="others")])
    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    found = ledger.recorded("orders")
    assert asked == ["Query"]
    assert [each.delivery_id for each in found.deliveries] == [f"{number:03d}" for number in range(300)]
    assert found.deliveries == list(ledger.deliveries("orders"))
    assert (found.retirements, found.redeliveries) == ([deleted], {"007": 1})
