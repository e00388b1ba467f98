"""A rolled-back table has its old rows in one commit, keeps its history, and is not refreshed back to the bad ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import sluice.refresh.rollback as module
from sluice.compiled import Backfill
from sluice.errors import CommandError, CommitConflict, CommitUncertain
from sluice.project import Project
from sluice.refresh.engine import Memory
from sluice.refresh.explain import explain, holds, standings
from sluice.refresh.plan import plan_refresh
from sluice.refresh.record import Made, Rollback, Run
from sluice.refresh.rollback import RolledBack, roll_back
from sluice.refresh.run import Held
from sluice.refresh.tables import made_from, rollback_of
from sluice.tables import maintain
from sluice.tables.files import snapshot_of
from tests.sluice.refresh.behaviour import LATER, order
from tests.sluice.refresh.small_shop import SmallShop
from tests.sluice.tables.lost_answers import lose_answers

pytestmark = pytest.mark.slow
ORDERS, DAYS = "silver.orders", "gold.order_days"


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    """Six orders, then one of them corrected; all tables are up to date after each."""
    made = SmallShop(tmp_path / "shop")
    made.deliver("orders", [order(number) for number in range(6)])
    refresh(made)
    made.deliver("orders", [order(2, state="sent", updated_at=LATER)])
    refresh(made)
    return made


def refresh(shop: SmallShop) -> list[Run]:
    """Bring the two tables up to date, as the plan says."""
    runs = []
    while ready_now := [table for table in ready(shop) if table in (ORDERS, DAYS)]:
        runs += [shop.run(table) for table in ready_now]
    return runs


def published(shop: SmallShop, table: str) -> list[str]:
    return [str(s.snapshot_id) for s in shop.load(table).snapshots()]


def back(shop: SmallShop, table: str, to: str) -> RolledBack:
    return roll_back(shop.project, shop.load, table, to=to, by="arn:aws:iam::1:user/ann")


def ready(shop: SmallShop, project: Project | None = None, **given: Any) -> list[str]:
    return [choice.table for choice in plan_refresh(project or shop.project, shop.load, **given).ready]


def with_fingerprint(shop: SmallShop, table: str, fingerprint: str) -> Project:
    of_shop = shop.project.transforms
    changed = tuple(replace(t, fingerprint=fingerprint) if t.table == table else t for t in of_shop)
    return Project(shop.project.contracts, changed)


def states(shop: SmallShop, table: str = DAYS) -> list[str]:
    return [row[2] for row in shop.rows(table)]


def test_readers_see_the_old_rows_after_one_commit_and_the_history_stays(shop: SmallShop) -> None:
    before = published(shop, DAYS)
    done = back(shop, DAYS, before[0])
    assert states(shop) == ["paid"] * 6
    assert published(shop, DAYS) == [*before, done.snapshot]
    assert (done.to, done.since, done.rows, done.rows_before) == (before[0], before[-1], 6, 6)
    table = shop.load(DAYS)
    assert "sent" in table.scan(snapshot_id=int(before[-1])).to_arrow()["state"].to_pylist()
    assert table.current_snapshot().parent_snapshot_id == int(before[-1])


def test_the_next_refresh_does_nothing_and_says_why(shop: SmallShop) -> None:
    first = published(shop, DAYS)[0]
    back(shop, DAYS, first)
    assert refresh(shop) == []
    assert states(shop) == ["paid"] * 6
    assert list(holds(shop.project, shop.load)) == [DAYS]
    (standing,) = (each for each in standings(shop.project, shop.load) if each.table == DAYS)
    assert standing.behind_since is None
    assert standing.inputs == tuple(sorted({*shop.project.transform(DAYS).inputs.values()} - {DAYS})) != ()
    assert standing.held.startswith(f"held: rolled back to {first} at 20")
    assert "by arn:aws:iam::1:user/ann" in standing.held
    assert DAYS not in {step.table for step in explain(shop.project, shop.load, Memory())}


def test_a_run_that_was_planned_before_the_rollback_does_not_bring_the_rows_back(shop: SmallShop) -> None:
    pinned = {ORDERS: snapshot_of(shop.load(ORDERS))}
    back(shop, DAYS, published(shop, DAYS)[0])
    for given in ({}, {"pinned": pinned}):
        with pytest.raises(Held, match="rolled back to"):
            shop.run(DAYS, **given)
    assert states(shop) == ["paid"] * 6


def test_a_refresh_in_flight_loses_to_the_rollback_and_looks_again(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sluice.refresh.duckdb.attempt as attempt

    first, real = published(shop, DAYS)[0], attempt.replace
    shop.deliver("orders", [order(3, state="sent", updated_at=LATER)])
    shop.run(ORDERS)

    def overtaken(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(attempt, "replace", real)
        back(shop, DAYS, first)
        return real(*given, **more)

    monkeypatch.setattr(attempt, "replace", overtaken)
    with pytest.raises(Held):  # the rollback saw the inputs that this run reads
        shop.run(DAYS)
    assert states(shop) == ["paid"] * 6


def test_a_changed_input_is_refreshed_from_what_the_old_rows_were_made_of(shop: SmallShop) -> None:
    back(shop, DAYS, published(shop, DAYS)[0])
    shop.deliver("orders", [order(4, state="lost", updated_at=LATER)])
    runs = {run.table: run for run in refresh(shop)}
    assert runs[DAYS].incremental
    assert sorted(states(shop)) == ["lost", "paid", "paid", "paid", "paid", "sent"]
    assert holds(shop.project, shop.load) == {}


def test_a_changed_transform_is_refreshed(shop: SmallShop) -> None:
    back(shop, DAYS, published(shop, DAYS)[0])
    assert DAYS not in ready(shop)
    assert DAYS in ready(shop, with_fingerprint(shop, DAYS, "mended"))


def test_changed_checks_alone_bring_nothing_back(shop: SmallShop) -> None:
    back(shop, DAYS, published(shop, DAYS)[0])
    changed = tuple(replace(t, checks="others") if t.table == DAYS else t for t in shop.project.transforms)
    assert DAYS not in ready(shop, Project(shop.project.contracts, changed))


def test_a_backfill_that_is_asked_for_ends_the_hold(shop: SmallShop) -> None:
    back(shop, DAYS, published(shop, DAYS)[0])
    request = Backfill(DAYS, requested="9999")
    assert DAYS in ready(shop, backfills=[request])
    shop.run(DAYS, backfill=request)
    assert "sent" in states(shop)


def test_what_is_made_from_a_rolled_back_table_follows_it(shop: SmallShop) -> None:
    back(shop, ORDERS, published(shop, ORDERS)[0])
    runs = {run.table: run for run in refresh(shop)}
    assert runs[DAYS].incremental
    assert states(shop) == ["paid"] * 6


def test_a_rolled_back_table_whose_input_was_only_read_again_stays_held(shop: SmallShop) -> None:
    back(shop, DAYS, published(shop, DAYS)[0])
    shop.run(ORDERS)  # commits a snapshot with the same files
    assert DAYS not in ready(shop)


def test_a_second_rollback_goes_further_and_still_refuses_the_first_rows(shop: SmallShop) -> None:
    shop.deliver("orders", [order(3, state="lost", updated_at=LATER)])
    refresh(shop)
    first, second, _ = [s for s in published(shop, DAYS) if made_of(shop, DAYS, s)]
    back(shop, DAYS, second)
    assert sorted(states(shop)) == ["paid"] * 5 + ["sent"]
    back(shop, DAYS, first)
    assert states(shop) == ["paid"] * 6
    assert refresh(shop) == []


def made_of(shop: SmallShop, table: str, snapshot: str) -> Made:
    summary = shop.load(table).snapshot_by_id(int(snapshot)).summary
    return Made.read(summary.additional_properties)


def test_what_readers_saw_at_a_time_is_found(shop: SmallShop) -> None:
    first, second = (s.timestamp_ms / 1000 for s in shop.load(DAYS).snapshots())
    at = datetime.fromtimestamp((first + second) / 2, UTC)
    here = at.astimezone(UTC).replace(tzinfo=None)
    done = back(shop, DAYS, here.isoformat())
    assert done.to == published(shop, DAYS)[0]


def test_deletes_of_single_rows_are_rolled_back_too(shop: SmallShop) -> None:
    done = back(shop, DAYS, published(shop, DAYS)[0])
    shop.load(DAYS).delete("order_id = 'o1'")
    assert len(states(shop)) == 5
    assert back(shop, DAYS, done.snapshot).rows == 6
    assert states(shop) == ["paid"] * 6


@pytest.mark.parametrize(
    ("table", "to", "said", "next_step"),
    [
        (DAYS, "12345", "no published snapshot 12345", "name one of "),
        (DAYS, "yesterday", "'yesterday' is no snapshot's id and no time", "name one of "),
        (DAYS, "2020-01-01", "no snapshot from 2020-01-01 or before", "name one of "),
        ("bronze.orders", "1", "it holds what was delivered", "sluice retract"),
        ("quarantine.orders", "1", "it holds what was delivered", "sluice retract"),
        ("gold.nothing", "1", "is not a derived table", "gold.order_days"),
        ("gold.click_log", "1", "no published snapshot 1", "first refresh"),
    ],
)
def test_what_cannot_be_rolled_back_is_refused_with_what_can(
    shop: SmallShop, table: str, to: str, said: str, next_step: str
) -> None:
    before = published(shop, DAYS)
    with pytest.raises(CommandError, match=said) as refused:
        back(shop, table, to)
    assert next_step in refused.value.next_step
    assert refused.value.safe
    assert published(shop, DAYS) == before


def test_where_the_table_is_already_is_refused(shop: SmallShop) -> None:
    first, second = published(shop, DAYS)
    for to in (second, datetime.now(UTC).isoformat()):
        with pytest.raises(CommandError, match="already"):
            back(shop, DAYS, to)
    assert back(shop, DAYS, first).changed


def test_a_rollback_that_is_asked_for_again_changes_nothing(shop: SmallShop) -> None:
    first, _ = published(shop, DAYS)
    done = back(shop, DAYS, first)
    snapshot = snapshot_of(shop.load(DAYS))
    again = back(shop, DAYS, first)
    assert (done.changed, again.changed) == (True, False)
    assert msgspec.structs.replace(again, changed=True) == done
    assert snapshot_of(shop.load(DAYS)) == snapshot


def test_a_snapshot_that_no_run_published_is_refused(shop: SmallShop) -> None:
    shop.load(DAYS).delete("order_id = 'o1'")
    by_hand = published(shop, DAYS)[-1]
    back(shop, DAYS, published(shop, DAYS)[0])
    with pytest.raises(CommandError, match="no published snapshot"):
        back(shop, DAYS, by_hand)


def test_a_rollback_that_loses_to_a_writer_decides_anew(shop: SmallShop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, real = published(shop, DAYS)[0], module.replace
    shop.deliver("orders", [order(3, state="lost", updated_at=LATER)])
    shop.run(ORDERS)

    def overtaken(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, "replace", real)
        shop.run(DAYS)
        return real(*given, **more)

    monkeypatch.setattr(module, "replace", overtaken)
    back(shop, DAYS, first)
    assert states(shop) == ["paid"] * 6
    assert refresh(shop) == []


def test_a_rollback_that_always_loses_changes_nothing(shop: SmallShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise CommitConflict("another was faster")

    before = published(shop, DAYS)
    monkeypatch.setattr(module, "replace", lost)
    with pytest.raises(CommitConflict, match="20 times"):
        back(shop, DAYS, before[0])
    assert published(shop, DAYS) == before


def test_expiring_the_snapshot_that_was_rolled_back_to_keeps_its_files(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintain, "WORTH_EXPIRING", 1)
    back(shop, DAYS, published(shop, DAYS)[0])
    table = shop.load(DAYS)
    monkeypatch.setattr(maintain, "_expirable", lambda *_: table.snapshots()[:1])
    assert maintain.expire_snapshots(table) == 1
    assert states(shop) == ["paid"] * 6


def test_what_a_rollback_says_is_read_back(shop: SmallShop) -> None:
    back(shop, DAYS, first := published(shop, DAYS)[0])
    found = rollback_of(shop.load(DAYS))
    assert found is not None
    assert found == Rollback.read(found.summary())
    assert made_from(shop.load(DAYS)) == made_of(shop, DAYS, first)
    assert found.inputs == {ORDERS: snapshot_of(shop.load(ORDERS))}


def _expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table's first snapshot be the one that expires, and nothing expire by itself."""
    monkeypatch.setattr(maintain, "_expirable", lambda table, now: table.snapshots()[:1])


