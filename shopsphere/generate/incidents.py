"""Planted incidents that rules over the clicks must find: card testing, impossible travel, prices below cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from shopsphere.generate.places import PLACES, kilometres
from shopsphere.generate.sessions import (
    CUSTOMERS,
    PAYMENT,
    PRODUCTS,
    PURCHASE,
    RESERVED,
    VIEW,
    Columns,
    Visitors,
    columns,
)

#: The most events that one incident of each kind takes, together.
MOST_EVENTS = 12 + 3 + 1
#: Travellers are customers that nothing else is about, each in one incident at most.
MOST_INCIDENTS = RESERVED
_CARD_TEST_MS = 50_000
_TRAVEL_MS = (60_000, 600_000)

Incident = tuple[Columns, dict[str, Any]]


def incidents(
    numbers: range, who: Visitors, rng: np.random.Generator, *, begins: int, lasts: int
) -> list[tuple[str, Columns, dict[str, Any]]]:
    """Return one incident of each kind for each of ``numbers``, within the time given: rule, events, what it is."""
    found = []
    for number in numbers:
        for rule, plant in (
            ("card_testing", _card_testing),
            ("impossible_travel", _impossible_travel),
            ("price_below_cost", _price_below_cost),
        ):
            events, told = plant(number, who, rng, begins=begins, lasts=lasts)
            found.append((rule, events, told | {"event_ids": events["event_id"].tolist()}))
    return found


def _card_testing(number: int, who: Visitors, rng: np.random.Generator, *, begins: int, lasts: int) -> Incident:
    """Six or more declined payments of four or more cards within a minute of one visit."""
    payments = 6 + number % 7
    cards = 4 + number % 3
    span = min(_CARD_TEST_MS, int(lasts * 0.8))
    product = int(rng.integers(PRODUCTS))
    events = _events(
        rng, who, count=payments, kind=[PAYMENT] * payments, outcome=1, place=[int(rng.integers(len(PLACES)))],
        customer=[-1], card=[rng.bytes(8).hex() for _ in range(cards)], product=product,
        happened=_first(rng, begins, lasts - span) + np.sort(rng.integers(0, max(span, 1), payments)),
    )  # fmt: skip
    return events, {"session_id": events["session_id"][0], "declined_payments": payments, "cards": cards}


def _impossible_travel(number: int, who: Visitors, rng: np.random.Generator, *, begins: int, lasts: int) -> Incident:
    """A customer's visits to the shop from two countries, sooner one after the other than any aeroplane flies."""
    customer = CUSTOMERS - 1 - number % RESERVED
    home = int(who.home[customer])
    abroad = [at for at, place in enumerate(PLACES) if place[0] != PLACES[home][0]]
    there = abroad[int(rng.integers(len(abroad)))]
    gap = max(1, min(int(rng.integers(*_TRAVEL_MS)), int(lasts * 0.8)))
    first = _first(rng, begins, lasts - gap)
    events = _events(
        rng, who, count=2, kind=[VIEW, VIEW], outcome=0, place=[home, there], customer=[customer],
        card=[""], product=int(rng.integers(PRODUCTS)), happened=np.array([first, first + gap]), sessions=2,
    )  # fmt: skip
    far = kilometres(home, there)
    return events, {
        "customer_id": events["customer_id"][0],
        "countries": [PLACES[home][0], PLACES[there][0]],
        "kilometres": round(far, 1),
        "seconds": gap / 1000,
        "kilometres_per_hour": round(far / gap * 3_600_000),
    }


def _price_below_cost(number: int, who: Visitors, rng: np.random.Generator, *, begins: int, lasts: int) -> Incident:
    """A purchase at less than what the piece costs the shop."""
    customer = int(rng.integers(CUSTOMERS - RESERVED))
    product = (number * 37) % PRODUCTS
    events = _events(
        rng, who, count=1, kind=[PURCHASE], outcome=0, place=[int(who.home[customer])], customer=[customer], card=[""],
        product=product, happened=np.array([_first(rng, begins, lasts)]),
        cents=np.array([who.cost[product] * rng.uniform(0.2, 0.9)]),
    )  # fmt: skip
    names = ("session_id", "customer_id", "product_id", "unit_price", "unit_cost", "currency")
    return events, {name: events[name][0] for name in names}


def _first(rng: np.random.Generator, begins: int, room: int) -> int:
    return begins + int(rng.integers(0, max(room, 1)))


def _events(
    rng: np.random.Generator, who: Visitors, *, count: int, kind: list[int], outcome: int, place: list[int],
    customer: list[int], card: list[str], product: int, happened: np.ndarray, sessions: int = 1,
    cents: np.ndarray | None = None,
) -> Columns:  # fmt: skip
    ids = np.array([rng.bytes(8).hex() for _ in range(sessions)], dtype=object)
    return columns(
        rng, who, session=np.resize(ids, count), customer=np.resize(customer, count), kind=np.array(kind),
        outcome=np.full(count, outcome), place=np.resize(place, count), product=np.full(count, product),
        quantity=np.ones(count, dtype=np.int64), card=np.resize(np.array(card, dtype=object), count),
        device=np.full(count, int(rng.integers(3))), happened=happened, cents=cents,
    )  # fmt: skip
