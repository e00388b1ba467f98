"""ShopSphere's own tables: incremental refreshes leave what one full build makes, in whatever order data came."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from shopsphere.generate import generate
from shopsphere.generate.stream_files import write_streams
from sluice.project import Project
from sluice.storage import LocalStore
from sluice.tables.manage import ensure_tables
from tests.glue_jobs.generated import DIRT, bronze
from tests.sluice.ingestion.test_commit import LocalSettings
from tests.sluice.refresh.small_shop import SmallShop

pytestmark = [pytest.mark.slow, pytest.mark.proof]
#: What everything is looked up in: a change of it rebuilds all, so most of it comes first.
_REFERENCE = ("countries", "cities", "demographics", "exchange_rates", "campaigns")
_ROUNDS = 3


class WholeShop(SmallShop):
    """The tables of the whole project in a catalog of their own, on local disk."""

    def __init__(self, folder: Path, project: Project) -> None:
        folder.mkdir(parents=True)
        self.catalog = SqlCatalog("shop", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/lake")
        for database in ("bronze", "silver", "gold", "quarantine"):
            self.catalog.create_namespace(database)
        self.project = project
        self.store = LocalStore()
        ensure_tables(self.catalog, project, LocalSettings(folder=str(folder / "lake")))


def history(seed: int, folder: Path, project: Project) -> Counter[str]:
    """Deliver generated rows piece by piece, refresh in between, compare; return what ran incrementally, how often."""
    chance = random.Random(seed)
    shop = WholeShop(folder / "lived", project)
    delivered = _pieces(_bronze(project, folder / "generated", seed), chance)
    strategies: Counter[str] = Counter()
    for turn in range(_ROUNDS):
        for dataset, rows in delivered[turn]:
            shop.deliver(dataset, rows)
        if turn and chance.random() < 0.5:
            _erase(shop, chance)
        strategies.update(run.table for run in shop.refresh() if run.incremental)
    fresh = WholeShop(folder / "fresh", project)
    for dataset in {dataset for pieces in delivered.values() for dataset, _ in pieces}:
        fresh.deliver(dataset, shop.load(f"bronze.{dataset}").scan().to_arrow().to_pylist())
    assert not any(run.incremental for run in fresh.refresh())
    for contract in project.contracts:
        if contract.derived:
            assert shop.rows(contract.table) == fresh.rows(contract.table), f"{contract.table} differs; seed {seed}"
    _assert_gold_has_all_of_silver(fresh)
    return strategies


def _assert_gold_has_all_of_silver(shop: WholeShop) -> None:
    """The present versions are silver's customers, and no fact is dropped or doubled."""
    tables = {c.table: shop.load(c.table).scan().to_arrow() for c in shop.project.contracts if c.derived}
    for fact, source in (
        ("fact_order_line", "order_lines"), ("fact_click", "clickstream"), ("fact_campaign_spend", "ad_spend"),
    ):  # fmt: skip
        assert len(tables[f"gold.{fact}"]) == len(tables[f"silver.{source}"]) > 0, fact
    assert {
        row["customer_id"]: (row["segment"], row["region"], row["city"])
        for row in tables["gold.dim_customer"].to_pylist()
        if row["is_current"] and row["customer_id"] != "unknown"
    } == {
        row["customer_id"]: (row["segment"], row["region"], row["city"])
        for row in tables["silver.customers"].to_pylist()
    }
    total = [row["revenue_eur"] for row in tables["gold.sales_cube"].to_pylist() if row["grouping_level"] == 3]
    for parts in ("revenue_by_category", "customer_sales", "daily_metrics"):
        assert total == [pc.sum(tables[f"gold.{parts}"]["revenue_eur"]).as_py()], parts


def _bronze(project: Project, out: Path, seed: int) -> dict[str, pa.Table]:
    """Return a few days of the shop as ingested, by dataset, the captured changes of customers among them."""
    generate(days=4, seed=seed, out=out / "files", rows_per_day=25, dirt=DIRT, start=date(2025, 1, 29))
    write_streams(events=300, seed=seed, out=out / "streams")
    arriving = list(project.arriving)
    tables = {contract.name: bronze(contract, out) for contract in arriving}
    return {name: rows for name, rows in tables.items() if len(rows)}


def _pieces(tables: dict[str, pa.Table], chance: random.Random) -> dict[int, list[tuple[str, list[dict[str, Any]]]]]:
    """Return what is delivered in each round: the rows of each dataset in pieces, shuffled, a few of them twice."""
    delivered: dict[int, list[tuple[str, list[dict[str, Any]]]]] = {turn: [] for turn in range(_ROUNDS)}
    for dataset, table in tables.items():
        rows = table.to_pylist()
        chance.shuffle(rows)
        whole = dataset in _REFERENCE and chance.random() < 0.9
        shares = [1.0] if whole else [0.7, *([0.3 / (_ROUNDS - 1)] * (_ROUNDS - 1))]
        at = 0
        for turn, share in enumerate(shares):
            until = len(rows) if turn == len(shares) - 1 else at + round(share * len(rows))
            piece, at = rows[at:until], until
            if piece and (turn == 0 or chance.random() < 0.7):
                again = piece[: len(piece) // 4] if chance.random() < 0.3 else []
                delivered[turn].append((dataset, piece + again))
    return delivered


def _erase(shop: WholeShop, chance: random.Random) -> None:
    """Remove an order from bronze, as an erasure does."""
    dataset = chance.choice(["orders", "order_lines"])
    orders = shop.load(f"bronze.{dataset}").scan().to_arrow()["order_id"].to_pylist()
    shop.load(f"bronze.{dataset}").delete(f"order_id = '{chance.choice(sorted(orders))}'")


@pytest.mark.parametrize("seed", range(2))
def test_a_random_history_ends_as_one_full_build(seed: int, tmp_path: Path, project: Project) -> None:
    assert history(seed, tmp_path, project)


@pytest.mark.parametrize("seed", range(100, 120))
def test_many_random_histories_end_as_one_full_build(seed: int, tmp_path: Path, project: Project) -> None:
    history(seed, tmp_path, project)