def test_a_rollback_inside_of_an_expiry_keeps_the_files_that_it_gave_back(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _expires(monkeypatch)
    to, real = published(shop, DAYS)[0], maintain._files

    def slow(*given: Any) -> Any:
        found = real(*given)
        monkeypatch.setattr(maintain, "_files", real)
        back(shop, DAYS, to)
        return found

    monkeypatch.setattr(maintain, "_files", slow)
    maintain.expire_snapshots(shop.load(DAYS), worth=1)
    assert states(shop) == ["paid"] * 6


def test_a_rollback_to_what_expires_meanwhile_is_refused_and_readers_keep_their_rows(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _expires(monkeypatch)
    real = module.replace

    def late(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, "replace", real)
        maintain.expire_snapshots(shop.load(DAYS), worth=1)
        return real(*given, **more)

    monkeypatch.setattr(module, "replace", late)
    with pytest.raises(CommandError, match="unknown, or expired"):
        back(shop, DAYS, published(shop, DAYS)[0])
    assert sorted(states(shop)) == ["paid"] * 5 + ["sent"]


def test_a_rollback_that_takes_place_though_it_was_uncertain_is_done(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, to = module.replace, published(shop, DAYS)[0]

    def uncertain(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, "replace", real)
        real(*given, **more)
        raise CommitUncertain("gold.order_days: it is being changed.", dataset=DAYS)

    rows = len(shop.rows(DAYS))
    since = snapshot_of(shop.load(DAYS))
    monkeypatch.setattr(module, "replace", uncertain)
    done = back(shop, DAYS, to)
    assert (done.to, done.since, done.snapshot) == (to, since, snapshot_of(shop.load(DAYS)))
    assert (done.rows, done.rows_before) == (len(shop.rows(DAYS)), rows)
    assert not back(shop, DAYS, to).changed


@pytest.mark.parametrize("deletes", [False, True])
def test_a_rollback_whose_answer_is_lost_is_done_and_keeps_its_files(
    shop: SmallShop, monkeypatch: pytest.MonkeyPatch, deletes: bool
) -> None:
    lost = lose_answers(monkeypatch)
    if deletes:  # as of a table with deletes of single rows, whose old rows are written anew
        monkeypatch.setattr(module, "data_files", lambda *_: None)
    assert back(shop, DAYS, published(shop, DAYS)[0]).rows == 6
    assert lost == [DAYS]
    assert states(shop) == ["paid"] * 6


def test_a_backfill_that_was_asked_for_before_the_rollback_does_not_bring_the_rows_back(shop: SmallShop) -> None:
    before = Backfill(DAYS, requested=datetime.now(UTC).isoformat(timespec="microseconds"))
    back(shop, DAYS, published(shop, DAYS)[0])
    after = Backfill(DAYS, requested=datetime.now(UTC).isoformat(timespec="microseconds"))

    assert DAYS not in ready(shop, backfills=[before])
    with pytest.raises(Held):
        shop.run(DAYS, backfill=before)
    assert DAYS in ready(shop, backfills=[after])
    shop.run(DAYS, backfill=after)
    assert "sent" in states(shop)
