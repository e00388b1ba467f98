"""Orders and their lines, day by day; an order comes again when its status changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from shopsphere.generate import words
from shopsphere.generate.customers import Customers
from shopsphere.generate.dirt import Dirt, Rules
from shopsphere.generate.files import Layout, write_file
from shopsphere.generate.manifest import DatasetManifest
from shopsphere.generate.products import Products

ORDERS = Layout(
    "orders",
    (
        "order_id", "customer_id", "order_ts", "status", "currency", "country", "channel", "shipping_cost",
        "updated_at",
    ),
    Rules(
        key=(0,), required=(1, 2, 3, 8), numbers=(7,), moments=(2, 8), sets=(3, 4, 6), is_json=True
    ),
)  # fmt: skip
LINES = Layout(
    "order_lines",
    (
        "order_id", "line_number", "product_id", "quantity", "unit_price", "discount_pct", "currency", "updated_at",
    ),
    Rules(key=(0, 1), required=(2, 3, 4), numbers=(3, 4, 5), moments=(7,), sets=(6,), quantity=3),
)  # fmt: skip
STATUSES = ("placed", "paid", "shipped", "cancelled", "returned")
CHANNELS = ("web", "app", "store")
LINES_PER_ORDER = 2.4
_FOLLOW_UPS = 0.4
_LATEST_FOLLOW_UP = 9
_SHIPPING_CENTS = np.array([0, 290, 490, 690, 990])
_DISCOUNTS = np.array([0, 500, 1000, 1250, 2000, 3333])  # hundredths of a percent
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 9, 8, 7, 7, 8, 9, 11, 13, 13, 10, 6, 3], dtype=float)


@dataclass
class History:
    """What runs on from day to day: the next order number, and orders whose status will change."""

    next_order: int = 1
    follow_ups: dict[int, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    orders: int = 0
    lines: int = 0
    units: int = 0
    #: Revenue per currency in millionths.
    revenue: Counter[str] = field(default_factory=Counter)

    def revenue_text(self) -> dict[str, str]:
        """Return the revenue per currency as a decimal with six places."""
        return {currency: f"{n // 10**6}.{n % 10**6:06d}" for currency, n in sorted(self.revenue.items())}


@dataclass(frozen=True)
class Shop:
    """Who buys what."""

    customers: Customers
    products: Products
    start: date
    seed: int
    dirt: Dirt


def write_day(
    out: Path, shop: Shop, history: History, *, day: int, month: int, lines: int,
    orders_manifest: DatasetManifest, lines_manifest: DatasetManifest,
) -> None:  # fmt: skip
    """Write one day's orders and order lines: about ``lines`` of them."""
    rng = np.random.default_rng([shop.seed, 6, day])
    today = shop.start + timedelta(days=day)
    count = max(1, round(lines / LINES_PER_ORDER))
    who = _buyers(shop.customers, day, count, rng)
    seconds = np.sort(rng.choice(24, count, p=_HOURS / _HOURS.sum()) * 3600 + rng.integers(0, 3600, count))
    ids = [f"O{number:09d}" for number in range(history.next_order, history.next_order + count)]
    history.next_order += count
    moments = _moments(today, seconds)
    country = shop.customers.country[who]
    currency = np.array([c for _, c, _ in words.COUNTRIES])[country]
    status = rng.choice(2, count, p=[0.45, 0.55])
    channel = rng.choice(3, count, p=[0.55, 0.35, 0.10])
    shipping = _SHIPPING_CENTS[rng.integers(0, len(_SHIPPING_CENTS), count)]
    # The app writes amounts as numbers, the others as text: consumers must take both.
    costs = [
        f"{c // 100}.{c % 100:02d}" if ch == 1 else f'"{c // 100}.{c % 100:02d}"'
        for c, ch in zip(shipping.tolist(), channel.tolist(), strict=True)
    ]
    columns = [
        _json(ids), _json(shop.customers.ids[who].tolist()), _json(moments),
        _json([STATUSES[s] for s in status.tolist()]),
        _json(currency.tolist()), _json([words.COUNTRIES[c][0] for c in country.tolist()]),
        _json([CHANNELS[c] for c in channel.tolist()]), costs, _json(moments),
    ]  # fmt: skip
    _plan_follow_ups(history, columns, day=day, start=shop.start, rng=rng)
    again = history.follow_ups.pop(day, [])
    if again:
        columns = [column + [row[at] for row in again] for at, column in enumerate(columns)]
    planted = write_file(
        out, ORDERS, f"orders_{today}", columns=columns, dirt=shop.dirt,
        rng=np.random.default_rng([shop.seed, 7, day]), manifest=orders_manifest,
    )  # fmt: skip
    history.orders += count - sum(1 for row in planted.kinds if row < count)
    sizes = 1 + rng.binomial(6, (LINES_PER_ORDER - 1) / 6, count)
    _write_lines(
        out, shop, history, day=day, month=month, ids=ids, sizes=sizes, moments=moments, currency=currency,
        rng=rng, manifest=lines_manifest,
    )  # fmt: skip


