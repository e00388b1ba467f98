"""Histories in which what was done is undone: deliveries are retracted, rows erased, tables rolled back, runs killed.

What is left of bronze, built whole, is what the tables must hold in the end. A further kind of deed is one more entry
of ``DEEDS``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sluice.compiled import Backfill
from sluice.errors import RowsLost
from sluice.ingestion.commit import Lake
from sluice.ingestion.retract import Retraction, request, retract_requested
from sluice.ledger import Delivery
from sluice.refresh.explain import holds
from sluice.refresh.plan import plan_refresh
from sluice.refresh.record import Made
from sluice.refresh.rollback import roll_back
from sluice.refresh.tables import rollback_of
from sluice.settings import Settings
from sluice.tables.retention import retire
from tests.sluice.refresh.small_shop import DERIVED, FIRST_READ, Row, SmallShop, random_delivery

#: The datasets that arrive, with the column by which their rows belong to a key of what is made of them.
LANDED = {"orders": "order_id", "lines": "order_id", "products": "product_id", "clicks": "session_id"}
#: When a backfill is asked for that lifts every hold.
LATEST = "9999"
#: The tables that are made of one dataset alone, by the same column.
MADE_OF = {"silver.orders": "orders", "silver.products": "products", "silver.visits": "clicks"}


class History:
    """One shop's life; ``run`` brings one table up to date, and may raise ``killed``."""

    def __init__(
        self,
        seed: int,
        shop: SmallShop,
        settings: Settings,
        run: Callable[[random.Random, str], object],
        killed: type[BaseException],
        *,
        deeds: Mapping[Callable[[History], None], float] | None = None,
    ) -> None:
        self.seed, self.chance = seed, random.Random(seed)
        self.shop, self.settings, self.run, self.killed = shop, settings, run, killed
        self.deeds = DEEDS if deeds is None else deeds
        self.delivered: list[tuple[str, str]] = []
        self.retired: dict[str, set[Any]] = {dataset: set() for dataset in LANDED}
        self.said: list[str] = []

    def live(self, rounds: int) -> None:
        """Do what chance brings, refresh in between, and end with every hold lifted."""
        for _ in range(rounds):
            for _ in range(self.chance.randint(1, 3)):
                deliver(self)
            for deed, odds in self.deeds.items():
                if self.chance.random() < odds:
                    deed(self)
            self.refresh()
        for table in DERIVED:
            go_back(self, table)
        for dataset in LANDED:
            deliver_elsewhere(self, dataset)
        self.refresh()
        while held := holds(self.shop.project, self.shop.load):
            for table in held:
                self.run_once(table, backfill=Backfill(table, requested=LATEST))
            self.refresh()

    def refresh(self) -> None:
        """Bring all tables up to date, as the workflow does; what is held has the rows that it was rolled back to."""
        while ready := plan_refresh(self.shop.project, self.shop.load).ready:
            for choice in ready:
                self.run_once(choice.table)
        for table in holds(self.shop.project, self.shop.load):
            found = self.shop.load(table)
            back = rollback_of(found)
            assert back is not None
            then = found.scan(snapshot_id=int(back.to)).to_arrow().to_pylist()
            rows = sorted((tuple(row.values()) for row in then), key=repr)
            assert self.shop.rows(table) == rows, f"{table} is not what it was rolled back to; seed {self.seed}"

    def run_once(self, table: str, **given: Any) -> None:
        """Run once, perhaps to be killed; the next plan goes on."""
        try:
            run: Any = self.run(self.chance, table, **given)  # type: ignore[call-arg]
        except self.killed:
            self.said.append("killed")
        except RowsLost:
            self.said.append("refused")
            self.run_once(table, backfill=Backfill(table, requested=LATEST, accept_loss=True))
        else:
            self.said.append(f"{run.table}: {'incremental' if run.incremental else run.reason}")


def deliver(history: History, dataset: str = "") -> None:
    """Deliver rows of a dataset: new, late, corrected or sent before, as one delivery with an identity."""
    while True:
        found, rows = random_delivery(history.chance)
        if dataset in ("", found):
            break
    name = f"{history.chance.getrandbits(128):032x}"
    own: list[Row] = [{**row, "_delivery_id": name, "_source": "s", "_position": at} for at, row in enumerate(rows)]
    history.shop.deliver(found, own)
    history.delivered.append((found, name))


def retract(history: History) -> None:
    """Retract one or two deliveries, at times such as are retracted already."""
    lake = Lake(history.shop.catalog, history.shop.store, history.settings)
    some = history.chance.sample(history.delivered, min(2, len(history.delivered)))
    for dataset, name in some:
        request(lake.store, history.settings.lake, Retraction(Delivery(dataset, name, "committed"), "somebody"))
    for dataset in {dataset for dataset, _ in some}:
        contract = history.shop.project.landing(dataset)
        assert contract is not None
        retract_requested(contract, lake, record=list, announce=dict)
    for dataset, name in some:
        assert name not in history.shop.load(f"bronze.{dataset}").scan().to_arrow()["_delivery_id"].to_pylist()
    history.said.append("retracted")


