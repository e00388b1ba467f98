"""Counts how often each value of a column is there, for many short columns at once.

A query costs some milliseconds however little it counts, and what several columns hold takes memory together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sluice.confined import literal
from sluice.profiling.spool import Spool

#: Columns, and values of them all, that are counted together.
_MOST_COLUMNS = 100
_MOST_VALUES = 500_000
#: Bytes of values that are counted together; a column of more is counted alone.
_MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class Tally:
    """The values of some columns as text, with how often each is there; valid until the next one is made.

    In its queries a column is its ``place`` in ``columns``.
    """

    spool: Spool
    columns: tuple[str, ...]
    #: SQL for every value that is there: ``place``, ``v``.
    values: str

    def ask(self, sql: str) -> dict[int, list[tuple[Any, ...]]]:
        """Return rows by the column's place, which comes first in each; ``WrongArgument`` when there is no room.

        In the query ``{tally}`` has ``place``, a value ``v`` and its count ``n``; ``{values}`` has ``place`` and ``v``
        of every record.
        """
        found: dict[int, list[tuple[Any, ...]]] = {}
        for place, *rest in self.spool.ask(sql.replace("{tally}", "tally").replace("{values}", f"({self.values})")):
            found.setdefault(place, []).append(tuple(rest))
        return found


def tallies(spool: Spool, names: Sequence[str], nulls: Sequence[str]) -> Iterator[Tally]:
    """Yield tallies in which each of the columns is once; ``nulls`` are texts that stand for no value."""
    for some in _together(spool, names):
        values = _values([_text_of(spool.column(name), nulls) for name in some])
        spool.ask(f"CREATE OR REPLACE TEMP TABLE tally AS SELECT place, v, count(*) AS n FROM ({values}) GROUP BY ALL")
        yield Tally(spool, some, values)


def _together(spool: Spool, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the columns in groups that are counted at once."""
    most = max(1, min(_MOST_COLUMNS, _MOST_VALUES // max(1, spool.rows)))
    for start in range(0, len(names), most):
        some = names[start : start + most]
        lengths = ", ".join(f"sum(strlen(CAST({spool.column(name)} AS VARCHAR)))" for name in some)
        (sizes,) = spool.ask(f"SELECT {lengths} FROM {{all}}")
        group, together = [some[0]], sizes[0] or 0
        for name, size in zip(some[1:], sizes[1:], strict=True):
            if together + (size or 0) > _MOST_BYTES:
                yield tuple(group)
                group, together = [], 0
            group.append(name)
            together += size or 0
        yield tuple(group)


def _values(texts: Sequence[str]) -> str:
    """Return SQL for the place and the value of every value that is there; ``texts`` is SQL for each column's."""
    if len(texts) == 1:
        return f"SELECT 0 AS place, v FROM (SELECT {texts[0]} AS v FROM {{all}}) WHERE v IS NOT NULL"
    columns = ", ".join(f'{text} AS "{place}"' for place, text in enumerate(texts))
    turned = f"UNPIVOT (SELECT {columns} FROM {{all}}) ON * INTO NAME place VALUE v"
    return f"SELECT CAST(place AS INTEGER) AS place, v FROM ({turned})"


def _text_of(column: str, nulls: Sequence[str]) -> str:
    """Return SQL for a column's value as text, null for each of ``nulls``; ``column`` is SQL for the column."""
    listed = ", ".join(map(literal, nulls))
    value = f"CASE WHEN {column} IN ({listed}) THEN NULL ELSE {column} END" if nulls else column
    return f"CAST({value} AS VARCHAR)"
