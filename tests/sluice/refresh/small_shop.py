"""A small shop on this machine's disk, with a table of each way of writing; its deliveries are made up at random."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, PartitionField, parse_type
from sluice.project import Project
from sluice.refresh.duckdb.engine import DuckDbEngine
from sluice.refresh.plan import plan_refresh
from sluice.refresh.record import Run
from sluice.storage import LocalStore, Store
from sluice.tables.arrow import data_arrow
from sluice.tables.commit import append, write_data_files
from sluice.tables.manage import ensure_tables
from sluice.transforms.compile import compile_project
from tests.sluice.ingestion.test_commit import LocalSettings
from tests.sluice.tables.lost_answers import LocalCatalog

_FOLDER = Path(__file__).parent / "shop"
_DAY = date(2026, 1, 1)
FIRST_READ = _NOON = datetime(2026, 1, 1, 12)
_SESSIONS = ("s1", "s2", "s3", "été", "back\\xslash")
Row = dict[str, Any]


def _columns(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name, parse_type(kind), header=name) for name, kind in types.items())


def _landing(name: str, *key: str, **types: str) -> LandingContract:
    return LandingContract(name, "bronze", _columns(**types), key=key, arrival=Arrival("ndjson"), file=f"{name}.yaml")


def _derived(table: str, *key: str, partitioned: str = "", sorted_by: str = "", **types: str) -> DerivedContract:
    database, _, name = table.partition(".")
    return DerivedContract(
        name, database, _columns(**types), key=key, file=f"{table}.yaml",
        partitioning=(PartitionField(partitioned, "identity"),) if partitioned else (),
        sort_order=(sorted_by,) if sorted_by else (),
    )  # fmt: skip


_ORDER = {"order_id": "string", "customer_id": "string", "day": "date", "state": "string", "updated_at": "timestamp"}
_LINE = {"order_id": "string", "line": "int", "product_id": "string", "amount": "bigint", "updated_at": "timestamp"}
_PRODUCT = {"product_id": "string", "category": "string"}
_HISTORY = {"valid_from": "timestamp", "valid_to": "timestamp", "is_current": "boolean"}
CONTRACTS = (
    _landing("orders", "order_id", **_ORDER),
    _landing("lines", "order_id", "line", **_LINE),
    _landing("products", "product_id", **_PRODUCT, updated_at="timestamp"),
    _landing("clicks", "event_id", event_id="string", session_id="string", happened_at="timestamp"),
    _derived("silver.orders", "order_id", sorted_by="order_id", **_ORDER),
    _derived("silver.lines", "order_id", "line", **_LINE),
    _derived("silver.products", "product_id", **_PRODUCT, updated_at="timestamp"),
    _derived("silver.visits", "session_id", session_id="string", events="bigint", updated_at="timestamp"),
    _derived("gold.daily", sorted_by="day", day="date", category="string", amount="bigint"),
    _derived("gold.order_days", "order_id", partitioned="day", day="date", order_id="string", state="string"),
    _derived("gold.product_history", "product_id", "valid_from", **_PRODUCT, **_HISTORY),
    _derived("gold.click_log", event_id="string", session_id="string"),
    _derived("gold.totals", "category", category="string", amount="bigint"),
)
DERIVED = tuple(contract.table for contract in CONTRACTS if contract.derived)


@cache
def project() -> Project:
    """Return the shop's contracts and compiled transforms."""
    return compile_project(CONTRACTS, _FOLDER)


class SmallShop:
    """The shop's tables in a catalog of their own."""

    declared = staticmethod(project)
    #: How many deliveries came; each is read a day after the one before.
    delivered = 0

    def __init__(self, folder: Path, store: Store | None = None) -> None:
        folder.mkdir(parents=True)
        self.catalog: Catalog = LocalCatalog(
            "shop", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/lake"
        )
        for database in ("bronze", "silver", "gold", "quarantine"):
            self.catalog.create_namespace(database)
        self.project = self.declared()
        self.store = store or LocalStore()
        ensure_tables(self.catalog, self.project, LocalSettings(folder=str(folder / "lake")))

    def load(self, name: str) -> Table:
        """Return a table by ``database.name``."""
        return self.catalog.load_table(tuple(name.split(".")))

    def deliver(self, dataset: str, rows: list[Row]) -> None:
        """Append rows to a bronze table, as one delivery."""
        table, schema = self.load(f"bronze.{dataset}"), data_arrow(self.project.contract(f"bronze.{dataset}"))
        self.delivered += 1
        origin = {"_delivery_id": f"d{self.delivered}", "_ingested_at": _NOON + timedelta(days=self.delivered)}
        told = [origin | {"_position": number} | row for number, row in enumerate(rows, start=1)]
        append(table, write_data_files(table, pa.Table.from_pylist(told, schema)), summary={}, properties={})

    def run(self, table: str, **given: Any) -> Run:
        """Bring one table up to date."""
        return DuckDbEngine(self.project, self.load, self.store).run(table, run_id="run", **given)

    def refresh(self) -> list[Run]:
        """Bring all tables up to date, as the workflow does."""
        runs = []
        while ready := plan_refresh(self.project, self.load).ready:
            runs += [self.run(choice.table) for choice in ready]
        return runs

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return a table's rows in order."""
        found = self.load(table).scan().to_arrow().to_pylist()
        return sorted((tuple(row.values()) for row in found), key=repr)


def random_delivery(chance: random.Random) -> tuple[str, list[Row]]:
    """Return a dataset and rows of it: new, late, corrected or sent before."""
    dataset = chance.choice(("orders", "lines", "lines", "products", "clicks"))
    return dataset, [_row(dataset, chance) for _ in range(chance.randint(1, 6))]


def _row(dataset: str, chance: random.Random) -> Row:
    order, product = f"o{chance.randint(1, 12)}", chance.choice(["p1", "p2", "p3", "p4", None])
    at = _NOON + timedelta(minutes=chance.randint(0, 40))
    return {
        "orders": lambda: {
            "order_id": order, "customer_id": f"c{chance.randint(1, 3)}",
            "day": chance.choice([_DAY + timedelta(days=chance.randint(0, 4)), None]),
            "state": chance.choice(["placed", "placed", "paid", "called off"]), "updated_at": at,
        },
        "lines": lambda: {
            "order_id": order, "line": chance.randint(1, 3), "product_id": product, "amount": chance.randint(1, 9),
            "updated_at": at,
        },
        "products": lambda: {
            "product_id": product or "p5", "category": chance.choice(["toys", "books", "gone"]), "updated_at": at,
        },
        "clicks": lambda: {
            "event_id": f"e{chance.randint(1, 15)}", "session_id": chance.choice(_SESSIONS),
            "happened_at": at,
        },
    }[dataset]()  # fmt: skip