def deliver_elsewhere(history: History, dataset: str) -> None:
    """Deliver one row whose keys no other row has, so that the refresh repairs nothing by the way."""
    at, name = datetime(2026, 2, 1), f"{history.chance.getrandbits(128):032x}"
    row: Row = {
        "orders": {"order_id": "elsewhere", "customer_id": "c9", "day": at.date(), "state": "paid", "updated_at": at},
        "lines": {"order_id": "elsewhere", "line": 1, "product_id": "p9", "amount": 1, "updated_at": at},
        "products": {"product_id": "p9", "category": "elsewhere", "updated_at": at},
        "clicks": {"event_id": "elsewhere", "session_id": "elsewhere", "happened_at": at},
    }[dataset]
    history.shop.deliver(dataset, [row | {"_delivery_id": name, "_source": "s", "_position": 0}])
    history.delivered.append((dataset, name))


def go_back(history: History, table: str = "") -> None:
    """Roll a table back: a given one to its first published snapshot, any other to one of them."""
    first = bool(table)
    table = table or history.chance.choice(DERIVED)
    target = history.shop.load(table)
    present, back = target.current_snapshot(), rollback_of(target)
    published = [s for s in target.snapshots() if s.summary and Made.read(s.summary.additional_properties).fingerprint]
    elsewhere: Sequence[Any] = [
        s for s in published if s != present and (back is None or str(s.snapshot_id) != back.to)
    ]
    if elsewhere:
        to = str((elsewhere[0] if first else history.chance.choice(elsewhere)).snapshot_id)
        roll_back(history.shop.project, history.shop.load, table, to=to, by="somebody")
        history.said.append(f"rolled back {table}")


def erase(history: History) -> None:
    """Remove rows from bronze, as the erasure of a person's data does."""
    dataset, column = history.chance.choice([("orders", "order_id"), ("lines", "order_id"), ("clicks", "session_id")])
    history.shop.load(f"bronze.{dataset}").delete(f"{column} = '{column[0]}{history.chance.randint(1, 12)}'")


def retire_some(history: History) -> None:
    """Let retention remove what was read before some moment; the keys of what it removes are noted."""
    before = FIRST_READ + timedelta(days=history.chance.randint(1, 1 + history.shop.delivered // 2))
    for dataset, key in LANDED.items():
        name = f"bronze.{dataset}"
        had = history.shop.load(name).scan().to_arrow()
        retire(lambda name=name: history.shop.load(name), before)  # type: ignore[misc]
        gone = {row[key] for row in had.to_pylist() if row["_ingested_at"] < before}
        assert history.shop.load(name).scan().to_arrow().num_rows <= had.num_rows
        history.retired[dataset] |= gone
    history.said.append("retired")


#: What is done before a refresh, and how probably; and the same with retention.
DEEDS: dict[Callable[[History], None], float] = {retract: 0.5, go_back: 0.6, erase: 0.15}
WITH_RETENTION = {**DEEDS, retire_some: 0.4}


def assert_built_anew_is_the_same(history: History, fresh: SmallShop) -> None:
    """Compare each table with what one full build makes of what is left in bronze."""
    for dataset in LANDED:
        fresh.deliver(dataset, history.shop.load(f"bronze.{dataset}").scan().to_arrow().to_pylist())
    assert not any(run.incremental for run in fresh.refresh())
    for table in DERIVED:
        assert history.shop.rows(table) == fresh.rows(table), f"{table} differs; seed {history.seed}: {history.said}"


def assert_what_stayed_is_the_same(history: History, fresh: SmallShop) -> None:
    """Compare each key of which retention removed no row with what one full build makes of what is left in bronze."""
    for dataset in LANDED:
        fresh.deliver(dataset, history.shop.load(f"bronze.{dataset}").scan().to_arrow().to_pylist())
    fresh.refresh()
    compared = 0
    for table, dataset in MADE_OF.items():
        key, gone = LANDED[dataset], history.retired[dataset]

        def kept(shop: SmallShop, table: str = table, key: str = key, gone: set[Any] = gone) -> list[str]:
            rows = shop.load(table).scan().to_arrow().to_pylist()
            return sorted(repr(row) for row in rows if row[key] not in gone)

        assert kept(history.shop) == kept(fresh), f"{table} differs; seed {history.seed}: {history.said}"
        compared += len(kept(fresh))
    assert compared, f"nothing was left to compare; seed {history.seed}"
