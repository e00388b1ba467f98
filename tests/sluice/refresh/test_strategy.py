"""What a run refuses, how a plan is explained, and which engine is chosen; how a run goes is in ``behaviour.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.compiled import Backfill
from sluice.errors import CommandError, TransformError
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.engine import Memory, choose_engine, estimates
from sluice.refresh.explain import explain
from sluice.refresh.plan import plan_refresh
from tests.sluice.refresh.behaviour import NOON, in_states, order, with_transform
from tests.sluice.refresh.small_shop import SmallShop, project


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    made = SmallShop(tmp_path / "shop")
    made.deliver("orders", [order(number) for number in range(6)])
    made.refresh()
    return made


def test_a_table_whose_checks_changed_is_planned_until_they_looked_at_it(shop: SmallShop) -> None:
    shop.project = in_states("placed", "paid")
    assert [choice.table for choice in plan_refresh(shop.project, shop.load).ready] == ["silver.orders"]
    shop.run("silver.orders")
    assert "silver.orders" not in [choice.table for choice in plan_refresh(shop.project, shop.load).ready]


def test_a_transform_of_the_other_engine_is_refused(shop: SmallShop) -> None:
    shop.project = with_transform("silver.orders", engine="spark")
    with pytest.raises(TransformError, match=r'orders is declared with engine="spark" and cannot run on DuckDB'):
        shop.run("silver.orders")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Backfill("bronze.orders"), "is not a derived table"),
        (Backfill("gold.order_days", first="2026-01-02"), "two days"),
        (Backfill("gold.order_days", first="2026-01-02", last="2026-01-01"), "is after"),
        (Backfill("gold.order_days", "state", "2026-01-02", "2026-01-02"), "no date or timestamp state"),
        (Backfill("gold.totals", first="2026-01-02", last="2026-01-02"), "no date or timestamp column"),
    ],
)  # fmt: skip
def test_a_backfill_that_no_run_could_do_is_refused(request_: Backfill, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        checked_backfill(project(), request_)


def test_the_plan_is_explained_in_waves_and_names_what_each_run_would_be(shop: SmallShop) -> None:
    assert explain(shop.project, shop.load, Memory()) == []
    shop.deliver("clicks", [{"event_id": "e1", "session_id": "s1", "happened_at": NOON}])
    steps = {step.table: step for step in explain(shop.project, shop.load, Memory(), [Backfill("gold.daily")])}
    assert steps["silver.visits"].strategy == "incremental: changes of bronze.clicks"
    assert steps["gold.daily"].strategy == "full: backfill of the whole table"
    assert (steps["gold.daily"].wave, steps["gold.totals"].wave) == (1, 2)
    assert all(step.engine == "small" and step.cost_usd > 0 for step in steps.values())


def test_the_cheapest_engine_that_can_is_chosen() -> None:
    transform = project().transform("gold.daily")
    chosen = [choose_engine(transform, rows, Memory()) for rows in (1e3, 1e6, 4.5e7, 1e9)]
    assert [choice.engine for choice in chosen] == ["small", "small", "large", "spark"]
    assert "too small" in chosen[-1].reason
    for choice in chosen:
        can = [e.cost_usd for e in estimates(choice.rows * transform.weight, Memory()) if e.feasible]
        assert choice.cost_usd == pytest.approx(min(can), abs=1e-8)
