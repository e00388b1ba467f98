"""Finds values of a column that may be wrong: sound as text, and yet not what anybody meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sluice.confined import literal
from sluice.profiling.guesses import MARKS
from sluice.profiling.measures import BEGINNING, shown
from sluice.profiling.studies import Studied
from sluice.profiling.tallies import Tally

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


def suspicions(tally: Tally, columns: Sequence[Studied], nulls: Sequence[str]) -> list[list[Suspicion]]:
    """Return what may be wrong with each of the columns, which are those of the tally in order."""
    found = [list(_of_whole(column)) for column in columns]
    texts = [place for place, column in enumerate(columns) if _is_text(column)]
    for what, (test, fits) in _tests(nulls).items():
        for place, suspicion in _tested(tally, what, test, [p for p, column in enumerate(columns) if fits(column)]):
            found[place].append(suspicion)
    for what, shape in (("no number", _NUMBER), ("no day", _DAY)):
        test = f"NOT regexp_full_match(v, {literal(shape)})"
        for place, suspicion in _tested(tally, f"{what}, as nearly all others are", test, texts):
            there = columns[place].measures.rows - columns[place].measures.nulls
            if suspicion.count <= there * (1 - _NEARLY_ALL):
                found[place].append(suspicion)
    for place, suspicion in _spelled_differently(tally, texts):
        found[place].append(suspicion)
    numbers = [place for place, column in enumerate(columns) if _is_number(column)]
    for place, suspicion in _far_away(tally, numbers):
        found[place].append(suspicion)
    return found


def _tests(nulls: Sequence[str]) -> dict[str, tuple[str, Callable[[Studied], bool]]]:
    """Return what may be wrong with a value, in SQL, and of which columns that is asked."""
    return {
        "blanks around the value": ("v <> trim(v, ' \t\u00a0')", lambda column: not _trimmed(column)),
        "stands for no value, perhaps": (
            f"v IN ({', '.join(literal(m) for m in MARKS if m not in nulls)})", lambda _: True,
        ),
        "characters that are not seen": (
            "regexp_matches(v, '[\\x00-\\x08\\x0b-\\x1f\\x7f\u200b\u200e\u200f\ufeff]')", lambda _: True,
        ),
        "letters read in a wrong encoding": (f"regexp_matches(v, {literal(_GARBLED)})", lambda _: True),
    }  # fmt: skip


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


def _is_text(column: Studied) -> bool:
    return column.column.type.name == "string" and column.column.format is None


def _is_number(column: Studied) -> bool:
    """Return whether it is a column of numbers that are written plainly."""
    spelling = column.column.spelling
    plain = spelling is None or (spelling.decimal == "." and not spelling.group)
    return plain and column.column.type.name in ("int", "bigint", "float", "double", "decimal")


def _of(places: Sequence[int]) -> str:
    """Return SQL that holds for the columns at the places; for none of them when there are none."""
    return f"list_contains([{', '.join(map(str, places))}]::INTEGER[], place)"


def _tested(tally: Tally, what: str, test: str, places: Sequence[int]) -> Iterator[tuple[int, Suspicion]]:
    """Yield the columns of which the test holds for some values, the most frequent ones as examples."""
    found = tally.ask(
        f"SELECT place, sum(n)::BIGINT, min({{'n': -n, 'v': {BEGINNING}}}, {_MOST_EXAMPLES}) FROM {{tally}} "
        f"WHERE {_of(places)} AND {test} GROUP BY place"
    )
    for place, ((count, examples),) in found.items():
        yield place, Suspicion(what, count, tuple(shown(each["v"]) for each in examples))


def _spelled_differently(tally: Tally, places: Sequence[int]) -> Iterator[tuple[int, Suspicion]]:
    """Yield the texts that differ in case or blanks from more frequent ones."""
    grouped = (
        "SELECT place, max(n) AS most, arg_max(v, {'n': n, 'v': v}) AS usual, arg_min(v, {'n': n, 'v': v}) AS seldom, "
        f"sum(n) AS n FROM {{tally}} WHERE {_of(places)} GROUP BY place, lower(trim(v)) HAVING count(*) > 1"
    )
    found = tally.ask(
        "SELECT place, sum(n - most)::BIGINT, min({'n': -n, 'seldom': seldom, 'usual': usual}, "
        f"{_MOST_EXAMPLES}) FROM ({grouped}) GROUP BY place"
    )
    for place, ((count, pairs),) in found.items():
        examples = tuple(f"{shown(pair['seldom'])!r} beside {shown(pair['usual'])!r}" for pair in pairs)
        yield place, Suspicion("spelled differently from others", count, examples)


def _far_away(tally: Tally, places: Sequence[int]) -> Iterator[tuple[int, Suspicion]]:
    """Yield the numbers that are far from most others."""
    quartiles = tally.ask(
        "SELECT place, approx_quantile(d, 0.25), approx_quantile(d, 0.75) FROM "
        f"(SELECT place, TRY_CAST(v AS DOUBLE) AS d FROM {{values}}) WHERE {_of(places)} AND isfinite(d) GROUP BY place"
    )
    near = []
    for place, ((low, high),) in quartiles.items():
        reach = _FAR * (high - low)
        # Else no number is that far away; and SQL has no word for infinity.
        if high > low and math.isfinite(low - reach) and math.isfinite(high + reach):
            near.append(f"({place}, {low - reach!r}::DOUBLE, {high + reach!r}::DOUBLE)")
    if not near:
        return
    far = tally.ask(
        f"SELECT place, sum(n)::BIGINT, min({{'d': -abs(d), 'v': v}}, {_MOST_EXAMPLES}) FROM "
        "(SELECT place, v, n, TRY_CAST(v AS DOUBLE) AS d FROM {tally}) "
        f"JOIN (VALUES {', '.join(near)}) AS near(place, low, high) USING (place) WHERE d < low OR d > high "
        "GROUP BY place"
    )
    for place, ((count, examples),) in far.items():
        yield place, Suspicion("far from most others", count, tuple(shown(each["v"]) for each in examples))
