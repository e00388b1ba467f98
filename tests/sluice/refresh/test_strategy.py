"""How a run goes, and that it touches no more than it must."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluice.compiled import Backfill
from sluice.contracts import Rules
from sluice.errors import CheckFailed, CommandError, TransformError
from sluice.project import Project
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.engine import Memory, choose_engine, estimates
from sluice.refresh.explain import explain
from sluice.refresh.plan import plan_refresh
from sluice.transforms.checks import compile_checks
from tests.sluice.refresh.small_shop import Row, SmallShop, project

DAY = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12)


def order(number: int, **other: Any) -> Row:
    day = DAY + timedelta(days=number)
    return {"order_id": f"o{number}", "customer_id": "c1", "day": day, "state": "paid", "updated_at": NOON} | other


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    made = SmallShop(tmp_path / "shop")
    made.deliver(
        "orders",
        [order(n) for n in range(6)],
    )
    made.refresh()
    return made


def with_transform(table: str, **changed: Any) -> Project:
    """The shop, with one transform declared in another way."""
    of_shop = project()
    transforms = (replace(each, **changed) if each.table == table else each for each in of_shop.transforms)
    return Project(of_shop.contracts, tuple(transforms))


def in_states(*states: str) -> Project:
    """The shop, whose orders must be in one of ``states``."""
    contract = project().contract("silver.orders")
    columns = (
        msgspec.structs.replace(column, rules=Rules(allowed=states)) if column.name == "state" else column
        for column in contract.columns
    )
    audit = compile_checks(msgspec.structs.replace(contract, columns=tuple(columns)))
    return with_transform("silver.orders", audit=audit, checks=str(states))


def files(shop: SmallShop, table: str) -> set[str]:
    return {task.file.file_path for task in shop.load(table).scan().plan_files()}


@pytest.mark.slow
def test_a_late_correction_reopens_its_partition_and_no_other(shop: SmallShop) -> None:
    before = files(shop, "gold.order_days")
    shop.deliver(
        "orders",
        [order(2, state="sent", updated_at=NOON + timedelta(1))],
    )
    runs = {run.table: run for run in shop.refresh()}
    assert runs["gold.order_days"].incremental
    assert runs["gold.order_days"].reason == "changes of silver.orders"
    assert len(before & files(shop, "gold.order_days")) == 5
    assert runs["gold.order_days"].rows_written == 1


def test_a_moved_row_leaves_its_old_partition(shop: SmallShop) -> None:
    shop.deliver(
        "orders",
        [order(2, day=DAY, updated_at=NOON + timedelta(1))],
    )
    shop.refresh()
    assert [row[0] for row in shop.rows("gold.order_days") if row[1] == "o2"] == [DAY]


def test_a_delivery_that_says_nothing_new_writes_nothing(shop: SmallShop) -> None:
    before = {table: files(shop, table) for table in ("silver.orders", "gold.order_days", "gold.daily")}
    shop.deliver("orders", [order(1)])
    runs = {run.table: run for run in shop.refresh()}
    assert runs["gold.order_days"].rows_written == 0
    assert files(shop, "gold.order_days") == before["gold.order_days"]


def test_changed_checks_look_at_every_row_and_compute_none(shop: SmallShop) -> None:
    before = files(shop, "silver.orders")
    shop.project = in_states("placed")
    assert [choice.table for choice in plan_refresh(shop.project, shop.load).ready] == ["silver.orders"]
    with pytest.raises(CheckFailed, match="state is one of placed: 6 rows; for example 'paid'"):
        shop.run("silver.orders")
    shop.project = in_states("placed", "paid")
    run = shop.run("silver.orders")
    assert (run.incremental, run.rows_written, run.rows) == (True, 0, 6)
    assert run.reason == "changes of nothing; its checks changed"
    assert files(shop, "silver.orders") == before
    assert "silver.orders" not in [choice.table for choice in plan_refresh(shop.project, shop.load).ready]


def test_a_transform_of_the_other_engine_is_refused(shop: SmallShop) -> None:
    shop.project = with_transform("silver.orders", engine="spark")
    with pytest.raises(TransformError, match=r'orders is declared with engine="spark" and cannot run on DuckDB'):
        shop.run("silver.orders")


def test_a_backfill_computes_its_interval_and_leaves_the_rest(shop: SmallShop) -> None:
    before, rows = files(shop, "gold.order_days"), shop.rows("gold.order_days")
    request = checked_backfill(project(), Backfill("gold.order_days", first="2026-01-02", last="2026-01-03"))
    assert request.column == "day"
    engine = DuckDbEngine(project(), shop.load, shop.store)
    run = engine.run("gold.order_days", run_id="r", backfill=request)
    assert (run.incremental, run.rows_written) == (True, 2)
    assert run.reason == "changes of nothing; backfill of day 2026-01-02 to 2026-01-03"
    assert len(before & files(shop, "gold.order_days")) == 4
    assert shop.rows("gold.order_days") == rows


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
