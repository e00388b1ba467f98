"""The catalogue: what is sold, at which price since when, and the monthly files about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from shopsphere.generate import words
from shopsphere.generate.dirt import Dirt, Rules
from shopsphere.generate.files import Layout, csv_text, write_file
from shopsphere.generate.manifest import DatasetManifest

LAYOUT = Layout(
    "products",
    (
        "product_id", "sku", "name", "category", "brand", "weight", "weight_unit", "list_price", "currency",
        "valid_from", "updated_at",
    ),
    Rules(key=(0,), required=(2, 3, 7), numbers=(5, 7), moments=(9, 10), sets=(6, 8)),
)  # fmt: skip
_CHANGED_PER_MONTH = 0.08
_UNITS = (("kg", 1.0), ("g", 1000.0), ("lb", 2.20462))


@dataclass(frozen=True)
class Products:
    """All products, with their price in euro cents and its first day, month by month."""

    ids: np.ndarray
    category: np.ndarray
    #: Shape (months, products).
    cents: np.ndarray
    valid_from: np.ndarray
    popularity: np.ndarray


def months_of(start: date, days: int) -> list[date]:
    """Return the first day of each month that the history touches; the history's own first day comes first."""
    found = [start]
    for day in range(1, days):
        today = start + timedelta(days=day)
        if today.day == 1:
            found.append(today)
    return found


def make_products(count: int, months: list[date], rng: np.random.Generator) -> Products:
    """Return ``count`` products whose prices move now and then."""
    category = rng.integers(0, len(words.CATEGORIES), count)
    median = np.array([price for _, price, _ in words.CATEGORIES])[category]
    prices = median * rng.lognormal(0, 0.5, count)
    cents, since = [], []
    valid = np.full(count, (months[0] - timedelta(days=30)).toordinal())
    for number, month in enumerate(months):
        if number:
            moves = rng.random(count) < _CHANGED_PER_MONTH
            prices = np.where(moves, prices * rng.uniform(0.85, 1.2, count), prices)
            valid = np.where(moves, month.toordinal(), valid)
        cents.append(np.maximum(99, (np.floor(prices) * 100 + 99)).astype(np.int64))
        since.append(valid)
    return Products(
        ids=np.char.add("P", np.char.zfill(np.arange(1, count + 1).astype(str), 5)),
        category=category,
        cents=np.array(cents),
        valid_from=np.array(since),
        popularity=1.0 / (rng.permutation(count) + 5) ** 0.8,
    )


def write_products(
    out: Path, products: Products, *, months: list[date], seed: int, dirt: Dirt, manifest: DatasetManifest
) -> int:
    """Write the whole catalogue once a month; return how many products were ever delivered clean."""
    rng = np.random.default_rng([seed, 4])
    count = len(products.ids)
    names = [words.CATEGORIES[c][0] for c in products.category]
    titles = [
        csv_text(f"{words.ADJECTIVES[a].capitalize()} {words.NOUNS[name]}" + (f', {size}"' if size else ""))
        for name, a, size in zip(
            names,
            rng.integers(0, len(words.ADJECTIVES), count).tolist(),
            (rng.integers(1, 60, count) * (rng.random(count) < 0.05)).tolist(),
            strict=True,
        )
    ]
    brands = [words.BRANDS[b] for b in rng.integers(0, len(words.BRANDS), count).tolist()]
    units = rng.choice(len(_UNITS), count, p=[0.7, 0.2, 0.1])
    kilos = np.array([kg for _, _, kg in words.CATEGORIES])[products.category] * rng.lognormal(0, 0.4, count)
    weights = [f"{kg * _UNITS[u][1]:.3f}" for kg, u in zip(kilos.tolist(), units.tolist(), strict=True)]
    skus = [
        f"{name[:3].upper()}-{code:06d}"
        for name, code in zip(names, rng.integers(0, 10**6, count).tolist(), strict=True)
    ]
    delivered: set[int] = set()
    for number, month in enumerate(months):
        since = [date.fromordinal(day) for day in products.valid_from[number].tolist()]
        columns = [
            products.ids.tolist(), skus, titles, names, brands, weights, [_UNITS[u][0] for u in units.tolist()],
            [f"{c // 100}.{c % 100:02d}" for c in products.cents[number].tolist()], ["EUR"] * count,
            [day.isoformat() for day in since], [f"{day}T03:00:00Z" for day in since],
        ]  # fmt: skip
        planted = write_file(
            out, LAYOUT, f"products_{month:%Y-%m-%d}", columns=[list(c) for c in columns], dirt=dirt,
            rng=np.random.default_rng([seed, 5, number]), manifest=manifest,
        )  # fmt: skip
        delivered |= set(range(count)) - set(planted.kinds)
    return len(delivered)
