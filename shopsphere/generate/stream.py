"""A believable stream of clicks, batch by batch, in the order of sending, with what is wrong with it counted exactly.

The same arguments give the same bytes. One batch is in memory at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from shopsphere.generate.broken_events import broken as break_event
from shopsphere.generate.broken_events import reason
from shopsphere.generate.incidents import MOST_EVENTS, MOST_INCIDENTS, incidents
from shopsphere.generate.marketing import UNKNOWN_CODES
from shopsphere.generate.sessions import DEVICES, Columns, encode, join, take, texts, visit, visitors
from shopsphere.generate.stream_manifest import StreamManifest

#: What the contract of ``clickstream`` allows, and how much later than that late events are at least.
LATENESS_SECONDS, _SURELY_LATE_SECONDS = 7_200, 600
_LATEST_SECONDS = 2 * 86_400
BATCH = 50_000
_EVENTS_PER_INCIDENT = 20_000
#: Every so many conflicting ids have three payloads instead of two.
_THREE_PAYLOADS = 4
_FAR_SHARE, _REMEMBERED, _REMEMBERED_BATCHES = 0.3, 500, 4
#: Nothing is repeated later than this, in milliseconds: an event that was in time would become a late one.
_REPEATED_WITHIN_MS = 3_600_000
_LONGEST_BATCH_MS, _SMALLEST_BATCH = 720_000, 1_000
#: A phone holds an event back for so long, in milliseconds (the mean), but no longer than the cap.
_DELAY_MS, _MOST_DELAY_MS = 900, 8_000


@dataclass(frozen=True)
class Batch:
    """Records in the order of sending: partition keys (the session) and bytes."""

    keys: list[str]
    data: list[bytes]

    def pairs(self) -> Iterator[tuple[str, bytes]]:
        """Yield each record's partition key and bytes."""
        return zip(self.keys, self.data, strict=True)


@dataclass(frozen=True)
class Shares:
    """The share of all records that is broken, repeated, late, or has an id that comes with several payloads."""

    broken: float = 0.02
    duplicates: float = 0.01
    late: float = 0.01
    conflicts: float = 0.001

    def __post_init__(self) -> None:
        """Refuse shares that cannot be planted together."""
        values = (self.broken, self.duplicates, self.late, self.conflicts)
        if min(values) < 0 or self.broken + self.duplicates + self.late + 3 * self.conflicts > 0.6:
            raise ValueError(
                f"the shares broken, duplicates, late, conflicts are {values}: none may be negative, and together, "
                "conflicts three times, they are at most 0.6"
            )


