"""Compares what arrived of a dataset with what its contract expects per day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sluice.ledger import Delivery, ShardCounts
from sluice.tables.properties import EXPECTED_FILES, EXPECTED_ROWS

#: The average of so many full days is compared, or of as many as bring two files where that takes longer.
DAYS = 7
_FILES_IN_WINDOW = 2
#: No more days than these, however rarely a file comes.
_MOST_DAYS = 366
#: As many times less, or more, than expected is no finding.
_TOLERANCE = 2.0
#: States of a delivery that brought something, whatever became of it.
_ARRIVED = ("committed", "rejected")
#: Of numbers above it parts tell nothing.
_WHOLE = 999


def amount(number: float) -> str:
    """Return a number of files or rows a day as people write it: no exponent, three digits behind the point at most."""
    return f"{number:,.0f}" if number > _WHOLE else f"{number:.3f}".rstrip("0").removesuffix(".")


@dataclass(frozen=True)
class Volume:
    """What came of a dataset per day, ``found``, beside what is ``expected``; ``unit`` is files or rows.

    The average of the last ``days`` full days (UTC); None for ``found`` while the dataset is younger than that.
    """

    unit: str
    expected: float
    found: float | None
    days: int

    @property
    def outside(self) -> bool:
        """Return whether less than half or more than twice of what is expected came."""
        return self.found is not None and not (self.expected / _TOLERANCE <= self.found <= self.expected * _TOLERANCE)

    def finding(self, dataset: str) -> str:
        """Return a sentence about a volume that is outside."""
        return (
            f"{dataset}: {amount(self.found or 0)} {self.unit} a day came in the last {self.days} full days, and its "
            f"contract expects {amount(self.expected)} (half to twice as many are no finding); look at what sends it, "
            f"or mend expected{self.unit.title()}PerDay"
        )


@dataclass(frozen=True)
class Arrived:
    """What arrived of a dataset: files and rows by day (UTC), of files that of their commits."""

    files: Mapping[date, int] = field(default_factory=dict)
    rows: Mapping[date, int] = field(default_factory=dict)

    def last(self, days: int, today: date) -> list[tuple[date, int, int]]:
        """Return files and rows of each of the last ``days`` days on which something arrived, oldest first."""
        first = today - timedelta(days=days - 1)
        return [
            (day, self.files.get(day, 0), self.rows.get(day, 0))
            for day in sorted({*self.files, *self.rows})
            if first <= day <= today
        ]


def read_arrived(deliveries: Iterable[Delivery], shards: Iterable[ShardCounts]) -> Arrived:
    """Return what arrived by day."""
    files: dict[date, int] = {}
    rows: dict[date, int] = {}
    for delivery in deliveries:
        if delivery.status in _ARRIVED:
            day = datetime.fromtimestamp(delivery.at, UTC).date()
            files[day] = files.get(day, 0) + 1
            rows[day] = rows.get(day, 0) + delivery.accepted + (delivery.quarantined or 0)
    for counts in shards:
        for told, count in counts.days.items():
            day = date.fromisoformat(told)
            rows[day] = rows.get(day, 0) + count
    return Arrived(files, rows)


def read_volumes(properties: Mapping[str, str], arrived: Arrived, today: date) -> tuple[Volume, ...]:
    """Return the volumes of a dataset whose table has ``properties``."""
    return tuple(_volumes(properties, arrived.files, arrived.rows, today))


def _volumes(
    properties: Mapping[str, str], files: Mapping[date, int], rows: Mapping[date, int], today: date
) -> Iterator[Volume]:
    days = DAYS
    if told := properties.get(EXPECTED_FILES):
        expected = float(told)
        if expected:
            days = min(_MOST_DAYS, max(DAYS, math.ceil(_FILES_IN_WINDOW / expected)))
        yield Volume("files", expected, _average(files, days, today), days)
    if told := properties.get(EXPECTED_ROWS):
        yield Volume("rows", float(told), _average(rows, days, today), days)


def _average(counts: Mapping[date, int], days: int, today: date) -> float | None:
    """Return the average of the ``days`` before ``today``; None when the first of them is not after the first count."""
    first = today - timedelta(days=days)
    if not counts or min(counts) >= first:
        return None
    return sum(count for day, count in counts.items() if first <= day < today) / days
