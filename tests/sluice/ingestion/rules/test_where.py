"""Conditions on one record, and what becomes of too many findings."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from sluice.contracts import Condition
from sluice.contracts.conditions import fulfilled
from sluice.ingestion.rules.events import MOST_EVENTS
from tests.sluice.ingestion.rules.watching import Function, event, ids, rule, visits


def function(*conditions: Condition) -> Function:
    return Function(visits(rule(where=conditions)))


BELOW_COST = Condition("price", "<", other="cost")


def test_two_columns_of_a_record_are_compared() -> None:
    found = function(BELOW_COST).batch(
        event("cheap", 5, price=1.99, cost=1.991), event("fair", price=2, cost=2), event("unknown", price=1),
        event("none", cost=1), event("dear", price=3, cost=2.5),
    )  # fmt: skip
    assert [(each.key, each.count) for each in found] == [({"id": "cheap"}, 1)]
    (record,) = found[0].records
    assert (record["price"], record["cost"]) == (Decimal("1.99"), Decimal("1.991"))
    assert found[0].first_event_time == found[0].last_event_time
    assert found[0].first_event_time is not None
    assert found[0].first_event_time.isoformat() == "2026-01-01T12:00:05+00:00"


@pytest.mark.parametrize(
    ("column", "operator", "value", "hits"),
    [
        ("pieces", "=", "2", ["b"]),
        ("pieces", "!=", "2", ["a", "c"]),
        ("pieces", "<", "1.5", ["a"]),
        ("pieces", ">=", "2", ["b", "c"]),
        ("price", "<=", "2.00", ["a", "b"]),
        ("weight", ">", "0.2", ["c"]),
        ("outcome", "=", "it is odd", ["b"]),
        ("sold", "=", "true", ["a"]),
        ("day", "<", "2026-01-02", ["a"]),
        ("at", ">", "2026-01-01T12:00:01", ["c"]),
    ],
)
def test_a_column_is_compared_with_a_value(column: str, operator: str, value: str, hits: list[str]) -> None:
    found = function(Condition(column, operator, value=value)).batch(
        event("a", 0, pieces=1, price=1, weight=0.1, outcome="x", sold=True, day="2026-01-01"),
        event("b", 1, pieces=2, price=2, weight=0.2, outcome="it is odd", sold=False, day="2026-01-02"),
        event("c", 2, pieces=3, price=3, weight=0.3, outcome="", sold=False, day="2026-01-03"),
        event("null", None),
    )
    assert [each.key["id"] for each in found] == hits


@pytest.mark.parametrize(("operator", "hits"), [("=", 1), ("<=", 1), (">=", 1), ("<", 0), (">", 0), ("!=", 0)])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("text", ["0.1", "+0.1", "16777217.3", "-0.30000000000000004"])
def test_a_fraction_is_equal_to_the_value_of_the_same_text(
    kind: pa.DataType, text: str, operator: str, hits: int
) -> None:
    rows = pa.table({"weight": pa.array([float(text)], kind)})
    assert fulfilled(rows, [Condition("weight", operator, value=text)]).num_rows == hits


def test_all_conditions_must_be_fulfilled() -> None:
    both = function(BELOW_COST, Condition("outcome", "=", value="sold"))
    found = both.batch(
        event("a", price=1, cost=2), event("b", price=1, cost=2, outcome="sold"), event("c", outcome="sold")
    )
    assert [each.key["id"] for each in found] == ["b"]


def test_an_event_sent_twice_is_told_of_once_and_a_batch_that_comes_again_gives_the_same() -> None:
    warm = function(BELOW_COST)
    first = warm.batch(event("a", price=1, cost=2), event("a", price=1, cost=2))
    assert len(first) == 1
    assert ids(warm.batch(event("a", price=1, cost=2))) == ids(first)
    assert warm.memory == {}


def test_a_flood_is_told_of_in_a_bounded_number_of_events_and_all_are_counted() -> None:
    flood = [event(f"e{n}", n, price=1, cost=2) for n in range(MOST_EVENTS + 50)]
    found = function(BELOW_COST).batch(*flood)
    assert len(found) == len(set(ids(found))) == MOST_EVENTS
    assert sum(each.count for each in found) == len(flood)
    last = found[-1]
    assert (last.key, last.count, last.measured) == ({}, 51, {"found": 51.0})
    assert [record["id"] for record in last.records] == [f"e{n}" for n in range(99, 109)]
    assert ids(function(BELOW_COST).batch(*flood)) == ids(found)
    assert len(function(BELOW_COST).batch(*flood[:MOST_EVENTS])) == MOST_EVENTS


def test_long_texts_are_cut() -> None:
    (found,) = function(Condition("outcome", "!=", value="")).batch(event("x" * 5000, outcome="y" * 5000))
    assert {len(found.records[0][name]) for name in ("id", "outcome")} == {200}
    assert len(found.key["id"]) == 200


def test_records_in_quarantine_raise_nothing() -> None:
    assert function(BELOW_COST).batch({"id": "a", "price": "cheap", "cost": 2}) == []
