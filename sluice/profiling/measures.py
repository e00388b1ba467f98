"""Counts a column's values: how many there are and differ, which are most frequent, the least and the greatest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import Column
from sluice.contracts.values.convert import convert
from sluice.profiling.spool import Spool
from sluice.profiling.tallies import tallies

_ORDERED = ("int", "bigint", "float", "double", "decimal", "date", "timestamp")
#: Values of a column that are told apart and listed.
MOST_LISTED = 10
#: Letters of a value that is shown; the rest is left out.
_SHOWN = 80
#: SQL for as much of a value ``v`` as is needed to show it: lists of whole values would take memory.
BEGINNING = f"left(v, {_SHOWN + 1})"


@dataclass(frozen=True)
class Measures:
    """What was counted of a column: ``rows`` and ``nulls`` of all, ``distinct`` values, and of text their lengths.

    ``top`` are the most frequent values with how often each is there.
    """

    rows: int
    nulls: int
    distinct: int
    shortest: int | None = None
    longest: int | None = None
    top: tuple[tuple[str, int], ...] = field(default=())

    @property
    def unique(self) -> bool:
        """Return whether there is a value in every record, and none twice."""
        return self.rows > 0 and self.nulls == 0 and self.distinct == self.rows

    @property
    def cut(self) -> bool:
        """Return whether some value is so long that ``top`` shows its beginning alone."""
        return (self.longest or 0) > _SHOWN


def measure(spool: Spool, names: Sequence[str], nulls: Sequence[str]) -> dict[str, Measures]:
    """Return what there is to count of each of the columns; ``nulls`` are texts that stand for no value."""
    found = {}
    for tally in tallies(spool, names, nulls):
        counted = tally.ask(
            "SELECT place, sum(n)::BIGINT, count(*), min(length(v)), max(length(v)), "
            f"min({{'n': -n, 'v': {BEGINNING}}}, {MOST_LISTED}) FROM {{tally}} GROUP BY place"
        )
        for place, name in enumerate(tally.columns):
            ((there, distinct, shortest, longest, top),) = counted.get(place, [(0, 0, None, None, ())])
            listed = tuple((shown(value["v"]), -value["n"]) for value in top)
            found[name] = Measures(spool.rows, spool.rows - there, distinct, shortest, longest, listed)
    return found


def shown(value: str) -> str:
    """Return a value as it is shown, cut when it is long."""
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"


def reach(parts: Callable[[], Iterable[pa.Array]], column: Column, nulls: Sequence[str]) -> tuple[str, str] | None:
    """Return the least and the greatest value as a contract writes them; None without values, or without an order."""
    if column.type.name not in _ORDERED:
        return None
    least = most = None
    skipped = pa.array(list(nulls), pa.string())
    for part in parts():
        text = pa.types.is_string(part.type)
        values, _ = convert(part.filter(pc.invert(pc.is_in(part, skipped))) if text else part, column)
        found = pc.min_max(values)
        low, high = found["min"], found["max"]
        if not low.is_valid:
            continue
        least = low if least is None or low.as_py() < least.as_py() else least
        most = high if most is None or high.as_py() > most.as_py() else most
    if least is None or most is None:
        return None
    return written(least), written(most)


def written(value: pa.Scalar) -> str:
    """Return a value as a contract writes it."""
    text = str(value.cast(pa.string()).as_py())
    return text.removesuffix(".000000") if pa.types.is_timestamp(value.type) else text