def _write_lines(
    out: Path, shop: Shop, history: History, *, day: int, month: int, ids: list[str], sizes: np.ndarray,
    moments: list[str], currency: np.ndarray, rng: np.random.Generator, manifest: DatasetManifest,
) -> None:  # fmt: skip
    total = int(sizes.sum())
    order = np.repeat(np.arange(len(ids)), sizes)
    number = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes) + 1
    chances = np.cumsum(shop.products.popularity)
    product = np.searchsorted(chances, rng.random(total) * chances[-1], side="right").clip(max=len(chances) - 1)
    rates = np.array([words.RATES[code] for code in words.CURRENCIES])
    code = np.searchsorted(np.array(words.CURRENCIES), currency)[order]
    cents = np.rint(shop.products.cents[month][product] * rates[code]).astype(np.int64)
    quantity = 1 + rng.geometric(0.62, total).clip(max=12) - 1
    discount = _DISCOUNTS[rng.choice(len(_DISCOUNTS), total, p=[0.72, 0.08, 0.09, 0.04, 0.05, 0.02])]
    columns = [
        [ids[o] for o in order.tolist()], number.astype(str).tolist(), shop.products.ids[product].tolist(),
        quantity.astype(str).tolist(), [f"{c // 100}.{c % 100:02d}" for c in cents.tolist()],
        [f"{d // 100}.{d % 100:02d}" for d in discount.tolist()], [words.CURRENCIES[c] for c in code.tolist()],
        [moments[o] for o in order.tolist()],
    ]  # fmt: skip
    planted = write_file(
        out, LINES, f"order_lines_{shop.start + timedelta(days=day)}", columns=columns, dirt=shop.dirt,
        rng=np.random.default_rng([shop.seed, 8, day]), manifest=manifest,
    )  # fmt: skip
    clean = np.ones(total, dtype=bool)
    clean[list(planted.kinds)] = False
    history.lines += int(clean.sum())
    history.units += int(quantity[clean].sum())
    millionths = quantity * cents * (10_000 - discount)
    for at, name in enumerate(words.CURRENCIES):
        amount = int(millionths[clean & (code == at)].sum())
        if amount:
            history.revenue[name] += amount


def _buyers(customers: Customers, day: int, count: int, rng: np.random.Generator) -> np.ndarray:
    chances = np.cumsum(customers.loyalty[: customers.known_on(day)])
    drawn: np.ndarray = np.searchsorted(chances, rng.random(count) * chances[-1], side="right")
    return drawn.clip(max=len(chances) - 1)


def _plan_follow_ups(
    history: History, columns: list[list[str]], *, day: int, start: date, rng: np.random.Generator
) -> None:
    """Let a share of today's orders come again on a later day, shipped, cancelled or returned."""
    count = len(columns[0])
    chosen = np.flatnonzero(rng.random(count) < _FOLLOW_UPS)
    delays = rng.integers(1, _LATEST_FOLLOW_UP + 1, len(chosen))
    outcomes = rng.choice(3, len(chosen), p=[0.88, 0.07, 0.05]) + 2
    clocks = rng.integers(0, 86400, len(chosen))
    for row, delay, outcome, clock in zip(
        chosen.tolist(), delays.tolist(), outcomes.tolist(), clocks.tolist(), strict=True
    ):
        record = [column[row] for column in columns]
        record[3] = f'"{STATUSES[outcome]}"'
        record[8] = f'"{_moments(start + timedelta(days=day + delay), np.array([clock]))[0]}"'
        history.follow_ups[day + delay].append(tuple(record))


def _moments(today: date, seconds: np.ndarray) -> list[str]:
    moments = np.datetime64(today.isoformat(), "s") + seconds
    return [f"{moment}Z" for moment in np.datetime_as_string(moments).tolist()]


def _json(values: list[str]) -> list[str]:
    return [f'"{value}"' for value in values]
