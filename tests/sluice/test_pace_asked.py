"""What somebody asks for now, beside the pace: on a simulated clock as test_pace.py."""

from __future__ import annotations

from typing import Any

import pytest

from sluice.cli import planning
from sluice.cli import wait as waiting
from sluice.cli.deployment import Deployment
from tests.sluice.cli.test_wait import seen
from tests.sluice.simulated import NOON
from tests.sluice.test_pace import Open, opened

__all__ = ["opened"]


def test_who_waits_has_good_files_brought_forward_beside_one_in_no_datasets_folder(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = opened()
    for after in (0, 5):
        shop.at(NOON + after, lambda: shop.arrive("a"))
    shop.run(NOON + 6)
    assert shop.staged["a"]

    def look(*_: Any) -> Any:
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
