"""Pace: a change waits no longer than its latency, the first comes at once, and no more is done than latencies ask for.

All of it on a simulated clock, with the functions and the ledger as they are deployed.
"""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from sluice import pace, pace_items, storage
from sluice.pace import Pace, Taken
from sluice.pace_items import Waiting
from sluice.project import Project
from sluice.refresh.windows import latencies
from tests.laws import cases
from tests.sluice.simulated import NOON, SETTINGS, Shop, install, project
from tests.sluice.small_dynamodb import SmallDynamoDb
from tests.sluice.test_ledger import made_ledger

#: Seconds that messages, events and two waves of a refresh take; a message's time is rounded up to a second.
SLACK = 2.0
REFRESH_SLACK = 15.0
SHOP = project(
    {"bronze.a": 60, "bronze.b": 10, "silver.a": 3600, "gold.slow": 7200, "gold.quick": 600, "gold.b": 3600},
    {
        "silver.a": ("bronze.a",), "gold.slow": ("silver.a",), "gold.quick": ("silver.a", "bronze.b"),
        "gold.b": ("bronze.b",),
    },
)  # fmt: skip
Open = Callable[..., Shop]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens shops, each with a ledger of its own."""

    def shop(declared: Project = SHOP, **more: object) -> Shop:
        made = Shop(declared, **more)  # type: ignore[arg-type]
        install(made, monkeypatch)
        return made

    return shop


STEPS = st.lists(
    st.tuples(st.sampled_from(
        ["claim", "withdraw", "begin", "force", "end", "fail", "forget", "refresh", "due", "consider", "die", "forward",
         "leave"]
    ),
              st.sampled_from("ab"), st.integers(0, 20)),
    max_size=30,
)  # fmt: skip


@given(STEPS)
@settings(max_examples=cases(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_simulated_ledger_answers_as_dynamodb_does(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, str, int]]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    told = []
    with mock_aws():
        storage.client.cache_clear()
        made_ledger("ledger")
        for dynamodb in (storage.client("dynamodb"), SmallDynamoDb()):
            for module in (pace, pace_items):
                monkeypatch.setattr(module, "client", lambda _, found=dynamodb: found)
            told.append([_take(Pace("ledger"), *step) for step in steps])
        storage.client.cache_clear()
    assert told[0] == told[1]


def _take(kept: Pace, step: str, dataset: str, number: int) -> object:
    moment = NOON + number / 3
    taken = Taken(dataset, moment, before=moment - 7 if number % 2 else None)
    match step:
        case "claim":
            return kept.claim_commit(dataset, number / 7, moment)
        case "withdraw":
            kept.withdraw_refresh(moment)
            return kept.withdraw_commit(Waiting(dataset, asked=moment)), kept.read_waiting()
        case "begin" | "force":
            return kept.begin_commit(
                dataset, moment + 50 * (number % 3), [f"m{number % 4}", "m9"][: number % 3], forced=step == "force"
            )
        case "end":
            return kept.end_commit(taken, changed=number % 3 == 0), kept.read_waiting()
        case "fail":
            return kept.fail_commit(taken, moment), kept.read_waiting()
        case "leave":
            return kept.leave_word(dataset, ["maintain", "through"][: number % 3], moment), kept.read_waiting()
        case "forget":
            return kept.forget(dataset), kept.read_waiting()
        case "refresh":
            return kept.claim_refresh(moment, NOON + 40 * (number % 3)), kept.refreshes()
        case "due":
            return (kept.begin_refresh(moment) if number % 2 else kept.end_refresh(moment)), kept.refreshes()
        case "consider":
            kept.consider({f"gold.{dataset}": "x", "gold.c": f"{number}"}, moment)
            return kept.heed(kept.refreshes(), moment, ["gold.a"] if number % 2 else []), kept.refreshes()
        case "die":
            return kept.note_deaths({f"gold.{dataset}": moment}, {"gold.c": number}), kept.refreshes()
        case _:
            return kept.bring_forward(["", f"gold.{dataset}"][: number % 3], moment), kept.refreshes()


def waits(shop: Shop, dataset: str) -> list[float]:
    return [commit.at - staged for commit in shop.commits[dataset] for staged in commit.units]


ARRIVALS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 400)), min_size=1, max_size=40)
LAW = settings(
    max_examples=cases(1000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip


@given(ARRIVALS, st.booleans(), st.sampled_from([0.0, 0.4, 1.5, 3.0, 8.0]))
@LAW
def test_whatever_arrives_is_committed_within_its_latency_once_a_latency_and_the_first_at_once(
    opened: Open, arrivals: list[tuple[str, float]], warm: bool, takes: float
) -> None:
    # A simulated call that begins within another one ends within it, which takes that much longer.
    shop, slack = opened(commit_seconds=takes), SLACK + 2 * takes
    for dataset, after in arrivals:
        shop.at(NOON + after, lambda dataset=dataset: shop.arrive(dataset))
        if not warm:  # by a function that does not know what waits
            shop.at(NOON + after, shop.known.clear)
    shop.run(NOON + 600)
    for dataset, latency in (("a", 60), ("b", 10)):
        commits = [commit.at for commit in shop.commits[dataset]]
        assert sum(len(commit.units) for commit in shop.commits[dataset]) == sum(d == dataset for d, _ in arrivals)
        assert max(waits(shop, dataset), default=0) <= latency + slack
        assert all(later - earlier >= latency - 2 * takes for earlier, later in itertools.pairwise(commits))
        assert not commits or len(commits) <= (commits[-1] - commits[0] + 2 * takes) // latency + 1
        for before, commit in zip([-math.inf, *commits], shop.commits[dataset], strict=False):
            if commit.units[0] - before > latency + slack:
                assert commit.at - commit.units[0] <= slack  # nothing was committed for a latency
        # A call that took longer than the latency sends again what became due meanwhile.
        assert shop.most_pending[dataset] <= 1 + (2 * takes > latency)
    # None that nobody needs: a message is looked at once, and once more when it was early.
    assert shop.calls["committer"] <= 2 * sum(map(len, shop.commits.values())) + 2 * len(shop.executions) + 4


@given(st.integers(0, 10**6), st.sampled_from([0.05, 0.2, 0.4]))
@LAW
def test_nothing_is_lost_whatever_dies(opened: Open, seed: int, deaths: float) -> None:
    chance = random.Random(seed)
    shop = opened(deaths=deaths, chance=random.Random(seed), commit_seconds=chance.choice([0.0, 3.0]))
    for _ in range(25):
        dataset, after = chance.choice("ab"), chance.uniform(0, 400)
        shop.at(NOON + after, lambda dataset=dataset: shop.arrive(dataset))
    shop.run(NOON + 500)
    shop.deaths = 0.0
    shop.run(NOON + 500 + 20 * 60)
    assert not any(shop.staged.values())
    commits, refreshes = Pace("ledger").read_waiting()
    assert all((each.due, each.taken, each.failed) == (None, None, None) for each in commits)
    shop.run(NOON + 3 * 3600)
    for table in ("silver.a", "gold.slow", "gold.quick", "gold.b"):
        content = shop.runs[table][-1][1] if shop.runs[table] else {}
        assert all(version == shop.version(source) for source, version in content.items()), table
        assert shop.runs[table] or not any(shop.version(s) for s in ("bronze.a", "bronze.b"))
    assert refreshes.considered


def refreshed(shop: Shop, table: str, source: str, version: int) -> float:
    """Return when the table had what was committed as that version."""
    return next(at for at, content in shop.runs[table] if content.get(source, 0) >= version)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 9000)), min_size=1, max_size=25))
@settings(LAW, max_examples=cases(400))
def test_a_change_is_in_every_table_within_the_tables_latency_and_no_table_is_made_for_nothing(
    opened: Open, arrivals: list[tuple[str, float]]
) -> None:
    shop, least = opened(), latencies(SHOP)
    for dataset, after in arrivals:
        shop.at(NOON + after, lambda dataset=dataset: shop.arrive(dataset))
    shop.run(NOON + 9000 + 7300)
    reached = {"bronze.a": ("silver.a", "gold.slow", "gold.quick"), "bronze.b": ("gold.quick", "gold.b")}
    for source, tables in reached.items():
        for version, commit in enumerate(shop.commits[source.partition(".")[2]], 1):
            for table in tables:
                assert refreshed(shop, table, source, version) - commit.at <= least[table] + REFRESH_SLACK, table
    for table, runs in shop.runs.items():
        made = [content for _, content in runs]
        assert all(before != after for before, after in itertools.pairwise(made)), "made of the same again"
        windows = [math.floor((at - 2) / least[table]) for at, _ in runs]
        # One a window, but for tables that a more hurried one needs on another occasion.
        assert table == "silver.a" or len(windows) <= len(set(windows)) + 1, table


def test_the_first_change_after_quiet_is_refreshed_at_once_and_all_others_by_one_execution(opened: Open) -> None:
    shop = opened()
    hour = math.ceil(NOON / 3600) * 3600.0
    for n in range(50):
        shop.at(hour + 30 * n, lambda: shop.arrive("b"))
    shop.run(hour + 3700)
    at = [at for at, _ in shop.runs["gold.b"]]
    assert at[0] <= hour + REFRESH_SLACK
    assert [moment // 3600 for moment in at] == [hour // 3600, hour // 3600 + 1]
    quick = [at // 600 for at, _ in shop.runs["gold.quick"]]
    assert len(quick) == len(set(quick)) == 4  # 25 minutes, and the window after them
    assert len(shop.executions) == 5


def test_a_table_that_fails_waits_for_a_change_and_then_for_its_turn(opened: Open) -> None:
    shop = opened()
    shop.failing = {"gold.b"}
    shop.at(NOON, lambda: shop.arrive("b"))
    shop.run(NOON + 4 * 3600)
    assert (len(shop.executions), shop.runs["gold.b"]) == (1, [])
    shop.failing = set()
    shop.at(shop.now, lambda: shop.arrive("b"))
    shop.run(shop.now + REFRESH_SLACK)
    assert len(shop.runs["gold.b"]) == 1


def test_what_is_brought_forward_comes_at_once_and_what_comes_after_it_is_not_forgotten(opened: Open) -> None:
    shop = opened()
    for after in (0, 1, 70, 75):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.at(NOON + 5, lambda: shop.plan({"forward": {"datasets": "*", "tables": []}}))
    shop.run(NOON + 10)
    assert [len(commit.units) for commit in shop.commits["a"]] == [1, 1]
    assert len(shop.runs["gold.slow"]) == 1
    shop.at(NOON + 12, lambda: shop.plan({"forward": {"tables": "*", "start": True}}))
    shop.run(NOON + 30)
    assert [content for _, content in shop.runs["gold.slow"]] == [{"bronze.a": 1}, {"bronze.a": 2}]
    shop.run(NOON + 200)
    assert sum(len(commit.units) for commit in shop.commits["a"]) == 4
    assert max(waits(shop, "a")) <= 60 + SLACK


def test_only_what_was_asked_for_and_what_it_needs_is_brought_forward(opened: Open) -> None:
    shop = opened()
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.at(NOON + 61, lambda: shop.arrive("a"))
    shop.run(NOON + 70)
    shop.at(shop.now, lambda: shop.plan({"forward": {"tables": ["gold.slow"], "start": True}}))
    shop.run(NOON + 90)
    assert [len(shop.runs[table]) for table in ("silver.a", "gold.slow", "gold.quick")] == [2, 2, 1]


def test_an_idle_minute_is_one_small_call(opened: Open) -> None:
    shop = opened()
    shop.at(NOON, lambda: shop.arrive("a"))
    shop.run(NOON + 3600)
    before = shop.calls.copy()
    shop.run(NOON + 7200)
    spent = shop.calls - before
    assert (spent["sweeps"], spent["calls of a sweep: 1"]) == (59, 59 - 11)
    assert spent["committer"] == 0
    assert len(shop.executions) == 1


def _trickle(shop: Shop, seconds: int) -> None:
    """Four streams with a batch a second each, for so long."""

    def tick() -> None:
        for name in ("s1", "s2", "s3", "s4"):
            shop.arrive(name)
        if shop.now + 1 < NOON + seconds:
            shop.at(shop.now + 1, tick)

    shop.at(NOON, tick)
    shop.run(NOON + seconds)


STREAMS = project(
    {**{f"bronze.s{n}": 60 for n in range(1, 5)}, **{f"gold.t{n}": 3600 for n in range(1, 5)}},
    {f"gold.t{n}": (f"bronze.s{n}",) for n in range(1, 5)},
)


@pytest.mark.parametrize("hours", [1, pytest.param(24, marks=pytest.mark.proof)])
def test_four_trickling_streams_make_a_commit_a_minute_and_a_refresh_an_hour(opened: Open, hours: int) -> None:
    shop = opened(STREAMS)
    _trickle(shop, hours * 3600)
    counted = {name: len(commits) for name, commits in shop.commits.items()}
    told = f"{hours} h: commits {counted}, executions {len(shop.executions)}, calls {dict(sorted(shop.calls.items()))}"
    sys.stdout.write(f"{told}\n")
    assert all(50 * hours <= number <= 60 * hours for number in counted.values())
    assert len(shop.executions) <= hours + 2
    assert all(len(shop.runs[f"gold.t{n}"]) <= hours + 1 for n in range(1, 5))
    # By far less than the 14,400 batches an hour: the ledger is asked twice a commit at most by those who stage.
    assert shop.calls["dynamodb.update_item"] <= 240 * hours * 4 + 60 * hours
    assert shop.calls["sqs.send_message"] <= 240 * hours * 1.1 + 4 * hours


@pytest.mark.parametrize("trial", range(20))
def test_a_change_is_in_bronze_and_gold_within_the_declared_latency(opened: Open, trial: int) -> None:
    """Whatever else arrives meanwhile."""
    chance, shop = random.Random(trial), opened()
    for _ in range(20):
        dataset = chance.choice("ab")
        shop.at(NOON + chance.uniform(0, 900), lambda dataset=dataset: shop.arrive(dataset))
    mark = NOON + chance.uniform(0, 900)
    shop.at(mark, lambda: shop.arrive("a"))
    shop.run(NOON + 900 + 3600)
    version, commit = next((n, c) for n, c in enumerate(shop.commits["a"], 1) if mark in c.units)
    assert commit.at - mark <= 60 + SLACK
    assert refreshed(shop, "gold.quick", "bronze.a", version) - commit.at <= 600 + REFRESH_SLACK


def test_an_upgrade_commits_what_waits_of_the_version_before(opened: Open) -> None:
    """Units without a claim, and messages that know of none."""
    shop = opened()
    shop.staged["a"] = [NOON]
    shop.run(NOON + 301)
    assert [len(commit.units) for commit in shop.commits["a"]] == [1]
    shop.staged["b"] = [shop.now]
    shop.at(shop.now, lambda: shop.send_message(
        MessageGroupId="b", MessageDeduplicationId="old", MessageBody='{"dataset": "b"}'
    ))  # fmt: skip
    shop.run(shop.now + 5)
    assert [len(commit.units) for commit in shop.commits["b"]] == [1]
    assert Pace(SETTINGS.ledger_table).read_waiting()[0][-1].taken is None
