"""A believable history of ShopSphere, an online shop: the files its systems would have dropped, dirt included.

The same arguments give the same bytes. The manifest says what a correct pipeline makes of them.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from shopsphere.generate.customers import make_customers, write_customers
from shopsphere.generate.demand import lines_per_day
from shopsphere.generate.dirt import Dirt
from shopsphere.generate.manifest import DatasetManifest, Manifest, Totals
from shopsphere.generate.marketing import make_campaigns, write_ad_spend, write_campaigns
from shopsphere.generate.orders import History, Shop, write_day
from shopsphere.generate.products import make_products, months_of, write_products
from shopsphere.generate.rates import write_rates
from shopsphere.generate.reference_files import write_reference

__all__ = ["DatasetManifest", "Dirt", "Manifest", "Totals", "generate"]

DATASETS = (
    "countries", "cities", "demographics", "exchange_rates", "campaigns", "ad_spend", "customers", "products", "orders",
    "order_lines",
)  # fmt: skip
ROWS_PER_DAY = 640
START = date(2025, 1, 1)
_LINES_PER_CUSTOMER = 46
_LINES_PER_PRODUCT = 290
_MOST_PRODUCTS = 20_000


def generate(
    *, days: int, seed: int, out: Path, rows_per_day: int | None = None, dirt: Dirt | None = None, start: date = START
) -> Manifest:
    """Write ``days`` of history below ``out`` (a folder per dataset, and ``manifest.json``) and return the manifest.

    ``rows_per_day`` is the mean number of order lines a day. One day is in memory at a time.
    """
    if days < 1:
        raise ValueError(f"days is {days}: at least one day must be generated")
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; nothing was written. Choose a new folder or empty this one.")
    dirt = Dirt() if dirt is None else dirt
    rng = np.random.default_rng([seed, 0])
    volume = lines_per_day(start, days, rows_per_day or ROWS_PER_DAY, rng)
    total = int(volume.sum())
    months = months_of(start, days)
    customers = make_customers(max(50, total // _LINES_PER_CUSTOMER), days, rng)
    products = make_products(min(_MOST_PRODUCTS, max(60, total // _LINES_PER_PRODUCT)), months, rng)
    manifest = Manifest(seed=seed, days=days, start=start.isoformat())
    manifest.datasets = {name: DatasetManifest() for name in DATASETS}
    out.mkdir(parents=True, exist_ok=True)
    write_reference(out, start, manifest.datasets)
    write_rates(out, start=start, days=days, seed=seed, dirt=dirt, manifest=manifest.datasets["exchange_rates"])
    campaigns = make_campaigns(start, days, seed)
    write_campaigns(out, campaigns, months=months, seed=seed, dirt=dirt, manifest=manifest.datasets["campaigns"])
    write_ad_spend(out, campaigns, start=start, days=days, seed=seed, dirt=dirt, manifest=manifest.datasets["ad_spend"])
    manifest.totals.customers = write_customers(
        out, customers, start=start, days=days, seed=seed, dirt=dirt, manifest=manifest.datasets["customers"]
    )
    manifest.totals.products = write_products(
        out, products, months=months, seed=seed, dirt=dirt, manifest=manifest.datasets["products"]
    )
    history, shop = History(), Shop(customers, products, start, seed, dirt)
    for day in range(days):
        month = sum(1 for first in months[1:] if first <= start + timedelta(days=day))
        write_day(
            out, shop, history, day=day, month=month, lines=int(volume[day]),
            orders_manifest=manifest.datasets["orders"], lines_manifest=manifest.datasets["order_lines"],
        )  # fmt: skip
    manifest.totals.orders, manifest.totals.order_lines = history.orders, history.lines
    manifest.totals.units, manifest.totals.revenue = history.units, history.revenue_text()
    manifest.write(out / "manifest.json")
    return manifest
