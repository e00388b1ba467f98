"""How a run goes, and that it touches no more than it must: the same cases for both engines.

Each engine's folder has test classes that inherit from ``Behaviour`` and ``MoreBehaviour``. All runs but the one that a
case is about are made by DuckDB.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from sluice.compiled import Backfill, Propagation
from sluice.contracts import DerivedContract, Rules
from sluice.errors import CheckFailed, RowsLost
from sluice.project import Project
from sluice.refresh import strategy
from sluice.refresh.backfill import checked_backfill
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain
from sluice.refresh.record import Run
from sluice.refresh.rollback import roll_back
from sluice.refresh.run import Held
from sluice.tables.commit import replace as replace_files
from sluice.tables.commit import write_data_files
from sluice.tables.retention import retire
from sluice.transforms.checks import compile_checks
from tests.sluice.refresh.small_shop import Row, SmallShop, project

DAY = date(2026, 1, 1)
NOON = datetime(2026, 1, 1, 12)
LATER = NOON + timedelta(1)


def order(number: int, **other: Any) -> Row:
    day = DAY + timedelta(days=number)
    return {"order_id": f"o{number}", "customer_id": "c1", "day": day, "state": "paid", "updated_at": NOON} | other


def with_transform(table: str, **changed: Any) -> Project:
    """The shop, with one transform declared in another way."""
    of_shop = project()
    transforms = (replace(each, **changed) if each.table == table else each for each in of_shop.transforms)
    return Project(of_shop.contracts, tuple(transforms))


def in_states(*states: str) -> Project:
    """The shop, whose orders must be in one of ``states``."""
    contract = project().contract("silver.orders")
    assert isinstance(contract, DerivedContract)
    columns = (
        msgspec.structs.replace(column, rules=Rules(allowed=states)) if column.name == "state" else column
        for column in contract.columns
    )
    audit = compile_checks(msgspec.structs.replace(contract, columns=tuple(columns)))
    return with_transform("silver.orders", audit=audit, checks=str(states))


def retire_all(shop: SmallShop, dataset: str) -> None:
    """End the retention of all rows that the dataset's bronze table has."""
    retire(lambda: shop.load(f"bronze.{dataset}"), datetime.max)


def retained(table: str, *, days: int) -> Project:
    """The shop, one of whose derived tables has a retention."""
    of_shop = project()
    contracts = (
        msgspec.structs.replace(each, retention_days=days) if each.table == table else each
        for each in of_shop.contracts
    )
    return Project(tuple(contracts), of_shop.transforms)


def files(shop: SmallShop, table: str) -> set[str]:
    return {task.file.file_path for task in shop.load(table).scan().plan_files()}


def bring(shop: SmallShop, *rows: Row) -> None:
    """Deliver orders and bring ``silver.orders`` up to date; what is made of it is behind then."""
    shop.deliver("orders", list(rows))
    shop.run("silver.orders")


class OnAnEngine:
    """What a case needs.

    The fixture ``shop``, in tables that the engine can read, holds six orders, on a day each, and is up to date.
    """

    def run(self, shop: SmallShop, table: str, *, declared: Project | None = None, **given: Any) -> Run:
        """Bring a table up to date on the engine, as the shop or another project declares it."""
        raise NotImplementedError


