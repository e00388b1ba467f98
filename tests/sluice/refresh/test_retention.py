"""Deliveries, refreshes, retention and kills mix: a key that came since is made of what is left, any other stays."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import Table

import sluice.tables.retention as retention_module
from sluice.tables.retention import READ_AT, retire
from tests.laws import some
from tests.sluice.refresh.small_shop import SmallShop, random_delivery

pytestmark = pytest.mark.slow

#: Tables that are made of one bronze table alone: it, and the column in both by which rows belong to a key.
MADE_OF = {
    "silver.orders": ("bronze.orders", "order_id"),
    "silver.products": ("bronze.products", "product_id"),
    "silver.visits": ("bronze.clicks", "session_id"),
}


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
    shop.refresh()
    read: dict[str, set[str]] = {source: set() for source, _ in MADE_OF.values()}
    rounds = chance.randint(3, 5)
    for number in range(rounds):
        for _ in range(chance.randint(0, 3)):
            shop.deliver(*random_delivery(chance))
        if chance.random() < 0.6 or number == rounds - 1:
            gone += retire_some(shop, chance, monkeypatch)
        for _ in range(chance.randint(0, 2)):
            shop.deliver(*random_delivery(chance))
        before = {table: by_key(shop, table, key) for table, (_, key) in MADE_OF.items()}
        runs = {run.table: run for run in shop.refresh()}
        anew = SmallShop(folder / f"fresh{number}")
        for source, _ in MADE_OF.values():
            anew.deliver(source.partition(".")[2], rows_of(shop, source))
        for table, (source, key) in MADE_OF.items():
            anew.run(table)
            unread = [row for row in rows_of(shop, source) if row["_delivery_id"] not in read[source]]
            touched, full = {row[key] for row in unread}, by_key(anew, table, key)
            expected = {k: rows for k, rows in before[table].items() if k not in touched}
            expected |= {k: rows for k, rows in full.items() if k in touched}
            assert by_key(shop, table, key) == expected, f"{table}; seed {seed}"
            if table in runs:
                assert runs[table].incremental, runs[table].reason
                assert unread or not runs[table].rows_written
            read[source] |= {row["_delivery_id"] for row in rows_of(shop, source)}
    return gone


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
