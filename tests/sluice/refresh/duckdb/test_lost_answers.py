"""A run whose commits took place, though their answers were lost, published what it computed; its files stay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.sluice.refresh.behaviour import LATER
from tests.sluice.refresh.small_shop import SmallShop
from tests.sluice.tables.lost_answers import lose_answers

pytestmark = pytest.mark.slow
VISITS = "silver.visits"


def click(number: int, session: str, *, later: int = 0) -> dict[str, Any]:
    return {"event_id": f"e{number}", "session_id": session, "happened_at": LATER + timedelta(minutes=later)}


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_whose_answers_are_lost_keeps_table_and_quarantine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    shop = SmallShop(tmp_path / "shop")
    shop.deliver("clicks", [click(1, "s1"), click(1, "s2", later=1)])  # one event, told twice and otherwise
    lost = lose_answers(monkeypatch, count=times)
    run = shop.run(VISITS)
    assert lost == ["quarantine.clicks", VISITS][:times]
    assert shop.load(VISITS).scan().to_arrow()["session_id"].to_pylist() == ["s2"]
    assert shop.load("quarantine.clicks").scan().to_arrow()["reason"].to_pylist() == ["conflict"]
    assert [len(shop.load(name).snapshots()) for name in (VISITS, "quarantine.clicks")] == [1, 1]
    assert run.rows == 1
