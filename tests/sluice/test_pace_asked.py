"""What somebody asks for now, beside the pace: on a simulated clock as test_pace.py."""

from __future__ import annotations

import contextlib
import json
import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.commit_table import handler as committer
from sluice.cli import planning
from sluice.cli import wait as waiting
from sluice.cli.deployment import Deployment
from sluice.ingestion import wake
from sluice.ingestion.commit import Call, Drained
from sluice.pace import Pace
from sluice.refresh import starting
from sluice.settings import Settings
from tests.laws import cases
from tests.sluice.cli.test_wait import seen
from tests.sluice.simulated import NOON, SETTINGS, Commit, Killed, Shop, Skewed, project
from tests.sluice.test_pace import LAW, REFRESH_SLACK, SLACK, Open, opened, waits

__all__ = ["opened"]
HOUR = math.ceil(NOON / 3600) * 3600.0
BRONZE = {
    "silver.a": ("bronze.a",), "gold.slow": ("bronze.a",), "gold.quick": ("bronze.a", "bronze.b"),
    "gold.b": ("bronze.b",),
}  # fmt: skip
ONE = project({"bronze.a": 60, "gold.g": 3600}, {"gold.g": ("bronze.a",)})


def through(shop: Shop) -> None:
    """Ask for what waits of a dataset, and what is made of it, as `sluice refresh bronze.a` does."""
    shop.plan({"forward": {"datasets": ["a"], "tables": [], "through": True, "named": True}})


