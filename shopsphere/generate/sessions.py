"""Visits to the shop as columns: pages, searches, carts, payments, purchases, by customers who come back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from shopsphere.generate import words
from shopsphere.generate.marketing import CODES, UNKNOWN_CODES
from shopsphere.generate.places import PLACES

#: Signed-in visitors and what they look at; the last customers are kept for planted incidents.
CUSTOMERS, RESERVED, PRODUCTS = 5_000, 200, 800
TYPES = ("page_view", "search", "cart", "payment", "purchase")
VIEW, SEARCH, CART, PAYMENT, PURCHASE = range(5)
DEVICES = ("phone", "tablet", "desktop")
Columns = dict[str, np.ndarray]
_SIGNED_IN = 0.55
_BROWSES, _LEAVES_CART = 0.62, 0.25  # the others buy
_DECLINED = 0.06
_MEAN_GAP_SECONDS = 18.0
#: The share of visits that a campaign's link led to, and of those with a code that no campaign has.
_LED, _UNKNOWN_CODE = 0.3, 0.03


class Event(msgspec.Struct, gc=False, omit_defaults=True):
    """One event as JSON; what is none is left out."""

    event_id: str | None = None
    session_id: str | None = None
    customer_id: str | None = None
    event_type: str | None = None
    event_time: str | None = None
    product_id: str | None = None
    search_term: str | None = None
    quantity: int | None = None
    unit_price: float | None = None
    unit_cost: float | None = None
    currency: str | None = None
    card_hash: str | None = None
    outcome: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    device: str | None = None
    utm_code: str | None = None


@dataclass(frozen=True)
class Visitors:
    """Who may visit and what there is to see: the same for one seed, however many events are drawn."""

    home: np.ndarray
    card: np.ndarray
    chances: np.ndarray
    #: Price and cost of each product in euro cents, and how often it is looked at (cumulated).
    cents: np.ndarray
    cost: np.ndarray
    liking: np.ndarray


@lru_cache(maxsize=4)
def visitors(seed: int) -> Visitors:
    """Return the visitors and the catalogue of ``seed``."""
    rng = np.random.default_rng([seed, 20])
    cents = (np.floor(rng.lognormal(3.6, 0.8, PRODUCTS) + 2) * 100 + 99).astype(np.int64)
    share = np.array([share for _, _, share in words.COUNTRIES])
    country = rng.choice(len(share), CUSTOMERS, p=share)
    first = np.array([next(at for at, p in enumerate(PLACES) if p[0] == code) for code, _, _ in words.COUNTRIES])
    return Visitors(
        home=first[country] + rng.integers(0, 3, CUSTOMERS),
        card=_hex(rng, CUSTOMERS, 8),
        chances=np.cumsum(1.0 / (rng.permutation(CUSTOMERS - RESERVED) + 10) ** 0.75),
        cents=cents,
        cost=(cents * rng.uniform(0.45, 0.8, PRODUCTS)).astype(np.int64),
        liking=np.cumsum(1.0 / (rng.permutation(PRODUCTS) + 5) ** 0.8),
    )


def visit(count: int, who: Visitors, rng: np.random.Generator, *, begins: int, lasts: int) -> Columns:
    """Return ``count`` events of visits between the moments ``begins`` and ``begins + lasts`` (milliseconds)."""
    sizes = 2 + rng.geometric(0.18, count // 2 + 1).clip(max=60)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
    visits = len(sizes)
    session = np.repeat(np.arange(visits), sizes)[:count]
    to_end = (np.repeat(np.cumsum(sizes), sizes) - np.arange(int(sizes.sum())) - 1)[:count]
    kind, outcome = _kinds(session, to_end, visits, rng)

    customer = np.searchsorted(who.chances, rng.random(visits) * who.chances[-1])
    known = rng.random(visits) < _SIGNED_IN
    place = np.where(known, who.home[customer], rng.integers(0, len(PLACES), visits))
    product = _draw(who.liking, count, rng)
    wanted = _draw(who.liking, visits, rng)[session]
    product = np.where((kind >= CART) | (rng.random(count) < 0.25), wanted, product)
    pieces = (rng.geometric(0.7, visits).clip(max=9))[session]
    cards = np.where(known, who.card[customer], _hex(rng, visits, 8))
    landing = np.append(True, session[1:] != session[:-1])
    return columns(
        rng, who,
        session=_hex(rng, visits, 8)[session],
        customer=np.where(known, customer, -1)[session],
        kind=kind, outcome=outcome, place=place[session], product=product, quantity=pieces,
        card=cards[session], device=rng.choice(3, visits, p=[0.55, 0.1, 0.35])[session],
        happened=begins + _moments(session, visits, lasts, rng),
        code=np.where(landing, _led_by(visits, rng.spawn(1)[0])[session], -1),
    )  # fmt: skip


def columns(
    rng: np.random.Generator, who: Visitors, *, session: np.ndarray, customer: np.ndarray, kind: np.ndarray,
    outcome: np.ndarray, place: np.ndarray, product: np.ndarray, quantity: np.ndarray, card: np.ndarray,
    device: np.ndarray, happened: np.ndarray, cents: np.ndarray | None = None, code: np.ndarray | None = None,
) -> Columns:  # fmt: skip
    """Return events as the columns of ``Event``, plus ``happened`` (milliseconds); what an event has not is none.

    ``customer`` is -1 for a stranger; ``outcome`` is 1 for a declined payment; ``cents`` overrides the euro prices;
    ``code`` is the campaign code, -1 for none.
    """
    count = len(kind)
    code = np.full(count, -1) if code is None else code
    bought, sold, paid = kind >= CART, kind == PURCHASE, kind == PAYMENT
    seen = bought | ((kind == VIEW) & (rng.random(count) < 0.8))
    rates = np.array([words.RATES[_CURRENCY[code]] for code, _, _ in PLACES])[place]
    price = who.cents[product] if cents is None else cents
    asked = np.maximum(np.rint(price * rates), 1)
    cost = np.rint(who.cost[product] * rates)
    terms = rng.integers(0, len(_TERMS), count)
    return {
        "event_id": _hex(rng, count, 16),
        "session_id": session,
        "customer_id": _pick(_CUSTOMER_IDS, customer, customer >= 0),
        "event_type": _TYPE_NAMES[kind],
        "happened": happened,
        "product_id": _pick(_PRODUCT_IDS, product, seen),
        "search_term": _pick(_TERMS, terms, kind == SEARCH),
        "quantity": _or_none(quantity, bought),
        "unit_price": _or_none(asked / 100, bought),
        "unit_cost": _or_none(cost / 100, sold),
        "currency": _pick(_PLACE_CURRENCY, place, bought),
        "card_hash": _or_none(card, paid),
        "outcome": _pick(_OUTCOMES, outcome, paid),
        "country": _PLACE_COUNTRY[place],
        "latitude": _PLACE_LATITUDE[place],
        "longitude": _PLACE_LONGITUDE[place],
        "device": _DEVICE_NAMES[device],
        "utm_code": _pick(_UTM_CODES, code, code >= 0),
    }


def encode(events: Columns) -> list[bytes]:
    """Return each event as JSON."""
    moments = np.datetime_as_string(events["happened"].astype("datetime64[ms]"), unit="ms", timezone="UTC")
    values = [(moments if name == "event_time" else events[name]).tolist() for name in Event.__struct_fields__]
    return list(map(msgspec.json.Encoder().encode, map(Event, *values)))


def take(events: Columns, rows: np.ndarray) -> Columns:
    """Return those rows."""
    return {name: values[rows] for name, values in events.items()}


def join(one: Columns, other: Columns) -> Columns:
    """Return the rows of both."""
    return {name: np.concatenate([values, other[name]]) for name, values in one.items()}


def _kinds(
    session: np.ndarray, to_end: np.ndarray, visits: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return each event's type and outcome: a visit that buys ends with cart, payment (sometimes two), purchase."""
    kind = np.where(rng.random(len(session)) < 0.25, SEARCH, VIEW)
    aim = rng.random(visits)[session]
    buys, leaves = aim >= _BROWSES + _LEAVES_CART, (aim >= _BROWSES) & (aim < _BROWSES + _LEAVES_CART)
    refused = (rng.random(visits) < _DECLINED)[session]
    kind[leaves & (to_end <= 1)] = CART
    gives_up = leaves & refused & (to_end == 0)
    kind[gives_up] = PAYMENT
    kind[buys & (to_end == 0)] = PURCHASE
    kind[buys & (to_end == 1)] = PAYMENT
    again = buys & refused & (to_end == 2)
    kind[again] = PAYMENT
    kind[buys & (to_end == np.where(refused, 3, 2))] = CART
    return kind, (gives_up | again).astype(np.int64)


