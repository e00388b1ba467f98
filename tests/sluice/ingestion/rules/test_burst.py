"""Bursts: enough records of a key within the window, by event time, however they come."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sluice.contracts import Burst
from sluice.contracts.model import CLASSIFICATIONS, PRIVATE
from sluice.ingestion.rules import found as bounds
from tests.sluice.ingestion.rules.watching import DECLINED, Function, declined, event, ids, rule, visits

THREE = Burst("who", "at", at_least=3, within_seconds=60, where=DECLINED)
CARDS = Burst("who", "at", at_least=3, within_seconds=60, where=DECLINED, distinct="card", distinct_at_least=2)


def function(burst: Burst = THREE, **more: Any) -> Function:
    return Function(visits(rule(burst=burst), **more))


def test_a_burst_says_what_who_when_and_shows_its_records_without_personal_data() -> None:
    (found,) = function(CARDS).batch(*(declined(f"e{n}", n * 10, card=f"card{n % 2}") for n in range(3)))
    assert (found.rule, found.severity, found.dataset, found.key) == ("odd", "warning", "things", {"who": "w"})
    assert (found.count, found.measured) == (3, {"distinct": 2.0})
    assert found.first_event_time is not None
    assert found.last_event_time is not None
    assert (found.last_event_time - found.first_event_time).total_seconds() == 20
    assert [record["id"] for record in found.records] == ["e0", "e1", "e2"]
    assert found.records[0]["_sequence"] == "0"
    assert found.records[0]["_source"].endswith("stream/things/shardId-000000000000")
    assert "card" not in found.records[0]


@pytest.mark.parametrize(
    ("last", "burst"), [(60.0, True), (60.000001, False), (0.0, True)], ids=["edge", "beyond", "ties"]
)
def test_the_window_is_closed_at_both_ends(last: float, burst: bool) -> None:
    events = [declined("a", 0), declined("b", 0), declined("c", last)]
    assert bool(function().batch(*events)) is burst


def test_what_fulfils_no_condition_or_has_no_key_or_time_does_not_count() -> None:
    others = [
        declined("b", 1, who="other"), declined("c", 2, who=None), declined("d", None),
        event("e", 3, who="w", outcome="approved"), event("f", 4, who="w"),
    ]  # fmt: skip
    assert function().batch(declined("a", 0), *others, declined("g", 5)) == []
    assert function().batch(*(declined(str(n), n, who=None) for n in range(5))) == []


def test_null_is_no_distinct_value() -> None:
    events = [declined("a", 0, card="c"), declined("b", 1, card=None), declined("c", 2, card=None)]
    assert function(CARDS).batch(*events) == []
    assert len(function(CARDS).batch(*events, declined("d", 3, card="other"))) == 1


def test_distinct_values_are_counted_within_the_window_only() -> None:
    events = [declined("a", 0, card="first"), *(declined(str(n), 61 + n, card="c") for n in range(3))]
    assert function(CARDS).batch(*events) == []


def test_an_event_that_is_sent_twice_counts_once() -> None:
    assert function().batch(declined("a", 0), declined("b", 1), declined("b", 1), declined("a", 0)) == []


def test_order_within_a_batch_is_nothing() -> None:
    events = [declined(f"e{n}", n * 7) for n in range(12)]
    expected = function().batch(*events)
    for seed in range(5):
        shuffled = random.Random(seed).sample(events, len(events))
        (found,) = function().batch(*shuffled)
        assert found.event_id == expected[0].event_id
        assert [r["id"] for r in found.records] == [r["id"] for r in expected[0].records]


def test_a_long_burst_is_one_and_two_apart_are_two() -> None:
    (long,) = function().batch(*(declined(f"e{n}", n * 25) for n in range(40)))
    assert (long.count, len(long.records)) == (40, 10)
    two = function().batch(*(declined(f"e{n}{at}", at + n) for n in range(3) for at in (0, 300)))
    assert [each.count for each in two] == [3, 3]
    assert len(set(ids(two))) == 2


def test_a_burst_over_two_batches_is_found_and_told_of_once() -> None:
    warm = function()
    assert warm.batch(declined("a", 0), declined("b", 1)) == []
    (found,) = warm.batch(declined("c", 2), declined("d", 3))
    assert found.count == 4
    assert warm.batch(declined("e", 4), declined("f", 5), declined("g", 6)) == []


def test_a_record_that_comes_late_joins_the_burst_before_it() -> None:
    warm = function()
    assert warm.batch(declined("b", 1), declined("c", 2), arrives=2) == []
    (found,) = warm.batch(declined("a", 0), arrives=200)
    assert [record["id"] for record in found.records] == ["a", "b", "c"]


def test_the_same_batch_again_gives_the_same_event_or_none() -> None:
    events = [declined(f"e{n}", n) for n in range(4)]
    warm = function()
    first = warm.batch(*events)
    assert warm.batch(*events, again=True) == []
    assert ids(function().batch(*events)) == ids(first), "a cold function finds the same event"


def test_what_was_not_told_is_found_again() -> None:
    warm = function()
    warm.batch(declined("a", 0))
    watch = warm.watch(declined("b", 1), declined("c", 2))
    lost, _ = watch.look()  # and sending failed
    assert ids(warm.batch(declined("b", 1), declined("c", 2), again=True)) == ids(lost)


def test_two_shards_of_one_call_share_what_is_remembered() -> None:
    warm = function()
    watch = warm.watch(declined("a", 0), declined("b", 1))
    warm.ingest(watch.add, declined("c", 2))
    assert len(watch.look()[0]) == 1


def test_memory_forgets_what_arrived_long_ago() -> None:
    warm = function()
    warm.batch(declined("a", 0), declined("b", 1), arrives=0)
    warm.batch(declined("x", 0, who="other"), arrives=361)
    assert {table.num_rows for table in warm.memory.values()} == {1}
    assert warm.batch(declined("c", 2), arrives=361) == []


def test_memory_is_bounded_in_rows_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_ROWS", 50)
    warm = function()
    for batch in range(4):
        warm.batch(*(declined(f"{batch}-{n}", n, who=f"{batch}-{n}") for n in range(40)), arrives=batch)
    (memory,) = warm.memory.values()
    assert memory.num_rows == 50
    assert {"3-0", "3-39"} <= set(memory["id"].to_pylist()), "the newest stay"

    monkeypatch.setattr(bounds, "MOST_BYTES", 20_000)
    warm.batch(*(declined("x" * 5_000 + str(n), n, who=f"x{n}") for n in range(9)), arrives=9)
    (memory,) = warm.memory.values()
    assert 0 < memory.nbytes <= 20_000


def test_without_a_key_a_record_is_known_by_its_place() -> None:
    keyless = function(key=())
    (found,) = keyless.batch(*(declined("same", n) for n in range(3)))
    assert found.count == 3
    assert keyless.batch(*(declined("same", n) for n in range(3)), again=True) == []
    nulls = function().batch(*({**declined("", n), "id": None} for n in range(3)))
    assert [each.count for each in nulls] == [3]


@pytest.mark.parametrize("called", CLASSIFICATIONS)
def test_a_private_key_is_not_told(called: str) -> None:
    shown = function(personal=("id", "who"), called="public").batch(*(declined(f"e{n}", n) for n in range(3)))
    assert [each.key for each in shown] == [{"who": "w"}]
    if called not in PRIVATE:
        assert function(personal=("id", "who"), called=called).batch(*(declined(f"e{n}", n) for n in range(3))) == shown
        return
    (found,) = function(personal=("id", "who"), called=called).batch(*(declined(f"e{n}", n) for n in range(3)))
    assert found.key == {}
    assert all("id" not in record and "who" not in record for record in found.records)
