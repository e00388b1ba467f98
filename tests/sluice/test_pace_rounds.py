"""Rounds and calls of which nobody tells that they died: on a simulated clock as test_pace.py."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lambdas.commit_table import handler as committer
from sluice.ingestion import wake
from sluice.pace import Pace
from tests.sluice.simulated import NOON, SETTINGS, Shop, project
from tests.sluice.test_pace import Open, opened

__all__ = ["opened"]
HOUR = math.ceil(NOON / 7200) * 7200.0
DAY = 86_400
ONE = project({"bronze.a": 60, "gold.g": 3600}, {"gold.g": ("bronze.a",)})


def trickle(shop: Shop, first: float) -> None:
    for minute in range(24 * 60):
        shop.at(first + 60 * minute, lambda: shop.arrive("a"))


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT"])
def test_a_round_died_and_what_ended_last_is_one_that_only_left_its_mark(opened: Open, status: str) -> None:
    shop = opened(ONE, wave_seconds=100.0)
    shop.at(HOUR, lambda: shop.arrive("a"))

    def dies() -> None:
        Pace("ledger").claim_refresh(shop.now, shop.now)  # its event started the one that leaves its mark
        shop.abort_as(status)
        shop.now += 0.3
        shop.note("SUCCEEDED")

    shop.at(HOUR + 50, dies)
    trickle(shop, HOUR + 100)
    shop.run(HOUR + DAY)
    assert len(shop.runs["gold.g"]) >= 23


def test_the_workflow_is_made_anew_during_a_round_that_was_asked_for_another(opened: Open) -> None:
    shop = opened(ONE, wave_seconds=2000.0)
    for after in (2000, 2100):
        shop.at(HOUR + after, lambda: shop.arrive("a"))

    def replaced() -> None:
        shop.abort_as("ABORTED")
        shop.forget_executions()

    shop.at(HOUR + 3700, replaced)
    trickle(shop, HOUR + 4000)
    shop.run(HOUR + DAY)
    assert len(shop.runs["gold.g"]) >= 22


def test_what_a_call_cannot_tell_as_it_ends_is_told_by_the_next(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue refuses the one message with what was asked for meanwhile."""
    shop, maintained, refused = opened(ONE, commit_seconds=10.0), list[float](), list[float]()
    monkeypatch.setattr(committer, "_maintain", lambda *_: maintained.append(shop.now))
    send = committer.wake

    def flaky(settings: Any, dataset: str, occasion: str, **asked: bool) -> None:
        if occasion.startswith("after ") and not refused:
            refused.append(shop.now)
            raise OSError("throttled")
        send(settings, dataset, occasion, **asked)

    monkeypatch.setattr(committer, "wake", flaky)
    for after in (0, 200):
        shop.at(HOUR + after, lambda: shop.arrive("a"))
    shop.at(HOUR + 203, lambda: wake.wake(SETTINGS, "a", "day 1", maintain=True, through=True))
    shop.run(HOUR + 1200)
    assert refused
    assert maintained
    assert shop.runs["gold.g"][-1][1] == {"bronze.a": 2}
