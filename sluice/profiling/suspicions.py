"""Finds values of a column that may be wrong: sound as text, and yet not what anybody meant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sluice.confined import literal
from sluice.profiling.guesses import MARKS
from sluice.profiling.measures import shown
from sluice.profiling.spool import Spool
from sluice.profiling.studies import Studied

_MOST_EXAMPLES = 5
#: From this share on the others are exceptions, where not all values of a column are of a kind.
_NEARLY_ALL = 0.9
_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*"
#: UTF-8 that was read as Latin-1 or Windows-1252 and written again, or lost on the way.
_GARBLED = "\u00c3[\u0080-\u00bf]|\u00c2[\u0080-\u00bf]|\u00e2\u20ac|\ufffd"
#: Numbers beyond the quartiles by so many times what lies between these are far away.
_FAR = 3.0


@dataclass(frozen=True)
class Suspicion:
    """What may be wrong with ``count`` records of a column, and some of their values."""

    what: str
    count: int
    examples: tuple[str, ...] = ()


def suspicions(spool: Spool, column: Studied, nulls: Sequence[str], values: str) -> list[Suspicion]:
    """Return what may be wrong with a column; ``values`` is SQL for its values as text, null where there is none."""
    found = list(_of_whole(column))
    if column.measures.rows == column.measures.nulls:
        return found
    tests = {
        "blanks around the value": "v <> trim(v, ' \t\u00a0')" if not _trimmed(column) else "",
        "stands for no value, perhaps": f"v IN ({', '.join(literal(m) for m in MARKS if m not in nulls)})",
        "characters that are not seen": "regexp_matches(v, '[\\x00-\\x08\\x0b-\\x1f\\x7f\u200b\u200e\u200f\ufeff]')",
        "letters read in a wrong encoding": f"regexp_matches(v, {literal(_GARBLED)})",
    }
    found += _tested(spool, values, {what: test for what, test in tests.items() if test})
    if column.column.type.name == "string" and column.column.format is None:
        found += _exceptions(spool, values)
        found += _spelled_differently(spool, values)
    elif column.column.type.name in ("int", "bigint", "float", "double", "decimal") and _plain(column):
        found += _far_away(spool, values)
    return found


def _of_whole(column: Studied) -> Iterator[Suspicion]:
    measures = column.measures
    there = measures.rows - measures.nulls
    if not there:
        yield Suspicion("no record has a value", measures.rows)
    elif measures.distinct == 1 and there > 1:
        yield Suspicion("one value alone", there, tuple(value for value, _ in measures.top[:1]))
    if column.reach and column.column.type.name in ("date", "timestamp"):
        low, high = column.reach
        if low < "1900":
            yield Suspicion("days before 1900", 1, (low,))
        if high >= "2100":
            yield Suspicion("days after 2099", 1, (high,))


def _trimmed(column: Studied) -> bool:
    return column.column.spelling is not None and column.column.spelling.trim


def _plain(column: Studied) -> bool:
    spelling = column.column.spelling
    return spelling is None or (spelling.decimal == "." and not spelling.group)


def _tested(spool: Spool, values: str, tests: dict[str, str]) -> Iterator[Suspicion]:
    """Yield what holds of some values."""
    counts = ", ".join(f"count(*) FILTER (WHERE {test})" for test in tests.values())
    (row,) = spool.ask(f"SELECT {counts} FROM (SELECT {values} AS v FROM {{all}})")
    for (what, test), count in zip(tests.items(), row, strict=True):
        if count:
            yield Suspicion(what, count, _examples(spool, values, test))


def _examples(spool: Spool, values: str, test: str) -> tuple[str, ...]:
    found = spool.ask(
        f"SELECT v FROM (SELECT {values} AS v FROM {{all}}) WHERE {test} "
        f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_MOST_EXAMPLES}"
    )
    return tuple(shown(value) for (value,) in found)


def _exceptions(spool: Spool, values: str) -> Iterator[Suspicion]:
    """Yield the few texts of a column that is numbers or days but for them."""
    kinds = {"no number": _NUMBER, "no day": _DAY}
    for what, shape in kinds.items():
        test = f"NOT regexp_full_match(v, {literal(shape)})"
        ((odd, there),) = spool.ask(
            f"SELECT count(*) FILTER (WHERE {test}), count(v) FROM (SELECT {values} AS v FROM {{all}})"
        )
        if 0 < odd <= there * (1 - _NEARLY_ALL):
            yield Suspicion(f"{what}, as nearly all others are", odd, _examples(spool, values, test))


def _spelled_differently(spool: Spool, values: str) -> Iterator[Suspicion]:
    """Yield the texts that differ in case or blanks from more frequent ones."""
    grouped = (
        f"SELECT lower(trim(v)) AS k, count(*) AS n, max(c) AS most, arg_max(v, c) AS usual, "
        f"arg_min(v, c) AS seldom, sum(c) AS c FROM (SELECT {values} AS v, count(*) AS c FROM {{all}} GROUP BY 1) "
        "WHERE v IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    )
    ((count,),) = spool.ask(f"SELECT coalesce(sum(c - most), 0)::BIGINT FROM ({grouped})")
    if count:
        found = spool.ask(f"SELECT seldom, usual FROM ({grouped}) ORDER BY c DESC, 1 LIMIT {_MOST_EXAMPLES}")
        examples = tuple(f"{shown(seldom)!r} beside {shown(usual)!r}" for seldom, usual in found)
        yield Suspicion("spelled differently from others", count, examples)


def _far_away(spool: Spool, values: str) -> Iterator[Suspicion]:
    """Yield the numbers that are far from most others."""
    ((low, high),) = spool.ask(
        "SELECT approx_quantile(d, 0.25), approx_quantile(d, 0.75) "
        f"FROM (SELECT TRY_CAST({values} AS DOUBLE) AS d FROM {{all}}) WHERE isfinite(d)"
    )
    if low is None or high <= low:
        return
    reach = _FAR * (high - low)
    if not (math.isfinite(low - reach) and math.isfinite(high + reach)):
        return  # no number is that far away; and SQL has no word for infinity
    test = f"(TRY_CAST(v AS DOUBLE) < {low - reach!r} OR TRY_CAST(v AS DOUBLE) > {high + reach!r})"
    ((count,),) = spool.ask(f"SELECT count(*) FROM (SELECT {values} AS v FROM {{all}}) WHERE {test}")
    if count:
        found = spool.ask(
            f"SELECT DISTINCT v, TRY_CAST(v AS DOUBLE) AS d FROM (SELECT {values} AS v FROM {{all}}) WHERE {test} "
            f"ORDER BY abs(d) DESC, 1 LIMIT {_MOST_EXAMPLES}"
        )
        yield Suspicion("far from most others", count, tuple(shown(value) for value, _ in found))
