"""Athena's aggregates and functions over windows, composed of proven calls.

https://trino.io/docs/current/functions/aggregate.html https://trino.io/docs/current/functions/window.html
"""

from __future__ import annotations

from collections.abc import Callable

from sluice.transforms.check_sql.both import Both, Over, cast, kept, proven
from sluice.transforms.functions.signatures import Refused
from sluice.transforms.functions.spark_types import is_decimal

_DOUBLES = (
    "depends on the order of rows, which no engine promises; add whole numbers, as in sum(CAST(x * 100 AS bigint)), "
    "write DECIMAL '1.5' for 1.5, or declare it as a decimal in the contract that it comes from"
)
_ALL_OF_64 = "decimal(19,0)"


def counted(given: Both, over: Over) -> Both:
    """Return how many values are not NULL; of any type."""
    return Both(f"count({given.duckdb}){over.duckdb}", f"count({given.spark}){over.spark}", "bigint")


def counted_rows(over: Over) -> Both:
    """Return how many rows there are."""
    return Both(f"count(*){over.duckdb}", f"count(*){over.spark}", "bigint")


def counted_apart(given: Both, over: Over) -> Both:
    """Return how many values there are that differ."""
    return proven("count_distinct", given, over=over)


def summed(given: Both, over: Over) -> Both:
    """Return the sum: of 64 bits NULL where 64 bits do not hold it, where Athena stops."""
    if given.type == "double":
        raise Refused(f"on (double) it {_DOUBLES}")
    if given.type == "bigint":
        return cast(proven("sum", cast(given, _ALL_OF_64), over=over), "bigint")
    return proven("sum", given, over=over)


def averaged(given: Both, over: Over) -> Both:
    """Return the average: of whole numbers a double, of a decimal one of four more digits."""
    if given.type == "double":
        raise Refused(f"on (double) it {_DOUBLES}")
    if given.type == "bigint":
        total = cast(proven("sum", cast(given, _ALL_OF_64), over=over), "double")
        return proven("/", total, cast(counted(given, over), "double"))
    return proven("avg", given, over=over)


def extreme(name: str) -> Callable[[Both, Over], Both]:
    """Return what makes the greatest or least value: NaN is the greatest."""

    def made(given: Both, over: Over) -> Both:
        if given.type != "double":
            return proven(name, given, over=over)
        # No double here has a sign of zero, which is where the engines differ.
        return kept(Both(f"{name}({given.duckdb}){over.duckdb}", f"{name}({given.spark}){over.spark}", "double"))

    return made


def plain(name: str) -> Callable[[Both, Over], Both]:
    """Return what makes a call of a proven aggregate."""
    return lambda given, over: proven(name, given, over=over)


def beside(name: str, given: Both, places: Both | None, default: Both | None, over: Over) -> Both:
    """Return the value so many rows before or after."""
    if default is None:
        return proven(name, given, *([places] if places else []), over=over)
    assert places is not None
    if not default.literal or is_decimal(given.type) or default.type != given.type:
        raise Refused("its default is a literal of the same type; use coalesce where no value is NULL")
    return proven(name, given, places, default, over=over)