@dataclass(frozen=True)
class _Slice:
    """The records ``first`` to ``end`` of all; counts are exact in the whole, whatever the batches are."""

    first: int
    end: int
    total: int

    def of(self, count: int) -> range:
        """Return the numbers of those of ``count`` things, spread evenly over all records, that fall in here."""
        return range(count * self.first // self.total, count * self.end // self.total)


@dataclass(frozen=True)
class _Window:
    """When a batch's events happen: from ``begins`` on, for ``lasts`` milliseconds."""

    begins: int
    lasts: int


def generate_stream(
    *, events: int, seed: int, broken: float = 0.02, duplicates: float = 0.01, late: float = 0.01,
    conflicts: float = 0.001, start: datetime, duration_seconds: float = 3_600.0, incidents_per_rule: int | None = None,
    batch: int = BATCH, manifest: StreamManifest | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """Return an iterator over ``events`` records whose times spread from ``start`` over ``duration_seconds``.

    ``manifest`` counts each batch when it is yielded. ``incidents_per_rule`` defaults to one in 20,000 records.
    """
    if events < 1 or duration_seconds <= 0 or batch < _SMALLEST_BATCH:
        raise ValueError(f"events and duration_seconds must be positive, and batch at least {_SMALLEST_BATCH}")
    shares = Shares(broken, duplicates, late, conflicts)
    number = incidents_per_rule
    if number is None:
        number = min(MOST_INCIDENTS, max(events // _EVENTS_PER_INCIDENT, int(events >= 1_000)))
    if number < 0 or number > MOST_INCIDENTS or number * MOST_EVENTS > events * 0.3:
        raise ValueError(
            f"{number} incidents of each rule do not fit: at most {MOST_INCIDENTS}, and {MOST_EVENTS} events of each "
            "100 records for three rules may take 30"
        )
    manifest = StreamManifest() if manifest is None else manifest
    moment = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    manifest.seed, manifest.duration_seconds = seed, duration_seconds
    manifest.start = moment.isoformat().replace("+00:00", "Z")
    parts = max(events // batch, min(int(duration_seconds * 1000) // _LONGEST_BATCH_MS, events // _SMALLEST_BATCH), 1)
    return _batches(_Plan(events, seed, shares, number, parts), moment, duration_seconds, manifest)


@dataclass(frozen=True)
class _Plan:
    """What is to be made: ``incidents`` of each rule, everything in ``parts`` batches."""

    events: int
    seed: int
    shares: Shares
    incidents: int
    parts: int


def _batches(plan: _Plan, start: datetime, seconds: float, manifest: StreamManifest) -> Iterator[Batch]:
    begins, lasts = round(start.timestamp() * 1000), seconds * 1000
    memory = _Memory()
    for part in range(plan.parts):
        slice_ = _Slice(plan.events * part // plan.parts, plan.events * (part + 1) // plan.parts, plan.events)
        counted = StreamManifest(records=slice_.end - slice_.first)
        window = _Window(begins + int(lasts * part / plan.parts), max(1, int(lasts / plan.parts)))
        rng = np.random.default_rng([plan.seed, 21, part])
        found = _batch(plan, slice_, rng=rng, window=window, memory=memory, counted=counted)
        manifest.add(counted)
        yield found


class _Memory:
    """A few valid records of earlier batches, to come again much later: keys, bytes, and whether they are late."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, bool]] = []

    def keep(self, keys: list[str], data: list[bytes], late: list[bool]) -> None:
        """Remember these and, of the older ones, the latest."""
        new = list(zip(keys, data, late, strict=True))
        self.records = [*new, *self.records][: _REMEMBERED_BATCHES * _REMEMBERED]


def _batch(
    plan: _Plan, slice_: _Slice, *, rng: np.random.Generator, window: _Window, memory: _Memory, counted: StreamManifest
) -> Batch:
    who, shares = visitors(plan.seed), plan.shares
    conflicting = slice_.of(round(plan.events * shares.conflicts))
    copies = np.array([n for n in conflicting for _ in range(1 + (n % _THREE_PAYLOADS == 0))], dtype=np.int64)
    repeats = len(slice_.of(round(plan.events * shares.duplicates)))
    breaking = slice_.of(round(plan.events * shares.broken))
    late = len(slice_.of(round(plan.events * shares.late)))
    base = counted.records - len(copies) - repeats
    found = incidents(slice_.of(plan.incidents), who, rng, begins=window.begins, lasts=window.lasts)
    normal = base - sum(len(events["event_id"]) for _, events, _ in found)
    if normal < max(1, len(breaking) + late + len(conflicting)):
        raise ValueError(f"{counted.records} records are too few for what is to be planted in them; nothing was made")

    events = visit(normal, who, rng, begins=window.begins, lasts=window.lasts)
    for rule, more, told in found:
        events = join(events, more)
        counted.incidents.setdefault(rule, []).append(told)
    sent = events["happened"] + _delays(base, window.lasts, rng)
    place = np.empty(base)
    place[np.argsort(sent, kind="stable")] = np.arange(base)
    latest = np.searchsorted(np.sort(sent), sent + _REPEATED_WITHIN_MS).astype(float)
    picks = np.split(rng.permutation(normal), np.cumsum([len(breaking), late, len(conflicting)]))
    broken_rows, late_rows, conflict_rows = picks[:3]
    _make_late(events, late_rows, rng)
    codes = np.delete(events["utm_code"], broken_rows).tolist()
    counted.coded_events = sum(code is not None for code in codes)
    counted.unknown_codes = sum(code in UNKNOWN_CODES for code in codes)
    if len(copies):
        rows = conflict_rows[copies - conflicting[0]]
        events = join(events, _conflicts(events, rows, copies))
        # Before or after the original: which one wins has nothing to do with which one comes first.
        between = np.minimum(place[rows] + rng.integers(-100, 200, len(copies)), latest[rows]) + 0.5
        place, latest = np.append(place, between), np.append(latest, latest[rows])
    data, keys = encode(events), events["session_id"].tolist()
    for number, row in zip(breaking, broken_rows.tolist(), strict=True):
        data[row] = break_event(data[row], number)

    is_late, valid = np.zeros(len(data), dtype=bool), np.ones(len(data), dtype=bool)
    is_late[late_rows], valid[broken_rows] = True, False
    rows = np.flatnonzero(valid)
    old = _from_memory(memory, int(repeats * _FAR_SHARE), window, rng)
    again = rng.choice(rows, repeats - len(old), replace=False)
    memory.keep(*_some(rng.choice(rows, min(_REMEMBERED, len(rows)), replace=False), keys, data, is_late))
    place = np.concatenate([place, _later(place[again], latest[again], rng), rng.random(len(old)) * base])
    keys += [keys[row] for row in again] + [key for key, _, _ in old]
    data += [data[row] for row in again] + [record for _, record, _ in old]

    payloads = Counter(Counter(copies.tolist()).values())
    counted.expected_quarantined = dict(Counter(reason(number) for number in breaking))
    counted.conflicting_ids = {str(copied + 1): ids for copied, ids in payloads.items()}
    counted.conflict_losers, counted.duplicates = len(copies), repeats
    counted.expected_accepted = counted.records - len(breaking)
    counted.distinct_events = base - len(breaking)
    counted.late_events = late
    counted.expected_late = late + int(is_late[again].sum()) + sum(was_late for _, _, was_late in old)
    order = np.argsort(place, kind="stable").tolist()
    return Batch([keys[row] for row in order], [data[row] for row in order])


def _from_memory(
    memory: _Memory, count: int, window: _Window, rng: np.random.Generator
) -> list[tuple[str, bytes, bool]]:
    """Return up to ``count`` records of earlier batches, unless those are so old that each would be late."""
    if not memory.records or window.lasts * (_REMEMBERED_BATCHES + 1) > _REPEATED_WITHIN_MS:
        return []
    chosen = rng.choice(len(memory.records), min(count, len(memory.records)), replace=False)
    return [memory.records[at] for at in chosen]


def _some(
    rows: np.ndarray, keys: list[str], data: list[bytes], is_late: np.ndarray
) -> tuple[list[str], list[bytes], list[bool]]:
    return [keys[row] for row in rows], [data[row] for row in rows], is_late[rows].tolist()


def _later(place: np.ndarray, latest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where records come again: most soon after the first time, some much later."""
    soon = place + rng.geometric(0.05, len(place))
    far = place + rng.random(len(place)) * (latest - place)
    found: np.ndarray = np.minimum(np.where(rng.random(len(place)) < _FAR_SHARE, far, soon), latest) + 0.75
    return found


def _delays(count: int, lasts: int, rng: np.random.Generator) -> np.ndarray:
    """Return how long each event takes from the browser to the stream, in milliseconds."""
    return rng.exponential(min(_DELAY_MS, lasts / 20), count).clip(max=_MOST_DELAY_MS)


def _make_late(events: Columns, rows: np.ndarray, rng: np.random.Generator) -> None:
    """Let those events have happened so long ago that they are late when they are sent."""
    least = LATENESS_SECONDS + _SURELY_LATE_SECONDS
    events["happened"][rows] -= (1000 * rng.uniform(least, _LATEST_SECONDS, len(rows))).astype(np.int64)


def _conflicts(events: Columns, rows: np.ndarray, copies: np.ndarray) -> Columns:
    """Return other payloads for the ids of ``rows``: some happen later, some at the same moment on another device."""
    found = take(events, rows)
    nth = 1 + np.append(False, copies[1:] == copies[:-1])
    later = copies % 3 != 0
    found["happened"] = found["happened"] + np.where(later, nth * 137, 0)
    old = [DEVICES.index(device) for device in found["device"].tolist()]
    other = texts([DEVICES[(at + more) % 3] for at, more in zip(old, nth.tolist(), strict=True)])
    found["device"] = np.where(later, found["device"], other)
    return found
