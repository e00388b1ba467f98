"""Deliveries, refreshes, retention and kills mix: a key that came since is made of what is left, any other stays.

An append keeps every row that it ever read. Of a table that recomputes no key but for a later row of it, no key is
lost, and a rebuild that would lose one is refused. A table that declares a retention is rebuilt from what is left.
"""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyiceberg.table import Table

import sluice.tables.retention as retention_module
from sluice.compiled import Backfill
from sluice.errors import RowsLost
from sluice.project import Project
from sluice.tables.retention import READ_AT, retire
from tests.laws import some
from tests.sluice.refresh.small_shop import SmallShop, project, random_delivery

pytestmark = pytest.mark.slow

#: Tables that are made of one bronze table alone: it, and the column in both by which rows belong to a key. The row of
#: a key is its latest (an order that was called off has none), or declared to go with what it was made of.
LATEST = {"silver.orders": ("bronze.orders", "order_id"), "silver.products": ("bronze.products", "product_id")}
LOSING = {"silver.visits": ("bronze.clicks", "session_id"), "gold.product_history": ("bronze.products", "product_id")}
MADE_OF = LATEST | LOSING
#: What is added for each row that came, and never computed again.
LOG, LOGGED = "gold.click_log", ("event_id", "session_id")


def declared() -> Project:
    """The shop, two of whose tables have a retention."""
    of_shop = project()
    contracts = (
        msgspec.structs.replace(each, retention_days=90) if each.table in LOSING else each for each in of_shop.contracts
    )
    return Project(tuple(contracts), of_shop.transforms)


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def rows_of(shop: SmallShop, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.load(table).scan().to_arrow().to_pylist()
    return found


def by_key(shop: SmallShop, table: str, key: str) -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for row in rows_of(shop, table):
        found.setdefault(row[key], []).append(repr(row))
    return {value: sorted(texts) for value, texts in found.items()}


def retire_some(shop: SmallShop, chance: random.Random, monkeypatch: pytest.MonkeyPatch) -> int:
    """Retire what is older than a random moment, killed somewhere and repeated; return how many rows that were."""
    before = datetime(2026, 1, 1, 12) + timedelta(days=chance.randint(1, shop.delivered + 1))
    gone = 0
    for name in ("orders", "products", "clicks"):

        def load(name: str = name) -> Table:
            return shop.load(f"bronze.{name}")

        real, where = retention_module.replace, chance.choice(["", "before", "after"])

        def dying(*args: Any, where: str = where, real: Any = real, **more: Any) -> Table:
            if where == "before":
                raise Killed
            real(*args, **more)
            raise Killed

        had, count = rows_of(shop, f"bronze.{name}"), len(rows_of(shop, f"bronze.{name}"))
        if where:
            with monkeypatch.context() as patch:
                patch.setattr(retention_module, "replace", dying)
                with suppress(Killed):
                    retire(load, before)
        table = retire(load, before)
        left = rows_of(shop, f"bronze.{name}")
        assert all(row[READ_AT] >= before for row in left)  # a delivery of the shop is one file with one moment
        assert sorted(map(repr, left)) == sorted(repr(row) for row in had if row[READ_AT] >= before)
        assert int(table.properties.get("sluice.retired-rows", "0")) >= count - len(left)
        gone += count - len(left)
    return gone


def history(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Live through a history and hold every refresh to the law; return how many rows retention removed."""
    chance, shop, gone = random.Random(seed), SmallShop(folder / "lived"), 0
    shop.project = declared()
    shop.refresh()
    read: dict[str, set[str]] = {source: set() for source, _ in MADE_OF.values()}
    logged: list[str] = []
    rounds = chance.randint(3, 5)
    for number in range(rounds):
        for _ in range(chance.randint(0, 3)):
            shop.deliver(*random_delivery(chance))
        if chance.random() < 0.6 or number == rounds - 1:
            gone += retire_some(shop, chance, monkeypatch)
        for _ in range(chance.randint(0, 2)):
            shop.deliver(*random_delivery(chance))
        before = {table: by_key(shop, table, key) for table, (_, key) in MADE_OF.items()}
        logged += [
            repr([row[name] for name in LOGGED])
            for row in rows_of(shop, "bronze.clicks")
            if row["_delivery_id"] not in read["bronze.clicks"]
        ]
        runs = {run.table: run for run in shop.refresh()}
        assert sorted(repr([row[name] for name in LOGGED]) for row in rows_of(shop, LOG)) == sorted(logged)
        anew = SmallShop(folder / f"fresh{number}")
        for source in sorted({source for source, _ in MADE_OF.values()}):
            anew.deliver(source.partition(".")[2], rows_of(shop, source))
        for table, (source, key) in MADE_OF.items():
            anew.run(table)
            unread = [row for row in rows_of(shop, source) if row["_delivery_id"] not in read[source]]
            touched, full = {row[key] for row in unread}, by_key(anew, table, key)
            expected = {k: rows for k, rows in before[table].items() if k not in touched}
            expected |= {k: rows for k, rows in full.items() if k in touched}
            assert by_key(shop, table, key) == expected, f"{table}; seed {seed}"
            if table in LATEST:
                off = {row[key] for row in rows_of(shop, source) if row.get("state") == "called off"}
                assert before[table].keys() - expected.keys() <= off, f"{table} lost a key; seed {seed}"
            if table in runs:
                assert runs[table].incremental, runs[table].reason
                assert unread or not runs[table].rows_written
        for source in read:
            read[source] |= {row["_delivery_id"] for row in rows_of(shop, source)}
    for table, (_, key) in MADE_OF.items():
        rebuilt_or_refused(shop, table, key, by_key(anew, table, key))
    return gone


def rebuilt_or_refused(shop: SmallShop, table: str, key: str, full: dict[Any, list[str]]) -> None:
    """Rebuild a table: it is made of what is left, unless that would lose a key and none of its rows may go."""
    before = by_key(shop, table, key)
    if table in LATEST and (lost := len(before.keys() - full.keys())):
        with pytest.raises(RowsLost, match=f"would lose {lost} of its keys"):
            shop.run(table, backfill=Backfill(table))
        assert by_key(shop, table, key) == before
    else:
        assert not shop.run(table, backfill=Backfill(table)).incremental
        assert by_key(shop, table, key) == full


@pytest.mark.parametrize("seed", some(range(12), 6))
def test_retention_in_any_history_changes_no_key_that_nothing_came_for(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert history(seed, tmp_path, monkeypatch)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(1000, 1100))
def test_retention_in_many_histories_changes_no_key_that_nothing_came_for(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(seed, tmp_path, monkeypatch)
