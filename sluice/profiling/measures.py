"""Counts a column's values: how many there are and differ, which are most frequent, the least and the greatest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from sluice.confined import literal
from sluice.contracts import Column
from sluice.contracts.values.convert import convert
from sluice.profiling.spool import Spool

_ORDERED = ("int", "bigint", "float", "double", "decimal", "date", "timestamp")
#: Values of a column that are told apart and listed.
MOST_LISTED = 10
#: Different values of a column that are few.
_SHORT_LIST = 200
#: Columns that are counted together: each takes memory of its own.
_AT_ONCE = 50
#: Letters of a value that is shown; the rest is left out.
_SHOWN = 80


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


def measure(spool: Spool, names: Sequence[str], nulls: Sequence[str], *, exact: bool) -> dict[str, Measures]:
    """Return what there is to count of each of the columns; ``nulls`` are texts that stand for no value.

    Without ``exact`` only what decides on a contract is exact: whether all values differ, and those of a short list.
    """
    found = {}
    for start in range(0, len(names), _AT_ONCE):
        found.update(_measured(spool, names[start : start + _AT_ONCE], nulls, exact=exact))
    return found


def _measured(spool: Spool, names: Sequence[str], nulls: Sequence[str], *, exact: bool) -> dict[str, Measures]:
    wanted = ", ".join(
        f"count({v}), approx_count_distinct({v}), min(length({v})), max(length({v}))"
        for v in (text_of(spool.column(name), nulls) for name in names)
    )
    (row,) = spool.ask(f"SELECT {wanted} FROM {{all}}")
    found = {}
    for place, name in enumerate(names):
        count, about, shortest, longest = row[4 * place : 4 * place + 4]
        measures = Measures(spool.rows, spool.rows - count, about, shortest, longest)
        if exact or about <= _SHORT_LIST or (count == spool.rows and about * 10 > count * 8):
            ((distinct,),) = spool.ask(f"SELECT count(DISTINCT {text_of(spool.column(name), nulls)}) FROM {{all}}")
            measures = replace(measures, distinct=distinct)
        if exact or about <= _SHORT_LIST:
            measures = replace(measures, top=_top(spool, name, nulls))
        found[name] = measures
    return found


def _top(spool: Spool, name: str, nulls: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counted = f"SELECT {text_of(spool.column(name), nulls)} AS v, count(*) AS n FROM {{all}} GROUP BY 1"
    found = spool.ask(
        f"SELECT left(v, {_SHOWN + 1}), n FROM ({counted}) WHERE v IS NOT NULL ORDER BY n DESC, v LIMIT {MOST_LISTED}"
    )
    return tuple((shown(value), number) for value, number in found)


def text_of(column: str, nulls: Sequence[str]) -> str:
    """Return SQL for a column's value as text, null for each of ``nulls``; ``column`` is SQL for the column."""
    return f"CAST({valued(column, nulls)} AS VARCHAR)"


def shown(value: str) -> str:
    """Return a value as it is shown, cut when it is long."""
    return value if len(value) <= _SHOWN else f"{value[: _SHOWN - 1]}…"


def valued(column: str, nulls: Sequence[str]) -> str:
    """Return SQL for a column's value that is null for each of ``nulls``."""
    if not nulls:
        return column
    listed = ", ".join(map(literal, nulls))
    return f"CASE WHEN {column} IN ({listed}) THEN NULL ELSE {column} END"


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