class Behaviour(OnAnEngine):
    """The cases that every run of the tests tries on both engines."""

    def test_a_late_correction_recomputes_its_partition_and_no_other(self, shop: SmallShop) -> None:
        before = files(shop, "gold.order_days")
        bring(shop, order(2, state="sent", updated_at=LATER))
        run = self.run(shop, "gold.order_days")
        assert (run.incremental, run.reason) == (True, "changes of silver.orders")
        assert len(before & files(shop, "gold.order_days")) == 5
        assert run.rows_written == 1
        assert [row[2] for row in shop.rows("gold.order_days") if row[1] == "o2"] == ["sent"]

    def test_a_moved_row_leaves_its_old_partition(self, shop: SmallShop) -> None:
        bring(shop, order(2, day=DAY, updated_at=LATER))
        assert self.run(shop, "gold.order_days").incremental
        assert [row[0] for row in shop.rows("gold.order_days") if row[1] == "o2"] == [DAY]

    def test_a_backfill_removes_what_no_input_gives_and_brings_what_it_does(self, shop: SmallShop) -> None:
        table = shop.load("gold.order_days")
        table.delete("order_id = 'o1'")  # somebody's hand: a partition is gone, and one has a row too many
        extra = table.scan(row_filter="order_id = 'o2'").to_arrow().to_pylist()[0] | {"order_id": "invented"}
        rows = [row for row in shop.rows("gold.order_days") if row[1] != "o1"]
        shop.load("gold.order_days").append(pa.Table.from_pylist([extra], table.schema().as_arrow()))
        request = checked_backfill(project(), Backfill("gold.order_days", first="2026-01-02", last="2026-01-03"))
        self.run(shop, "gold.order_days", backfill=request)
        found = shop.rows("gold.order_days")
        assert len(found) == 6
        assert set(map(repr, rows)) < set(map(repr, found))

    def test_the_plan_tells_what_the_run_does(self, shop: SmallShop) -> None:
        shop.deliver("orders", [order(3, state="sent", updated_at=LATER)])
        (planned,) = (step for step in explain(shop.project, shop.load, Memory()) if step.table == "silver.orders")
        run = self.run(shop, "silver.orders")
        assert planned.strategy == f"{'incremental' if run.incremental else 'full'}: {run.reason}"


