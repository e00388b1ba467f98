"""States of deployments for the page: a shop in which something runs, waits and failed, an empty one, a large one."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sluice.cli.dead_letters import DeadLetter
from sluice.cli.deployment import Deployment
from sluice.cli.derived import DerivedStatus
from sluice.cli.status import DatasetStatus, Status
from sluice.cli.streams import ShardStatus, StreamsStatus
from sluice.cli.ui import data as page
from sluice.cli.volumes import Arrived
from sluice.ingestion.aside import SetAside
from sluice.ingestion.dead_letters import FileLetter
from sluice.ingestion.landing import Notice
from sluice.ledger import ShardCounts

DEPLOYMENT = Deployment({"LandingBucketName": "shop-landing"}, "shop", "prod")
_SILVER = {
    "customers": ("bronze.customers",),
    "orders": ("bronze.orders",),
    "order_lines": ("bronze.order_lines", "bronze.orders"),
    "products": ("bronze.products",),
    "exchange_rates": ("bronze.exchange_rates",),
    "clicks": ("bronze.clickstream",),
    "stock": ("bronze.stock_changes", "silver.products"),
}
_GOLD = {
    "dim_customer": ("silver.customers",),
    "dim_product": ("silver.products",),
    "fact_order_line": ("silver.order_lines", "silver.orders", "gold.dim_customer", "gold.dim_product"),
    "daily_sales": ("silver.orders", "silver.order_lines", "silver.products", "silver.exchange_rates"),
    "daily_funnel": ("silver.clicks", "silver.orders"),
    "stock_cover": ("silver.stock", "gold.daily_sales"),
    "returns_by_reason": ("bronze.returns",),
}


def shop(now: datetime) -> Status:
    """A shop of nine datasets and fourteen tables, each state among them."""
    at, day = now.timestamp(), random.Random(7)
    names = ("clickstream", "customers", "exchange_rates", "order_lines", "orders", "products", "returns")
    datasets = {name: _dataset(name, now, day) for name in (*names, "stock_changes")}
    datasets["returns"] = DatasetStatus("returns")
    datasets["exchange_rates"].last = at - 3.2 * 86_400
    datasets["orders"].deliveries["duplicate"] = 3
    datasets["products"].refused = [("s3://shop-landing/products/2026-11-26.csv", "it is cut short in row 18,204")]
    datasets["products"].refusal = (
        "no row of s3://shop-landing/products/2026-11-26.csv, the newest file of products, is in its table: it is cut "
        "short in row 18,204"
    )
    datasets["products"].unknown_counts = 1
    shard = ShardCounts("clickstream/shardId-000000000000", accepted=1_204_331, quarantined=212, arrived=at - 4)
    tables = [_table(name, inputs, at) for name, inputs in ({f"silver.{n}": i for n, i in _SILVER.items()}).items()]
    tables += [_table(f"gold.{name}", inputs, at) for name, inputs in _GOLD.items()]
    comes = tuple(Notice("shop-landing", f"order_lines/2026-11-26-{n:02}.csv", "v1", 10) for n in range(4))
    letter = Notice("shop-landing", "customers/export (7).csv", "v1", 10)
    dead = DeadLetter("m1", letter.uri, "v1", "AccessDenied: kms:Decrypt", None, FileLetter(letter, 4, "", False, 0.0))
    return Status(
        datasets=datasets, contracted=frozenset(datasets), delivered=1_931, open_notices=(*comes, letter), running=1,
        dead_letters={"LandingDeadLetterQueueUrl": 1}, derived=tuple(sorted(tables, key=lambda table: table.table)),
        streams=StreamsStatus((ShardStatus("clickstream", shard, behind=True, lag=4.0),)),
        letters=(dead,),
        aside=(SetAside("returns", "u-7f3a", "", "OverflowError: a date after 9999", files=("s3://shop-landing/r.orc",)),),
        function_errors={"shop-prod-commit-table": 2},
        freshness_seconds={f"bronze.{name}": 86_400 for name in datasets} | {t.table: 3600 for t in tables},
    )  # fmt: skip


def _dataset(name: str, now: datetime, day: random.Random) -> DatasetStatus:
    scale = day.choice((40, 900, 12_000, 60_000))
    days = {(now - timedelta(days=ago)).date(): int(scale * day.uniform(0.6, 1.4)) for ago in range(27)}
    bad = int(sum(days.values()) * day.choice((0, 0.0004, 0.011)))
    return DatasetStatus(
        name, Counter(committed=27), sum(days.values()) - bad, bad, last=now.timestamp() - day.uniform(20, 40_000),
        reasons=Counter({"unparseable": bad - bad // 3, "not_unique": bad // 3}) if bad else Counter(),
        arrived=Arrived(dict.fromkeys(days, 1), days),
    )  # fmt: skip


def _table(name: str, inputs: tuple[str, ...], at: float) -> DerivedStatus:
    given: dict[str, Any] = {
        "state": "up to date", "made": at - 140, "engine": "duckdb", "rows": 100 * len(name) ** 3,
        "seconds": 0.3 * len(name), "cost_usd": 0.0000041 * len(name),
    }  # fmt: skip
    if name == "gold.fact_order_line":
        error = "CheckFailed: order_id: 3 rows have no silver.orders, for example 81204"
        given |= {"state": "failed", "behind_since": at - 5400, "failures": 3, "error": error}
        given |= {"failing_since": "2026-11-26T20:02:11", "made": at - 90_000, "engine": "spark"}
    if name == "gold.daily_sales":
        given |= {"state": "behind", "behind_since": at - 75}
    if name == "gold.stock_cover":
        given |= {
            "state": "held",
            "held": "held: paused at 2026-11-25T16:00:00 by ann, until `sluice resume gold.stock_cover`",
        }
    if name == "gold.returns_by_reason":
        given |= {"state": "no rows yet", "made": None, "engine": "", "rows": None, "seconds": None, "cost_usd": None}
    return DerivedStatus(name, inputs=inputs, **given)


def empty() -> Status:
    """A deployment of two datasets to which nothing has come."""
    names = ("orders", "customers")
    return Status(
        {name: DatasetStatus(name) for name in names}, frozenset(names), 0, (), {}, 0, StreamsStatus(),
        (DerivedStatus("gold.daily_sales", "no rows yet", None, inputs=("bronze.orders",)),),
    )  # fmt: skip


def large(now: datetime, datasets: int = 500) -> Status:
    """A deployment of so many datasets, with as many tables."""
    day = random.Random(1)
    names = [f"source_{number:03}" for number in range(datasets)]
    made: dict[str, tuple[str, ...]] = {}
    for number in range(datasets * 3 // 5):
        made[f"silver.clean_{number:03}"] = tuple(f"bronze.{name}" for name in day.sample(names, day.choice((1, 1, 2))))
    for number in range(datasets * 2 // 5):
        made[f"gold.mart_{number:03}"] = tuple(day.sample(sorted(made), min(len(made), day.choice((1, 2, 3, 5)))))
    tables = tuple(_table(name, inputs, now.timestamp()) for name, inputs in sorted(made.items()))
    return Status(
        {name: _dataset(name, now, day) for name in names},
        frozenset(names),
        27 * datasets,
        (),
        {},
        0,
        StreamsStatus(),
        tables,
    )


def data_of(status: Status, now: datetime) -> dict[str, Any]:
    """What the page shows of a state, as if it had been read from the local AWS."""
    with pytest.MonkeyPatch.context() as patch:
        where = {"region": "eu-central-1", "endpoint": "http://127.0.0.1:4566"}
        patch.setattr(page, "_where", lambda: where)
        return page.page_data(status, DEPLOYMENT, now)


NOW = datetime.now(UTC).replace(microsecond=0)
