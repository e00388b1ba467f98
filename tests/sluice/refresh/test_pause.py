"""A paused table is left as it is until it is resumed; what is made from it goes on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.compiled import Backfill, Pause
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain, holds, standings
from sluice.refresh.plan import plan_refresh
from tests.sluice.refresh.behaviour import LATER, order
from tests.sluice.refresh.small_shop import SmallShop

pytestmark = pytest.mark.slow
ORDERS, DAYS = "silver.orders", "gold.order_days"
PAUSES = [Pause(ORDERS, "ann", "2026-01-01T00:00:00+00:00")]


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    """Tables that are up to date, and then a new order."""
    made = SmallShop(tmp_path / "shop")
    made.deliver("orders", [order(1)])
    for table in (ORDERS, DAYS):
        made.run(table)
    made.deliver("orders", [order(2, updated_at=LATER)])
    return made


def ready(shop: SmallShop, *pauses: Pause, backfills: tuple[Backfill, ...] = ()) -> set[str]:
    plan = plan_refresh(shop.project, shop.load, pauses=pauses, backfills=backfills)
    return {choice.table for choice in plan.ready} | set(plan.waiting)


def test_a_paused_table_is_not_planned_and_nothing_waits_for_it(shop: SmallShop) -> None:
    assert {ORDERS, DAYS} <= ready(shop)
    assert not {ORDERS, DAYS} & ready(shop, *PAUSES)
    assert not {ORDERS, DAYS} & {step.table for step in explain(shop.project, shop.load, Memory(), pauses=PAUSES)}


def test_what_is_made_from_a_paused_table_is_computed_from_its_present_rows(shop: SmallShop) -> None:
    assert DAYS in ready(shop, *PAUSES, backfills=(Backfill(DAYS, requested="9999"),))


def test_a_backfill_of_a_paused_table_waits_until_it_is_resumed(shop: SmallShop) -> None:
    asked = (Backfill(ORDERS, requested="9999"),)
    assert ORDERS not in ready(shop, *PAUSES, backfills=asked)
    assert ORDERS in ready(shop, backfills=asked)


def test_a_paused_table_is_told_as_held_also_while_nothing_is_due(shop: SmallShop) -> None:
    for table in (ORDERS, DAYS):
        shop.run(table)
    said = "held: paused at 2026-01-01T00:00:00+00:00 by ann, until `sluice resume silver.orders`"
    assert holds(shop.project, shop.load, pauses=PAUSES) == {ORDERS: said}
    stands = {each.table: each for each in standings(shop.project, shop.load, pauses=PAUSES)}
    assert (stands[ORDERS].held, stands[ORDERS].behind_since) == (said, None)
    assert stands[DAYS].held == ""


def test_a_pause_of_a_table_that_is_gone_changes_nothing(shop: SmallShop) -> None:
    assert ready(shop, Pause("gold.gone", "ann", "")) == ready(shop)