class MoreBehaviour(OnAnEngine):
    """The other cases, which only `make proof` tries on Spark."""

    def test_a_rolled_back_table_is_held_until_an_input_changes_and_goes_on_from_there(self, shop: SmallShop) -> None:
        rows, first = shop.rows("gold.order_days"), shop.load("gold.order_days").current_snapshot()
        assert first is not None
        bring(shop, order(2, state="sent", updated_at=LATER))
        self.run(shop, "gold.order_days")
        roll_back(shop.project, shop.load, "gold.order_days", to=str(first.snapshot_id), by="somebody")
        assert shop.rows("gold.order_days") == rows
        with pytest.raises(Held, match=f"rolled back to {first.snapshot_id} at .* by somebody"):
            self.run(shop, "gold.order_days")
        shop.run("silver.orders")  # a snapshot more, with the same files
        with pytest.raises(Held):
            self.run(shop, "gold.order_days")
        assert shop.rows("gold.order_days") == rows
        bring(shop, order(3, state="lost", updated_at=LATER))
        run = self.run(shop, "gold.order_days")
        assert (run.incremental, run.rows_written) == (True, 2)
        assert sorted(row[2] for row in shop.rows("gold.order_days")) == ["lost", *["paid"] * 4, "sent"]

    def test_rows_compacted_then_removed_by_retention_are_no_change_but_an_erased_one_is(self, shop: SmallShop) -> None:
        rows = shop.rows("silver.orders")
        table = shop.load("bronze.orders")
        left = table.scan(row_filter="order_id != 'o3'").to_arrow()
        replace_files(table, write_data_files(table, left), summary={})
        shop.deliver("orders", [order(2, state="unread", updated_at=LATER)])
        retire_all(shop, "orders")
        run = self.run(shop, "silver.orders")
        assert run.incremental
        assert shop.rows("silver.orders") == [row for row in rows if row[0] != "o3"]

    def test_a_rebuild_that_would_lose_rows_of_retired_inputs_is_refused_until_the_loss_is_accepted(
        self, shop: SmallShop
    ) -> None:
        rows = shop.rows("silver.orders")
        retire_all(shop, "orders")
        shop.deliver("orders", [order(5, state="sent", updated_at=LATER), order(9)])
        published = shop.load("silver.orders").current_snapshot()
        whole = Backfill("silver.orders")
        with pytest.raises(RowsLost, match=r"would lose 5 of its keys, for example order_id 'o[0-4]'.*6 rows of bron"):
            self.run(shop, "silver.orders", backfill=whole)
        changed = with_transform("silver.orders", fingerprint="another")
        with pytest.raises(RowsLost, match=re.escape("sluice backfill silver.orders --accept-loss")) as refused:
            self.run(shop, "silver.orders", declared=changed)
        assert "nothing was published" in str(refused.value)
        assert (shop.rows("silver.orders"), shop.load("silver.orders").current_snapshot()) == (rows, published)
        run = self.run(shop, "silver.orders", backfill=replace(whole, accept_loss=True))
        assert (run.incremental, run.rows) == (False, 2)
        assert not self.run(shop, "silver.orders", declared=changed).incremental  # nothing is left to lose

    def test_rows_that_only_moved_to_other_files_are_no_change(self, shop: SmallShop) -> None:
        before, rewritten = files(shop, "gold.order_days"), files(shop, "silver.orders")
        bring(shop, order(1))  # as before: the table's file is written again, with the same rows
        assert files(shop, "silver.orders").isdisjoint(rewritten)
        run = self.run(shop, "gold.order_days")
        assert (run.incremental, run.rows_written) == (True, 0)
        assert files(shop, "gold.order_days") == before

    def test_moved_rows_of_an_input_that_propagates_no_change_recompute_nothing(self, shop: SmallShop) -> None:
        declared = with_transform("gold.order_days", propagations={"orders": Propagation()})
        bring(shop, order(1))
        run = self.run(shop, "gold.order_days", declared=declared)
        assert (run.incremental, run.rows_written) == (True, 0)
        bring(shop, order(1, state="sent", updated_at=LATER))
        run = self.run(shop, "gold.order_days", declared=declared)
        assert not run.incremental
        assert run.reason == "silver.orders changed, and nothing declares what that touches"

    def test_a_backfill_computes_its_interval_and_leaves_the_rest(self, shop: SmallShop) -> None:
        before, rows = files(shop, "gold.order_days"), shop.rows("gold.order_days")
        request = checked_backfill(project(), Backfill("gold.order_days", first="2026-01-02", last="2026-01-03"))
        assert request.column == "day"
        run = self.run(shop, "gold.order_days", backfill=request)
        assert (run.incremental, run.rows_written) == (True, 2)
        assert run.reason == "changes of nothing; backfill of day 2026-01-02 to 2026-01-03"
        assert len(before & files(shop, "gold.order_days")) == 4
        assert shop.rows("gold.order_days") == rows

    def test_a_backfill_of_the_whole_table_is_a_full_refresh(self, shop: SmallShop) -> None:
        run = self.run(shop, "gold.order_days", backfill=Backfill("gold.order_days"))
        assert (run.incremental, run.reason, run.rows_written) == (False, "backfill of the whole table", 6)

    def test_when_most_rows_changed_the_whole_table_is_computed(
        self, shop: SmallShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strategy, "_FEW_ROWS", 0)
        bring(shop, *(order(number, state="sent", updated_at=LATER) for number in range(4)))
        run = self.run(shop, "gold.order_days")
        assert (run.incremental, run.reason) == (False, "most of silver.orders changed")
        assert [row[2] for row in shop.rows("gold.order_days")].count("sent") == 4
        bring(shop, order(5, state="sent", updated_at=LATER))
        assert self.run(shop, "gold.order_days").incremental
        assert [row[2] for row in shop.rows("gold.order_days")].count("sent") == 5

    def test_a_table_that_nothing_came_for_stays_empty_and_takes_what_comes(self, shop: SmallShop) -> None:
        run = self.run(shop, "gold.click_log")
        assert (run.incremental, run.reason, run.rows) == (False, "first run", 0)
        click = {"event_id": "e1", "session_id": "s1", "happened_at": NOON}
        shop.deliver("clicks", [click, click | {"event_id": "e2"}])
        run = self.run(shop, "gold.click_log")
        assert (run.incremental, run.rows_written, run.rows) == (True, 2, 2)
        assert (again := self.run(shop, "gold.click_log")).incremental
        assert (again.rows_written, again.rows) == (0, 2)

    def test_changed_checks_look_at_every_row_and_compute_none(self, shop: SmallShop) -> None:
        before = files(shop, "silver.orders")
        with pytest.raises(CheckFailed, match="state is one of placed: 6 rows; for example 'paid'"):
            self.run(shop, "silver.orders", declared=in_states("placed"))
        run = self.run(shop, "silver.orders", declared=in_states("placed", "paid"))
        assert (run.incremental, run.rows_written, run.rows) == (True, 0, 6)
        assert run.reason == "changes of nothing; its checks changed"
        assert files(shop, "silver.orders") == before

    def test_an_input_whose_earlier_snapshot_expired_is_read_whole(self, shop: SmallShop) -> None:
        read = shop.load("bronze.orders").current_snapshot()
        assert read is not None
        shop.deliver("orders", [order(7)])
        shop.load("bronze.orders").maintenance.expire_snapshots().by_id(read.snapshot_id).commit()
        run = self.run(shop, "silver.orders")
        assert (run.incremental, run.rows) == (False, 7)
        assert "bronze.orders cannot be told" in run.reason

    def test_what_is_made_from_a_rolled_back_table_follows_it(self, shop: SmallShop) -> None:
        rows, first = shop.rows("gold.order_days"), shop.load("silver.orders").current_snapshot()
        assert first is not None
        bring(shop, order(2, state="sent", updated_at=LATER))
        self.run(shop, "gold.order_days")
        roll_back(shop.project, shop.load, "silver.orders", to=str(first.snapshot_id), by="somebody")
        assert self.run(shop, "gold.order_days").incremental
        assert shop.rows("gold.order_days") == rows

    def test_retention_opens_nothing_again(self, shop: SmallShop) -> None:
        before = files(shop, "silver.orders"), shop.rows("silver.orders")
        retire_all(shop, "orders")
        assert shop.rows("bronze.orders") == []
        run = self.run(shop, "silver.orders")
        assert (run.incremental, run.reason, run.rows_written) == (True, "changes of nothing", 0)
        assert (files(shop, "silver.orders"), shop.rows("silver.orders")) == before

    def test_after_retention_a_correction_recomputes_its_key_from_what_is_left_and_no_other(
        self, shop: SmallShop
    ) -> None:
        rows = shop.rows("silver.orders")
        retire_all(shop, "orders")
        shop.deliver("orders", [order(2, state="sent", updated_at=LATER)])
        run = self.run(shop, "silver.orders")
        assert (run.incremental, run.rows) == (True, 6)
        assert [row for row in shop.rows("silver.orders") if row[0] != "o2"] == [row for row in rows if row[0] != "o2"]
        assert [row[3] for row in shop.rows("silver.orders") if row[0] == "o2"] == ["sent"]

    def test_rows_that_retention_removed_unread_are_gone_and_touch_nothing(self, shop: SmallShop) -> None:
        rows = shop.rows("silver.orders")
        shop.deliver("orders", [order(2, state="unread", updated_at=LATER), order(8)])
        retire_all(shop, "orders")
        shop.deliver("orders", [order(9)])
        run = self.run(shop, "silver.orders")
        assert (run.incremental, run.rows) == (True, 7)
        assert [row for row in shop.rows("silver.orders") if row[0] != "o9"] == rows

    def test_a_backfill_of_days_whose_input_rows_retention_removed_is_refused(self, shop: SmallShop) -> None:
        rows = shop.rows("silver.orders")
        retire_all(shop, "orders")
        request = Backfill("silver.orders", "day", "2026-01-02", "2026-01-03")
        with pytest.raises(RowsLost, match="would lose 2 of its keys"):
            self.run(shop, "silver.orders", backfill=request)
        assert shop.rows("silver.orders") == rows

    def test_a_loss_that_was_accepted_for_some_days_is_none_of_a_run_that_became_full(self, shop: SmallShop) -> None:
        rows = shop.rows("silver.orders")
        retire_all(shop, "orders")
        shop.deliver("orders", [order(7)])
        days = Backfill("silver.orders", "day", "2026-01-02", "2026-01-03", accept_loss=True)
        changed = with_transform("silver.orders", fingerprint="another")
        with pytest.raises(RowsLost, match="would lose 6 of its keys"):
            self.run(shop, "silver.orders", declared=changed, backfill=days)
        assert shop.rows("silver.orders") == rows
        assert self.run(shop, "silver.orders", backfill=days).incremental
        assert [row[0] for row in shop.rows("silver.orders")] == ["o0", "o3", "o4", "o5", "o7"]

    def test_a_key_that_a_removal_took_away_is_not_lost_by_a_backfill_of_others(self, shop: SmallShop) -> None:
        retire_all(shop, "orders")
        bring(shop, order(8), order(9))
        table = shop.load("bronze.orders")
        left = table.scan(row_filter="order_id != 'o8'").to_arrow()
        replace_files(table, write_data_files(table, left), summary={})
        day = str(DAY + timedelta(days=9))
        assert self.run(shop, "silver.orders", backfill=Backfill("silver.orders", "day", day, day)).incremental
        assert [row[0] for row in shop.rows("silver.orders")] == ["o0", "o1", "o2", "o3", "o4", "o5", "o9"]

    def test_after_retention_no_run_is_full_because_that_is_cheaper(
        self, shop: SmallShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(strategy, "_FEW_BYTES", 0)
        monkeypatch.setattr(strategy, "_FEW_ROWS", 0)
        shop.deliver("orders", [order(5, state="sent", updated_at=LATER)])
        assert self.run(shop, "silver.orders").incremental  # the seventh row of seven
        retire_all(shop, "orders")
        shop.deliver("orders", [order(7)])
        (planned,) = (step for step in explain(shop.project, shop.load, Memory()) if step.table == "silver.orders")
        run = self.run(shop, "silver.orders")
        assert planned.strategy == "incremental: changes of bronze.orders"
        assert (run.incremental, run.rows) == (True, 7)

    def test_a_table_that_does_not_tell_what_it_was_made_of_is_not_rebuilt_from_what_is_left(
        self, shop: SmallShop
    ) -> None:
        rows, table = shop.rows("silver.orders"), shop.load("silver.orders")
        retire_all(shop, "orders")
        replace_files(table, write_data_files(table, table.scan().to_arrow()), summary={})
        with pytest.raises(RowsLost, match="would lose 6 of its keys"):
            self.run(shop, "silver.orders")
        assert shop.rows("silver.orders") == rows

    def test_of_rows_without_a_key_equal_ones_are_lost_one_by_one(self, shop: SmallShop) -> None:
        click = {"event_id": "e1", "session_id": "s1", "happened_at": NOON}
        shop.deliver("clicks", [click] * 4)
        shop.run("gold.click_log")
        retire_all(shop, "clicks")
        shop.deliver("clicks", [click])
        with pytest.raises(RowsLost, match="would lose 3 of its rows, for example event_id 'e1', session_id 's1'"):
            self.run(shop, "gold.click_log", backfill=Backfill("gold.click_log"))
        run = self.run(shop, "gold.click_log")
        assert (run.incremental, run.rows) == (True, 5)
        shop.deliver("clicks", [click])
        assert self.run(shop, "gold.click_log").rows == 6

    def test_a_table_that_declares_a_retention_of_its_own_lasts_no_longer_than_its_input(self, shop: SmallShop) -> None:
        retire_all(shop, "orders")
        declared = retained("silver.orders", days=90)
        assert self.run(shop, "silver.orders", declared=declared, backfill=Backfill("silver.orders")).rows == 0