def test_who_waits_has_good_files_brought_forward_beside_one_in_no_datasets_folder(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened()
    for after in (0, 5):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.run(NOON + 6)
    assert shop.staged["a"]

    def look(*_: Any, **__: Any) -> Any:
        shop.run(shop.now + 1)
        return seen(*(["a/x.csv", "no_such_dataset/a.csv"] if shop.staged["a"] else []))

    monkeypatch.setattr(planning, "ask_planner", lambda _, question: shop.plan(question))
    monkeypatch.setattr(waiting, "read_status", look)
    monkeypatch.setattr(waiting, "poll", look)
    monkeypatch.setattr(waiting, "batches_of", lambda _: None)
    monkeypatch.setattr(waiting, "_POLL_SECONDS", 0.0)
    assert waiting.wait(Deployment({}), timeout=5)[1] == []
    assert len(shop.commits["a"]) == 2
    assert shop.now < NOON + 30


def test_a_message_that_is_early_waits_for_no_commit_of_its_batch(opened: Open) -> None:
    shop = opened(project({"bronze.a": 60, "bronze.b": 60}, {}), commit_seconds=30.0)
    for dataset, at in (("b", 100), ("b", 150), ("a", 150)):  # b is due 10 s after a's commit begins
        shop.at(NOON + at, partial(shop.arrive, dataset))
    shop.run(NOON + 400)
    assert len(shop.commits["b"]) == 2
    assert shop.commits["b"][-1].at - NOON <= 160 + 15 + SLACK


def test_messages_are_hidden_before_any_commit_of_their_batch_begins(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(project({"bronze.a": 60, "bronze.b": 10}, {}))
    pace, done = Pace("ledger"), list[object]()

    def drain(*_: object) -> Drained:
        done.append("a")
        return Drained((), {})

    pace.claim_commit("a", 60, NOON)
    monkeypatch.setattr(committer, "postpone", lambda _, __, early: done.append(early))
    monkeypatch.setattr(committer, "_drain", drain)
    monkeypatch.setattr(committer, "give_back", lambda *_: {"batchItemFailures": []})
    bodies = [{"dataset": "a", "notBefore": NOON - 1, "paced": True}, {"dataset": "b", "notBefore": NOON + 9.0}]
    assert committer.handler(batch(*bodies), Context()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert done == [{"m1": 9.0}, "a"]
    assert shop.now == NOON


def test_messages_that_cannot_be_hidden_stop_no_commit(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = opened(project({"bronze.a": 60, "bronze.b": 10}, {}))
    shop.staged["a"] = [NOON]
    monkeypatch.setattr(shop, "change_message_visibility", None)
    committer.handler(batch({"dataset": "a"}, {"dataset": "b", "notBefore": NOON + 9.0}), Context())
    assert len(shop.commits["a"]) == 1


class Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 90_000


def batch(*bodies: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{n}", "receiptHandle": f"m{n}", "body": json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for n, body in enumerate(bodies)
        ]
    }  # fmt: skip


@pytest.mark.parametrize("takes", [3.0, 80.0])
def test_what_is_asked_for_while_a_commit_works_comes_when_that_ends(
    opened: Open, monkeypatch: pytest.MonkeyPatch, takes: float
) -> None:
    """Other things that are asked for in the same moment, too."""
    shop, maintained = opened(ONE, commit_seconds=takes), []
    monkeypatch.setattr(committer, "_maintain", lambda *_: maintained.append(shop.now))
    for after in (0, 200, 201.5):
        shop.at(HOUR + after, lambda: shop.arrive("a"))
    shop.at(HOUR + 202, lambda: through(shop))
    shop.at(HOUR + 202.1, lambda: wake.wake(SETTINGS, "a", "day 1", maintain=True))
    shop.run(HOUR + 203 + 2 * takes + REFRESH_SLACK)
    assert [len(commit.units) for commit in shop.commits["a"]] == [1, 1, 1]
    assert shop.runs["gold.g"][-1][1] == {"bronze.a": 3}
    assert len(maintained) == 1
    assert not {5, 10, 20, 40, 80}.intersection(shop.hidden_for)  # no message is given back
    shop.run(HOUR + 3500)
    assert Pace("ledger").read_waiting()[0][0].wishes == frozenset()
    assert len(maintained) == 1


def test_maintenance_that_finds_the_dataset_taken_comes_when_that_ends(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the commit of its own call had ended."""
    shop, maintained, pace = opened(ONE), [], Pace("ledger")
    monkeypatch.setattr(committer, "_maintain", lambda *_: maintained.append(shop.now))
    commit = committer._commit

    def other(*given: Any) -> bool:
        done = commit(*given)
        if shop.now < NOON + 1:  # another call takes the dataset in between
            taken = pace.begin_commit("a", shop.now, ["other"], forced=True)
            assert taken
            shop.at(NOON + 20, lambda: committer._end(SETTINGS, taken, changed=False))
        return done

    monkeypatch.setattr(committer, "_commit", other)
    shop.at(NOON, lambda: wake.wake(SETTINGS, "a", "day 1", maintain=True))
    shop.run(NOON + 19)
    assert maintained == []
    shop.run(NOON + 22)
    assert len(maintained) == 1


def test_one_call_that_has_a_dataset_twice_sends_what_was_asked_for_each_time(opened: Open) -> None:
    """Its commit, and then its maintenance: the queue drops the second message for one occasion."""
    shop, pace, asked = opened(ONE), Pace("ledger"), []
    shop.send_message = lambda **message: asked.append(message)  # type: ignore[method-assign]
    for at in (NOON, NOON + 1):
        taken = pace.begin_commit("a", at, ["m"], forced=True)
        assert taken
        assert pace.leave_word("a", [], at)
        committer._end(SETTINGS, taken, changed=False)
    assert len({message["MessageDeduplicationId"] for message in asked}) == 2


def test_who_finds_a_dataset_taken_that_is_free_again_comes_again(opened: Open) -> None:
    opened(ONE)
    pace = Pace("ledger")
    assert not pace.leave_word("a", ["through"], NOON)
    taken = pace.begin_commit("a", NOON, ["m"], forced=True)
    assert taken
    assert pace.leave_word("a", ["through"], NOON)
    pace.fail_commit(taken, NOON + 1)
    again = pace.begin_commit("a", NOON + 2, ["n"])
    assert again
    assert pace.end_commit(again, changed=True).wishes == {"wanted", "through"}
    assert pace.end_commit(again, changed=True).wishes == frozenset()


@pytest.mark.parametrize("before", [None, NOON - 100])
def test_maintenance_is_no_commit(opened: Open, monkeypatch: pytest.MonkeyPatch, before: float | None) -> None:
    opened(ONE)
    monkeypatch.setattr(committer, "_maintain", lambda *_: None)
    pace = Pace("ledger")
    if before:
        taken = pace.begin_commit("a", before, ["m"], forced=True)
        assert taken
        pace.end_commit(taken, changed=True)
    assert committer._maintain_all(SETTINGS, {"a": ["m"]}, Context()) == []
    assert pace.claim_commit("a", 60, NOON)[0].due == (NOON if before is None else max(NOON, before + 60))


def test_a_backlog_of_many_calls_keeps_what_was_asked_for_to_its_end(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, real, calls = opened(ONE), committer._drain, []

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        if shop.now < HOUR + 20:
            return real(settings, dataset, call)
        calls.append(shop.now)
        shop._pass(45.0)
        shop.commits["a"].append(Commit(shop.now, []))
        shop.staged["a"] = []
        starting.refresh_changed(SETTINGS, shop.project, ["bronze.a"])
        return Drained((), {"bronze.a": 1}, finished=len(calls) == 4)

    monkeypatch.setattr(committer, "_drain", drain)
    for after in (0, 30):
        shop.at(HOUR + after, lambda: shop.arrive("a"))
    shop.at(HOUR + 35, lambda: through(shop))
    shop.run(HOUR + 35 + 4 * 46 + REFRESH_SLACK)
    assert shop.runs["gold.g"][-1][1] == {"bronze.a": 5}


def test_a_retraction_whose_message_was_lost_waits_for_no_latency(opened: Open) -> None:
    shop = opened(project({"bronze.a": 86_400}, {}))
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 600, lambda: shop.retractions.add("a"))
    shop.run(NOON + 1800)
    assert shop.retracted["a"] <= NOON + 600 + 300 + SLACK


def test_what_is_made_of_a_retracted_delivery_is_refreshed_at_once(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened(ONE)
    for after in (0, 200):
        shop.at(HOUR + after, lambda: shop.arrive("a"))
    shop.run(HOUR + 300)
    assert len(shop.runs["gold.g"]) == 1

    def retract(_: Any, __: Any, *, announce: Callable[..., None], **___: Any) -> tuple[()]:
        announce({"bronze.a": 2, "quarantine.a": 1})
        return ()

    monkeypatch.setattr(committer, "retract_requested", retract)
    contract = shop.project.landing("a")
    assert contract
    committer._retract(SETTINGS, contract, None, lambda _: None, Call())  # type: ignore[arg-type]
    shop.run(HOUR + 300 + REFRESH_SLACK)
    assert [content for _, content in shop.runs["gold.g"]] == [{"bronze.a": 1}, {"bronze.a": 2}]


@pytest.mark.parametrize("seconds", [0.5, 60.0, 94.0])
def test_a_call_has_what_it_took_as_long_as_it_may_run(opened: Open, seconds: float) -> None:
    opened(ONE)
    pace = Pace("ledger")
    for forced in (True, False):
        assert pace.begin_commit("a", NOON, ["m"], forced=True)
        pace.claim_commit("a", 0, NOON)
        assert pace.begin_commit("a", NOON + seconds, ["n"], forced=forced) is None
        taken = pace.begin_commit("a", NOON + 96, ["n"], forced=forced)
        assert taken
        pace.end_commit(taken, changed=False)


@pytest.mark.parametrize(("skew", "most"), [(0.0, 60), (-0.9, 60), (-3.0, 300)])
def test_the_last_unit_is_committed_within_its_latency_though_clocks_differ_by_a_second(
    opened: Open, monkeypatch: pytest.MonkeyPatch, skew: float, most: float
) -> None:
    """Where they differ by more a sweep finds it."""
    shop = opened(project({"bronze.a": 60}, {}))
    monkeypatch.setattr(wake, "time", Skewed(shop, skew))
    for after in (0, 1, 60.7):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.run(NOON + 900)
    assert not shop.staged["a"]
    assert max(waits(shop, "a")) <= most + SLACK


def test_a_sweep_that_found_something_looks_again_each_minute(opened: Open) -> None:
    shop = opened(ONE)
    shop.run(NOON + 301)
    shop.staged["a"] = [shop.now]  # without a claim
    before = shop.calls["s3.list_objects_v2"]
    shop.run(NOON + 601)
    found = Pace("ledger").refreshes().attention
    assert found == NOON + 600
    looked = shop.calls["s3.list_objects_v2"]
    assert looked > before
    shop.run(NOON + 661)
    assert shop.calls["s3.list_objects_v2"] - looked >= 3


def test_while_somebody_waits_everything_is_looked_at_each_minute(opened: Open) -> None:
    shop = opened(ONE)
    shop.run(NOON + 310)
    shop.plan({"forward": {"datasets": ["a"], "tables": []}})
    shop.staged["a"] = [shop.now]
    shop.run(NOON + 365)
    assert len(shop.commits["a"]) == 1


def test_a_dataset_that_always_fails_piles_up_few_messages(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = opened(project({"bronze.a": 60, "bronze.b": 60}, {}))
    real = shop.drain

    def drain(settings: Settings, dataset: str, call: Call) -> Drained:
        if dataset == "a":
            raise OSError("broken")
        return real(settings, dataset, call)

    monkeypatch.setattr(committer, "_drain", drain)
    for second in range(0, 7200, 5):
        shop.at(NOON + second, lambda: shop.arrive("a"))
        shop.at(NOON + second, lambda: shop.arrive("b"))
    shop.run(NOON + 7200)
    assert shop.most_pending["a"] <= 8
    assert max(waits(shop, "b")) <= 60 + SLACK


@given(st.integers(0, 10**6))
@settings(LAW, max_examples=cases(150))
def test_whatever_is_asked_for_nothing_is_lost_though_anything_dies(
    opened: Open, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """And in the end no item says that anything waits or works."""
    chance = random.Random(seed)
    shop = opened(
        deaths=chance.choice([0.0, 0.05, 0.2]), chance=random.Random(seed),
        commit_seconds=chance.choice([0, 3.0, 20.0]), wave_seconds=chance.choice([2.0, 40.0]),
    )  # fmt: skip
    monkeypatch.setattr(committer, "_maintain", lambda *_: shop._pass(chance.choice([0.0, 5.0])))

    def quietly(ask: Callable[[], object]) -> Callable[[], None]:
        def do() -> None:
            with contextlib.suppress(Killed):
                ask()

        return do

    asked: list[Callable[[], object]] = [
        lambda: shop.plan({"forward": {"datasets": "*", "tables": [], "through": True}}),
        lambda: shop.plan({"forward": {"tables": "*", "start": True}}),
        lambda: wake.wake(SETTINGS, chance.choice("ab"), f"maintain {shop.now}", maintain=True),
        lambda: wake.wake(SETTINGS, chance.choice("ab"), f"by hand {shop.now}"),
    ]
    for _ in range(30):
        dataset = chance.choice("ab")
        shop.at(NOON + chance.uniform(0, 700), partial(shop.arrive, dataset))
    for _ in range(chance.randrange(8)):
        shop.at(NOON + chance.uniform(0, 700), quietly(chance.choice(asked)))
    shop.run(NOON + 800)
    shop.deaths = 0.0
    shop.run(NOON + 800 + 20 * 60)
    assert not any(shop.staged.values())
    for each in Pace("ledger").read_waiting()[0]:
        assert (each.due, each.taken, each.failed, each.wishes) == (None, None, None, frozenset())
    shop.run(NOON + 3 * 3600)
    for table, sources in BRONZE.items():
        for source in sources:
            made = shop.runs[table][-1][1].get(source, 0) if shop.runs[table] else 0
            assert made == shop.version(source), (table, source)
