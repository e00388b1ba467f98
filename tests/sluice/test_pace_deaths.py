"""Pace, where something is killed, slow, lost, stale, removed or changed: on a simulated clock, as test_pace.py."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.commit_table import handler as committer
from sluice.ingestion import wake
from sluice.ingestion.commit import Call, Drained
from sluice.pace import Pace
from sluice.pace_items import HORIZON
from sluice.refresh import starting
from sluice.settings import Settings
from tests.sluice.simulated import NOON, SETTINGS, Killed, Shop, Skewed, project
from tests.sluice.test_pace import REFRESH_SLACK, SHOP, SLACK, STREAMS, Open, opened, refreshed, waits

__all__ = ["opened"]
ONE = project({"bronze.a": 60}, {})
HOURLY = project({"bronze.a": 60, "gold.g": 3600}, {"gold.g": ("bronze.a",)})
CHAIN = project(
    {"bronze.a": 60, "silver.a": 3600, "gold.g": 3600, "gold.other": 3600},
    {"silver.a": ("bronze.a",), "gold.g": ("silver.a",), "gold.other": ("bronze.a",)},
)


def trickle(shop: Shop, dataset: str, every: float, until: float) -> None:
    def tick() -> None:
        shop.arrive(dataset)
        if shop.now + every < until:
            shop.at(shop.now + every, tick)

    shop.at(NOON, tick)


def commits(shop: Shop, dataset: str = "a") -> list[float]:
    return [commit.at - NOON for commit in shop.commits[dataset]]


@pytest.mark.parametrize("times", [1, 3])
def test_a_table_whose_run_is_killed_is_made_again_within_minutes_with_those_that_need_it(
    opened: Open, times: int
) -> None:
    shop = opened(CHAIN)
    shop.killed["silver.a"] = times
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.run(NOON + 1800)
    assert [content for _, content in shop.runs["gold.g"]] == [{"bronze.a": 1}]
    assert shop.runs["gold.g"][0][0] <= NOON + 180
    assert len(shop.runs["gold.other"]) == 1


def test_a_table_that_is_killed_each_time_is_tried_ever_more_seldom_whatever_arrives(opened: Open) -> None:
    shop = opened(HOURLY)
    shop.killed["gold.g"] = 10_000
    trickle(shop, "a", 20, NOON + 24 * 3600)
    shop.run(NOON + 24 * 3600)
    assert 24 <= len(shop.tried["gold.g"]) <= 2 * 24 + 10
    assert len(shop.executions) <= 4 * 24 + 20


@pytest.mark.parametrize("at_plan", [1, 2, 3])
def test_a_round_that_is_killed_is_made_again_within_minutes(
    opened: Open, monkeypatch: pytest.MonkeyPatch, at_plan: int
) -> None:
    shop, number, ask = opened(CHAIN), itertools.count(1), Shop.plan

    def plan(this: Shop, event: dict[str, Any]) -> dict[str, Any]:
        answer = ask(this, event)
        if at_plan <= next(number) < at_plan + 3:  # and so do both tries again
            raise Killed
        return answer

    monkeypatch.setattr(Shop, "plan", plan)
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.run(NOON + 600)
    assert [len(shop.runs[table]) for table in ("silver.a", "gold.g", "gold.other")] == [1, 1, 1]


def test_what_an_aborted_execution_had_taken_is_made_by_the_next(opened: Open) -> None:
    shop = opened(CHAIN, wave_seconds=30.0)
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 10, shop.abort)
    shop.run(NOON + 600)
    assert not shop.runs["gold.g"]
    before = shop.calls.copy()
    shop.run(NOON + 1200)
    assert (shop.calls - before)["states.list_executions"] <= 2  # nothing looks stopped
    shop.at(shop.now, lambda: shop.arrive("a"))
    shop.run(shop.now + 120)
    assert [content for _, content in shop.runs["gold.g"]] == [{"bronze.a": 2}]


@pytest.mark.parametrize("paced", [True, False])
def test_a_unit_that_ends_the_function_is_known_by_that_though_others_arrive(
    opened: Open, monkeypatch: pytest.MonkeyPatch, paced: bool
) -> None:
    shop = opened(project({"bronze.b": 10}, {}))
    drain, deaths = shop.drain, itertools.count()

    def ends(settings: Settings, dataset: str, call: Call) -> Drained:
        if not call.again:  # a call that knows of the one before sets the unit aside
            next(deaths)
            raise Killed
        return drain(settings, dataset, call)

    monkeypatch.setattr(committer, "_drain", ends)
    if paced:
        trickle(shop, "b", 1, NOON + 600)
    else:
        shop.staged["b"].append(NOON)
        shop.at(NOON, lambda: wake.wake(SETTINGS, "b", "by hand"))
    shop.run(NOON + 130)
    assert shop.commits["b"]
    assert next(deaths) <= 2


@pytest.mark.parametrize("takes", [0.0, 0.5, 3.0, 10.0])
@pytest.mark.parametrize("skew", [0.0, -0.6, -1.5, -3.0, 2.0])
def test_a_stream_is_committed_once_a_latency_though_commits_take_time_and_clocks_differ(
    opened: Open, monkeypatch: pytest.MonkeyPatch, takes: float, skew: float
) -> None:
    shop = opened(ONE, commit_seconds=takes)
    monkeypatch.setattr(wake, "time", Skewed(shop, skew))
    trickle(shop, "a", 0.5, NOON + 3600)
    shop.run(NOON + 3700)
    assert 55 <= len(shop.commits["a"]) <= 62
    assert max(waits(shop, "a")) <= 60 + SLACK + takes + abs(skew)


@pytest.mark.parametrize("latency", [3600, 86_400])
def test_a_message_of_an_earlier_claim_goes_and_holds_nothing_up(opened: Open, latency: int) -> None:
    shop = opened(project({"bronze.a": latency}, {}))
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 5, lambda: shop.arrive("a"))  # is due after the latency
    stale = {"dataset": "a", "notBefore": NOON + 1, "paced": True}
    shop.at(NOON + 10, lambda: wake._send(SETTINGS, "a", "stale", stale))
    shop.at(NOON + 11, lambda: wake.wake(SETTINGS, "a", "by hand"))
    shop.run(NOON + 20)
    assert shop.hidden_for == []
    assert commits(shop)[1] <= 12


def test_a_message_before_its_time_is_hidden_for_two_minutes_at_most(opened: Open) -> None:
    shop = opened(ONE)
    wake._send(SETTINGS, "a", "far", {"dataset": "a", "notBefore": NOON + 9 * 86_400, "paced": True})
    shop.run(NOON + 1)
    assert shop.hidden_for == [HORIZON]


def test_what_waits_of_a_dataset_that_is_removed_is_forgotten(opened: Open) -> None:
    shop = opened()
    for after in (0, 5):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.run(NOON + 10)
    shop.project = project({"bronze.b": 10, "gold.b": 3600}, {"gold.b": ("bronze.b",)})
    shop.at(NOON + 200, lambda: shop.arrive("b"))
    shop.run(NOON + 2 * 3600)
    before = shop.calls.copy()
    shop.run(NOON + 3 * 3600)
    assert [each.dataset for each in Pace("ledger").read_waiting()[0]] == ["b"]
    assert (shop.calls - before)["committer"] == 0
    assert Pace("ledger").refreshes().tables == {"gold.b"}


def test_a_sweep_of_the_version_before_forgets_no_claim_of_a_new_dataset(opened: Open) -> None:
    shop = opened()
    before, after = project({"bronze.b": 10}, {}), shop.project
    for second in (0, 5):
        shop.at(NOON + second, lambda: shop.arrive("a"))
    shop.at(NOON + 8, lambda: setattr(shop, "project", before))
    shop.at(NOON + 61, lambda: setattr(shop, "project", after))
    shop.run(NOON + 90)
    assert not shop.staged["a"]
    assert max(waits(shop, "a")) <= 60 + 5 + SLACK  # its message came once to a committer that did not know it


def test_two_never_commit_to_one_dataset_at_once_though_somebody_waits(opened: Open) -> None:
    """The simulated committer fails when two do."""
    shop = opened(SHOP, commit_seconds=3.0)
    trickle(shop, "a", 1, NOON + 600)
    for second in range(0, 600, 7):
        shop.at(NOON + second, lambda: shop.plan({"forward": {"datasets": "*", "tables": []}}))
        shop.at(NOON + second + 0.5, lambda: wake.wake(SETTINGS, "a", f"by hand {shop.now}"))
    shop.run(NOON + 900)
    assert not shop.staged["a"]
    assert len(shop.commits["a"]) > 10


def test_what_arrives_after_something_was_brought_forward_is_committed_within_its_latency(opened: Open) -> None:
    """A warm function counts on the claim that was there."""
    shop = opened(ONE)
    for after in (0, 1, 10):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.at(NOON + 5, lambda: shop.plan({"forward": {"datasets": "*", "tables": []}}))
    shop.run(NOON + 200, sweeps=False)
    assert not shop.staged["a"]
    assert max(waits(shop, "a")) <= 60 + SLACK


def test_what_is_brought_forward_comes_to_what_is_made_of_it(opened: Open) -> None:
    shop = opened(HOURLY, commit_seconds=3.0)
    for after in (100, 101, 170):
        shop.at(NOON + after, lambda: shop.arrive("a"))

    def command() -> None:
        shop.plan({"forward": {"datasets": "*", "tables": [], "through": True}})
        shop.plan({"forward": {"datasets": [], "tables": "*"}})
        shop.start_execution()

    shop.at(NOON + 175, command)
    shop.run(NOON + 200)
    assert shop.runs["gold.g"][-1][1] == {"bronze.a": len(shop.commits["a"])}
    assert not shop.staged["a"]
    asked = {"datasets": ["typo"], "tables": []}
    assert shop.plan({"forward": asked}) == {"datasets": []}
    assert "typo" in shop.plan({"forward": asked | {"named": True}})["refused"]["what"]


def test_what_is_asked_for_of_a_table_that_is_not_behind_is_no_turn_to_be_had_later(opened: Open) -> None:
    shop = opened(HOURLY)
    hour = math.ceil(NOON / 3600) * 3600.0
    shop.at(hour, lambda: shop.arrive("a"))
    shop.at(hour + 100, lambda: shop.plan({"forward": {"tables": "*", "start": True}}))
    shop.at(hour + 200, lambda: shop.arrive("a"))
    shop.run(hour + 3500)
    assert len(shop.runs["gold.g"]) == 1


def test_what_must_go_at_once_waits_for_no_turn(opened: Open) -> None:
    """As a retraction does."""
    shop = opened(HOURLY)
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 100, lambda: shop.arrive("a"))
    shop.at(NOON + 110, lambda: starting.refresh_now(SETTINGS, shop.project, ["bronze.a"]))
    shop.run(NOON + 110 + REFRESH_SLACK)
    assert [content for _, content in shop.runs["gold.g"]] == [{"bronze.a": 1}, {"bronze.a": 2}]


def lost(shop: Shop, name: str, until: float) -> None:
    """Lose what is sent or published until then."""
    real = getattr(shop, name)
    setattr(shop, name, lambda **_: {"FailedEntryCount": 0})
    shop.at(until, lambda: setattr(shop, name, real))


@pytest.mark.parametrize("name", ["send_message", "put_events"])
def test_whoever_finds_what_is_overdue_sends_it_again_without_any_sweep(opened: Open, name: str) -> None:
    shop = opened(HOURLY)
    lost(shop, name, NOON + 2)
    for after in range(0, 600, 20):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.run(NOON + 150, sweeps=False)
    assert shop.commits["a"]
    shop.run(NOON + 200, sweeps=False)
    assert shop.runs["gold.g"]


def test_somebody_who_asks_for_a_refresh_gets_one_though_another_was_lost(opened: Open) -> None:
    shop = opened(HOURLY)
    lost(shop, "put_events", NOON + 2)
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 5, lambda: shop.plan({"forward": {"tables": "*", "start": True}}))
    shop.run(NOON + 5 + REFRESH_SLACK, sweeps=False)
    assert shop.runs["gold.g"]


@pytest.mark.parametrize("what", ["message", "event", "claim"])
@pytest.mark.parametrize("second", range(0, 60, 7))
def test_what_is_lost_comes_within_minutes(opened: Open, what: str, second: int) -> None:
    shop = opened(project({"bronze.a": 10, "gold.g": 60}, {"gold.g": ("bronze.a",)}))
    if what == "claim":
        shop.at(NOON + second, lambda: shop.staged["a"].append(shop.now))
    else:
        lost(shop, "send_message" if what == "message" else "put_events", NOON + second + 2)
        shop.at(NOON + second, lambda: shop.arrive("a"))
    shop.run(NOON + 900)
    assert max(waits(shop, "a")) <= (302 if what == "claim" else 125)
    assert refreshed(shop, "gold.g", "bronze.a", 1) - shop.commits["a"][0].at <= 125 + REFRESH_SLACK


@pytest.mark.parametrize("wave", [2.0, 50.0, 90.0, 300.0])
def test_executions_do_not_pile_up_while_a_round_runs(opened: Open, wave: float) -> None:
    shop = opened(STREAMS, wave_seconds=wave)
    for number in range(1, 5):
        trickle(shop, f"s{number}", 20, NOON + 6 * 3600)
    shop.run(NOON + 6 * 3600)
    assert len(shop.executions) <= 6 + 3
    assert all(5 <= len(shop.runs[f"gold.t{number}"]) <= 7 for number in range(1, 5))


def test_a_latency_that_is_shortened_acts_at_once(opened: Open) -> None:
    shop = opened(project({"bronze.a": 3600}, {}))
    for after in (0, 5):
        shop.at(NOON + after, lambda: shop.arrive("a"))

    def deploy() -> None:
        shop.project = project({"bronze.a": 5}, {})
        shop.known.clear()

    shop.at(NOON + 10, deploy)
    shop.at(NOON + 20, lambda: shop.arrive("a"))
    shop.run(NOON + 60)
    assert [round(at) for at in commits(shop)] == [0, 20]


def test_every_message_is_understood_by_a_committer_that_knows_no_pace(opened: Open) -> None:
    """It wants a dataset in each, and finds in its project whether there is one."""
    shop = opened(HOURLY)
    sent: list[dict[str, Any]] = []
    send: Callable[..., None] = shop.send_message
    shop.send_message = lambda **message: (sent.append(message), send(**message))[1]  # type: ignore[method-assign]
    trickle(shop, "a", 20, NOON + 2 * 3600)
    shop.run(NOON + 2 * 3600)
    bodies = [shop.read(message) for message in sent]
    assert {body["dataset"] for body in bodies} == {"a", ".refresh"}
    assert all(isinstance(body.get("notBefore", 0.0), float) for body in bodies)


def test_what_became_due_while_another_call_worked_is_committed_when_that_ends(opened: Open) -> None:
    shop = opened(ONE, commit_seconds=4.0)
    for after in (0, 5, 59.5):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.at(NOON + 58, lambda: wake.wake(SETTINGS, "a", "by hand"))
    shop.run(NOON + 75, sweeps=False)
    assert not shop.staged["a"]


@pytest.mark.parametrize("wave", [300.0, 1500.0, 3000.0])
def test_a_round_under_way_is_asked_once_for_another_however_long_it_takes(opened: Open, wave: float) -> None:
    shop = opened(STREAMS, wave_seconds=wave)
    hour = math.ceil(NOON / 3600) * 3600.0 + 3600.0  # in the one before every table is made for the first time
    for after, dataset in ((-3600, "s1"), (0, "s1"), (20, "s2"), (150, "s2")):
        shop.at(hour + after, lambda dataset=dataset: shop.arrive(dataset))
    shop.run(hour - 1)
    before = len(shop.executions)
    shop.run(hour + 2 * wave - 10)
    assert len(shop.executions) - before == 2
    shop.run(hour + 2 * wave + 100)
    assert [len(shop.runs[table]) for table in ("gold.t1", "gold.t2")] == [2, 2]


def test_a_call_that_finds_nothing_was_no_commit(opened: Open) -> None:
    shop = opened(ONE)
    wake.wake(SETTINGS, "a", "by hand")
    for after in (5, 120):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.at(NOON + 110, lambda: wake.wake(SETTINGS, "a", "by hand again"))
    shop.run(NOON + 180)
    assert max(waits(shop, "a")) <= SLACK


@pytest.mark.parametrize(("error", "most"), [(Killed, 185), (OSError, 125)])
def test_work_that_ended_badly_and_whose_message_is_lost_is_taken_up_by_a_sweep(
    opened: Open, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], most: int
) -> None:
    shop, drain = opened(ONE), committer._drain

    def fail(*_: object) -> Drained:
        shop.lose("a")
        raise error

    monkeypatch.setattr(committer, "_drain", fail)
    shop.at(NOON + 1, lambda: shop.arrive("a"))
    shop.at(NOON + 5, lambda: monkeypatch.setattr(committer, "_drain", drain))
    shop.run(NOON + 290)
    assert waits(shop, "a")[0] <= most


@pytest.mark.parametrize("forced", [True, False])
def test_who_gets_the_message_of_a_call_that_died_goes_on_at_once_and_nobody_else(opened: Open, forced: bool) -> None:
    opened(ONE)
    pace = Pace("ledger")
    pace.claim_commit("a", 60, NOON)
    assert pace.begin_commit("a", NOON + 1, ["m1", "m2"], forced=forced)
    pace.claim_commit("a", 1, NOON + 1)
    assert pace.begin_commit("a", NOON + 3, ["m3"], forced=forced) is None
    again = pace.begin_commit("a", NOON + 4, ["m3", "m2"], forced=forced)
    assert again
    assert again.again
    assert pace.begin_commit("a", NOON + 5, ["m1"], forced=forced) is None
    assert pace.begin_commit("a", NOON + 100, ["m1"], forced=forced)