def _led_by(visits: int, rng: np.random.Generator) -> np.ndarray:
    """Return the campaign code that led to each visit, -1 for none."""
    code = rng.integers(0, len(CODES), visits)
    unknown = rng.integers(len(CODES), len(_UTM_CODES), visits)
    code = np.where(rng.random(visits) < _UNKNOWN_CODE, unknown, code)
    return np.where(rng.random(visits) < _LED, code, -1)


def _moments(session: np.ndarray, visits: int, lasts: int, rng: np.random.Generator) -> np.ndarray:
    """Return milliseconds since the beginning: visits start evenly and are squeezed when they would not fit."""
    gaps = rng.exponential(_MEAN_GAP_SECONDS * 1000, len(session)) + 400
    run = np.cumsum(gaps)
    first = np.searchsorted(session, np.arange(visits))
    since = run - run[first][session]
    last = np.append(first[1:], len(session)) - 1
    span = np.maximum(since[last], 1.0)
    fits = np.minimum(span, lasts * 0.9)
    found: np.ndarray = ((rng.random(visits) * (lasts - fits))[session] + since * (fits / span)[session]).astype("i8")
    return found


def _draw(cumulated: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    found: np.ndarray = np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right")
    return found.clip(max=len(cumulated) - 1)


def _hex(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    text, wide = rng.bytes(size * count).hex(), size * 2
    return texts([text[at : at + wide] for at in range(0, wide * count, wide)])


def texts(values: list[Any] | tuple[Any, ...]) -> np.ndarray:
    """Return Python values as an array."""
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _or_none(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    found = values.astype(object)
    found[~given] = None
    return found


def _pick(names: np.ndarray, which: np.ndarray, given: np.ndarray) -> np.ndarray:
    found: np.ndarray = names[which]
    found[~given] = None
    return found


_CURRENCY = {country: currency for country, currency, _ in words.COUNTRIES}
_CUSTOMER_IDS = texts([f"C{number:07d}" for number in range(1, CUSTOMERS + 1)])
_PRODUCT_IDS = texts([f"P{number:05d}" for number in range(1, PRODUCTS + 1)])
_TERMS = texts([f"{adjective} {noun}" for adjective in words.ADJECTIVES for noun in words.NOUNS.values()])
_UTM_CODES = texts(CODES + UNKNOWN_CODES)
_TYPE_NAMES, _DEVICE_NAMES, _OUTCOMES = texts(TYPES), texts(DEVICES), texts(("approved", "declined"))
_PLACE_COUNTRY = texts([country for country, _, _ in PLACES])
_PLACE_CURRENCY = texts([_CURRENCY[country] for country, _, _ in PLACES])
_PLACE_LATITUDE = texts([latitude for _, latitude, _ in PLACES])
_PLACE_LONGITUDE = texts([longitude for _, _, longitude in PLACES])
