"""Turns of derived tables, where tables they need fail, are paused or aborted, on a simulated clock as test_pace.py."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from sluice import pace_items
from sluice.pace import Pace
from sluice.refresh import starting
from tests.sluice.simulated import NOON, SETTINGS, Commit, Shop, Skewed, project
from tests.sluice.small_dynamodb import SmallDynamoDb
from tests.sluice.test_pace import REFRESH_SLACK, Open, opened, refreshed

__all__ = ["opened"]
#: All windows of the projects here begin then.
HOUR = math.ceil(NOON / 7200) * 7200.0
DAY = 24 * 3600
CHAIN = project(
    {"bronze.a": 60, "bronze.b": 60, "silver.a": 3600, "gold.g": 3600, "gold.slow": 7200, "gold.b": 600},
    {"silver.a": ("bronze.a",), "gold.g": ("silver.a",), "gold.slow": ("silver.a",), "gold.b": ("bronze.b",)},
)
TWO = project(
    {"bronze.a": 60, "bronze.b": 60, "gold.slow": 7200, "gold.b": 600},
    {"gold.slow": ("bronze.a",), "gold.b": ("bronze.b",)},
)


def trickle(shop: Shop, dataset: str, every: float, until: float) -> None:
    def tick() -> None:
        shop.arrive(dataset)
        if shop.now + every < until:
            shop.at(shop.now + every, tick)

    shop.at(HOUR, tick)


def arrive(shop: Shop, dataset: str, *moments: float) -> None:
    for after in moments:
        shop.at(HOUR + after, lambda: shop.arrive(dataset))


def forward(shop: Shop, *tables: str) -> None:
    shop.plan({"forward": {"tables": list(tables), "start": True}})


@pytest.mark.parametrize("how", ["by hand", "by another round"])
def test_what_is_made_of_a_table_that_failed_follows_it_when_that_is_made(opened: Open, how: str) -> None:
    """At its next window, though nothing arrives any more."""
    shop = opened(CHAIN)
    arrive(shop, "a", 0, 7300)
    arrive(shop, "b", 0)
    shop.run(HOUR + 7250)
    shop.failing = {"silver.a"}
    shop.run(HOUR + 7400)
    shop.failing = set()
    if how == "by hand":
        shop.at(HOUR + 7500, lambda: forward(shop, "silver.a"))
    else:
        shop.at(HOUR + 10900, lambda: shop.arrive("b"))
    shop.run(HOUR + DAY)
    mended = refreshed(shop, "silver.a", "bronze.a", 2)
    for table, latency in (("gold.g", 3600), ("gold.slow", 7200)):
        assert refreshed(shop, table, "bronze.a", 2) <= mended + latency + REFRESH_SLACK, table
    assert all(len(shop.runs[table]) == 2 for table in ("silver.a", "gold.g", "gold.slow"))
    assert Pace("ledger").refreshes().due is None


def test_of_a_table_that_waits_for_one_that_failed_it_is_known_when_it_comes(opened: Open) -> None:
    shop = opened(CHAIN)
    arrive(shop, "a", 0)
    shop.failing = {"silver.a"}
    shop.run(HOUR + 100)
    due = {each["table"]: each["due"] for each in standings(shop)}
    assert (due["silver.a"], due["gold.g"]) == (None, None)  # nothing changed
    shop.failing = set()
    shop.at(HOUR + 200, lambda: forward(shop, "silver.a"))
    shop.run(HOUR + 300)
    assert {each["table"]: each["due"] for each in standings(shop)}["gold.g"] == HOUR + 3600


def standings(shop: Shop) -> list[dict[str, Any]]:
    from sluice.refresh.explain import _due
    from sluice.refresh.windows import Turns

    state = shop.state(shop.project, None, {})
    turns = Turns(shop.project, Pace("ledger").refreshes(), shop.now)
    return [{"table": name, "due": _due(state, name, turns)} for name in state.transforms]


@pytest.mark.parametrize("broken", ["silver.a", "gold.g"])
def test_a_table_that_fails_is_tried_once_for_each_change_though_others_go_on(opened: Open, broken: str) -> None:
    """What was made in the round in which it failed is no change after it."""
    shop = opened(CHAIN)
    shop.failing = {broken}
    arrive(shop, "a", 0)
    arrive(shop, "b", 700)
    shop.run(HOUR + DAY)
    assert len(shop.tried[broken]) == 1
    assert len(shop.executions) == 2


def test_an_execution_that_is_aborted_forgets_no_turn_of_tables_that_are_not_in_its_round(opened: Open) -> None:
    shop = opened(TWO, wave_seconds=100.0)
    arrive(shop, "a", 0, 300)
    arrive(shop, "b", 0, 1250)
    shop.at(HOUR + 1280, shop.abort)
    shop.run(HOUR + DAY)
    assert refreshed(shop, "gold.slow", "bronze.a", 2) <= HOUR + 7200 + 100 + REFRESH_SLACK


def test_a_paused_table_and_what_is_made_of_it_start_no_refresh_at_each_change(opened: Open) -> None:
    latencies = {"bronze.a": 60, "silver.a": 3600, "gold.g": 3600}
    shop = opened(project(latencies, {"silver.a": ("bronze.a",), "gold.g": ("silver.a",)}))
    trickle(shop, "a", 1, HOUR + 6 * 3600)
    shop.at(HOUR + 30, lambda: shop.paused.add("silver.a"))
    shop.run(HOUR + 6 * 3600)
    assert len(shop.executions) <= 6 + 2
    assert len(shop.runs["gold.g"]) == 1
    shop.paused.clear()
    shop.at(shop.now, lambda: forward(shop, "silver.a", "gold.g"))
    shop.run(shop.now + REFRESH_SLACK)
    assert shop.runs["gold.g"][-1][1] == {"bronze.a": shop.version("bronze.a")}


def test_the_end_of_a_round_before_leaves_the_round_under_way_as_it_is(opened: Open) -> None:
    shop = opened(CHAIN, wave_seconds=30.0)
    arrive(shop, "a", 0)
    shop.run(HOUR + 15)
    Pace("ledger").end_refresh(HOUR - 1)
    assert Pace("ledger").refreshes().taken is not None  # that it did not end would be known
    shop.run(HOUR + 100)
    assert Pace("ledger").refreshes().taken is None
    assert [len(shop.runs[table]) for table in ("silver.a", "gold.g")] == [1, 1]


def test_a_round_goes_on_though_the_ledger_knows_no_round_any_more(opened: Open) -> None:
    shop = opened(CHAIN, wave_seconds=30.0)
    arrive(shop, "a", 0)
    shop.run(HOUR + 15)
    Pace("ledger").update(pace_items.REFRESH, "REMOVE taken", {})
    shop.run(HOUR + 100)
    assert [len(shop.runs[table]) for table in ("silver.a", "gold.g")] == [1, 1]


@pytest.mark.parametrize("skew", [0.0, -3.0, 3.0, -60.0])
def test_what_somebody_asks_for_now_comes_now_whatever_the_clocks_say(
    opened: Open, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    """As a retraction does, just after a round began that does not know of it."""
    declared = {"bronze.a": 60, "bronze.b": 60, "gold.g": 3600, "gold.b": 3600}
    shop = opened(project(declared, {"gold.g": ("bronze.a",), "gold.b": ("bronze.b",)}))
    monkeypatch.setattr(starting, "time", Skewed(shop, skew))
    arrive(shop, "a", 0)
    arrive(shop, "b", 100)  # its round begins a moment later

    def retract() -> None:
        shop.commits["a"].append(Commit(shop.now, []))
        starting.refresh_changed(SETTINGS, shop.project, ["bronze.a"])
        starting.refresh_now(SETTINGS, shop.project, ["bronze.a"])

    shop.at(HOUR + 100.8, retract)
    shop.run(HOUR + 3500)
    assert refreshed(shop, "gold.g", "bronze.a", 2) <= HOUR + 100.8 + 60 + REFRESH_SLACK + abs(skew)


def test_what_two_ask_for_whose_clocks_differ_is_made_for_both(opened: Open) -> None:
    shop = opened(TWO)
    arrive(shop, "a", 0, 100)
    arrive(shop, "b", 0, 100)
    shop.run(HOUR + 200)
    for skew, table in ((60.0, "gold.b"), (0.0, "gold.slow")):
        Pace("ledger").bring_forward([table], shop.now + skew)
        shop.start_execution()
        shop.run(shop.now + REFRESH_SLACK)
    assert [len(shop.runs[table]) for table in ("gold.b", "gold.slow")] == [2, 2]


@pytest.mark.parametrize("wave", [600.0, 2400.0])
def test_a_long_round_is_asked_once_for_another(opened: Open, wave: float) -> None:
    shop = opened(TWO, wave_seconds=wave)
    for dataset in "ab":
        trickle(shop, dataset, 20, HOUR + 4 * 3600)
    shop.run(HOUR + 4 * 3600)
    waves = len(shop.tried["gold.b"])
    assert len(shop.executions) <= 2 * waves + 2


def test_what_the_ledger_is_told_of_many_tables_fits_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = [0]
    real = SmallDynamoDb()

    class Measured:
        exceptions = real

        def update_item(self, **given: Any) -> dict[str, Any]:
            longest[0] = max(longest[0], len(given["UpdateExpression"]))
            assert len(given["ExpressionAttributeNames"]) <= 300
            return real.update_item(**given)

    monkeypatch.setattr(pace_items, "client", lambda _: Measured())
    monkeypatch.setattr("sluice.pace.client", lambda _: real)
    tables = [f"gold.t{n}" for n in range(400)]
    pace = Pace("ledger")
    pace.bring_forward(tables, NOON)
    pace.consider(dict.fromkeys(tables, "x"), NOON)
    told = pace.note_deaths(dict.fromkeys(tables, 1.0), dict.fromkeys(tables, 1))
    assert all(len(each) == 400 for each in (told.forward, told.considered, told.saw, told.again, told.deaths))
    assert longest[0] <= 4096


def test_a_plan_that_is_made_again_counts_a_killed_run_once(opened: Open) -> None:
    shop = opened(CHAIN)
    arrive(shop, "a", 0)
    shop.run(HOUR + 100)
    event = {"began": HOUR, "failed": [], "pinned": {}, "results": [{"table": "silver.a", "error": "Lambda.Unknown"}]}
    for _ in range(3):
        shop.plan(event)
    assert Pace("ledger").refreshes().deaths == {"silver.a": 1.0}


def test_a_claim_whose_event_could_not_be_published_is_taken_back(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(CHAIN)
    put: Callable[..., Any] = shop.put_events
    monkeypatch.setattr(shop, "put_events", lambda **_: {"FailedEntryCount": 1, "Entries": []})
    with pytest.raises(OSError, match="refused"):
        starting.ask_refresh(SETTINGS, HOUR, HOUR)
    assert Pace("ledger").refreshes().due is None
    monkeypatch.setattr(shop, "put_events", put)


def test_an_overdue_refresh_is_claimed_anew_by_who_comes_unless_a_round_is_under_way(opened: Open) -> None:
    opened(CHAIN)
    pace = Pace("ledger")
    assert pace.claim_refresh(HOUR, HOUR)
    assert not pace.claim_refresh(HOUR + 61, HOUR + 59)
    assert pace.claim_refresh(HOUR + 61, HOUR + 61)
    pace.begin_refresh(HOUR + 62)
    assert pace.claim_refresh(HOUR + 63, HOUR + 63)
    assert not pace.claim_refresh(HOUR + 300, HOUR + 300)
    pace.end_refresh(HOUR + 62)
    assert pace.claim_refresh(HOUR + 300, HOUR + 300)
