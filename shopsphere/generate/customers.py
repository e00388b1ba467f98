"""The shop's customers: who they are, when they came, how loyal they are, and the weekly files about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from shopsphere.generate import blemishes, words
from shopsphere.generate.dirt import Blemish, Dirt, Rules
from shopsphere.generate.files import Layout, csv_text, write_file
from shopsphere.generate.manifest import DatasetManifest

LAYOUT = Layout(
    "customers",
    (
        "customer_id", "email", "first_name", "last_name", "phone", "street", "city", "postal_code", "country",
        "birth_date", "segment", "registered_at", "updated_at",
    ),
    Rules(
        key=(0,), required=(3, 8, 11, 12), moments=(9, 11, 12), sets=(10,), email=1,
        blemishes=(
            Blemish("misspelt_country", 8, blemishes.misspelt_country),
            Blemish("unknown_country", 8, blemishes.unknown_country),
            Blemish("misspelt_city", 6, blemishes.misspelt_city),
            Blemish("unknown_city", 6, blemishes.unknown_city),
            Blemish("missing_city", 6, lambda record, pick: ""),
            Blemish("invalid_email", 1, blemishes.invalid_email),
            Blemish("invalid_phone", 4, blemishes.invalid_phone),
            Blemish("impossible_birth_date", 9, blemishes.impossible_birth_date),
        ),
    ),
)  # fmt: skip
_KNOWN_AT_START = 0.35
_CHANGED_PER_WEEK = 0.015
_BUSINESS = 0.12
_NO_PHONE = 0.05


@dataclass(frozen=True)
class Customers:
    """All customers that ever register, in the order in which they do."""

    ids: np.ndarray
    registered_day: np.ndarray
    country: np.ndarray
    #: How often each buys, relative to the others: few buy much (a Zipf law).
    loyalty: np.ndarray

    def known_on(self, day: int) -> int:
        """Return how many are registered before the end of ``day``."""
        return max(1, int(np.searchsorted(self.registered_day, day, side="right")))


def make_customers(count: int, days: int, rng: np.random.Generator) -> Customers:
    """Return ``count`` customers, a third of whom were there before the first day."""
    early = max(1, int(count * _KNOWN_AT_START))
    registered = np.concatenate([-rng.integers(1, 400, early), rng.integers(0, max(1, days), count - early)])
    ranks = rng.permutation(count) + 10
    return Customers(
        ids=np.char.add("C", np.char.zfill(np.arange(1, count + 1).astype(str), 7)),
        registered_day=np.sort(registered),
        country=rng.choice(len(words.COUNTRIES), count, p=[share for _, _, share in words.COUNTRIES]),
        loyalty=1.0 / ranks**0.75,
    )


def write_customers(
    out: Path, customers: Customers, *, start: date, days: int, seed: int, dirt: Dirt, manifest: DatasetManifest
) -> int:
    """Write one file a week with the new and the changed customers; return how many clean ones were delivered."""
    delivered: set[str] = set()
    for week in range(-(-days // 7)):
        rng = np.random.default_rng([seed, 1, week])
        before = 0 if week == 0 else customers.known_on(week * 7 - 1)
        known = customers.known_on(min(days, week * 7 + 7) - 1)
        changed: Any = np.sort(rng.choice(before, int(before * _CHANGED_PER_WEEK), replace=False)) if before else []
        who = [int(row) for row in changed] + list(range(before, known))
        if not who:
            continue
        end = start + timedelta(days=min(days, week * 7 + 7) - 1)
        rows = [_record(customers, row, start=start, seed=seed, changed=week if row < before else None) for row in who]
        columns = [list(column) for column in zip(*rows, strict=True)]
        planted = write_file(
            out, LAYOUT, f"customers_{end:%Y-%m-%d}", columns=columns, dirt=dirt, rng=rng, manifest=manifest
        )
        delivered |= {str(customers.ids[row]) for at, row in enumerate(who) if at not in planted.kinds}
    return len(delivered)


def _record(customers: Customers, row: int, *, start: date, seed: int, changed: int | None) -> tuple[str, ...]:
    rng = np.random.default_rng([seed, 2, row])
    first = words.FIRST_NAMES[rng.integers(len(words.FIRST_NAMES))]
    last = words.LAST_NAMES[rng.integers(len(words.LAST_NAMES))]
    country = words.COUNTRIES[customers.country[row]][0]
    born = date(1945, 1, 1) + timedelta(days=int(rng.integers(0, 60 * 365)))
    segment = "business" if rng.random() < _BUSINESS else "consumer"
    phone = (
        ""
        if rng.random() < _NO_PHONE
        else f"+{rng.integers(30, 49)} {rng.integers(100, 999)} {rng.integers(10**5, 10**6)}"
    )
    clock = timedelta(seconds=int(rng.integers(0, 86400)))
    registered = f"{start + timedelta(days=int(customers.registered_day[row]))}T{_clock(clock)}Z"
    updated = registered
    if changed is not None:  # the customer moved house
        rng = np.random.default_rng([seed, 3, row, changed])
        updated = f"{start + timedelta(days=changed * 7)}T{_clock(timedelta(seconds=int(rng.integers(0, 86400))))}Z"
    cities = words.CITIES[country]
    street = f"{words.STREETS[rng.integers(len(words.STREETS))]} street {rng.integers(1, 200)}"
    if rng.random() < 0.1:
        street += f", flat {rng.integers(1, 40)}"
    return (
        str(customers.ids[row]),
        f"{customers.ids[row].lower()}@{('mail', 'post', 'inbox')[rng.integers(3)]}.example",
        csv_text(first),
        csv_text(last),
        phone,
        csv_text(street),
        csv_text(cities[rng.integers(len(cities))]),
        f"{rng.integers(1000, 99999):05d}",
        country,
        born.isoformat(),
        segment,
        registered,
        updated,
    )


def _clock(since_midnight: timedelta) -> str:
    seconds = int(since_midnight.total_seconds())
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
