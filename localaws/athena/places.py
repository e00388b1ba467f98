"""Functions of an array's places: its combinations, and its elements in an order by chance."""

from __future__ import annotations

import itertools
import math
import secrets
from typing import Any, Final

from sqlglot import exp

from localaws.athena.fresh import several
from localaws.athena.unnest import call, cast

_MOST, _LARGEST = 100_000, 5


def combinations(length: int, size: int) -> list[list[int]]:
    """Return the places, counted from one, of each choice of so many elements."""
    if size < 0:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: combination size must not be negative: {size}")
    if size > _LARGEST:
        raise ValueError(f"INVALID_FUNCTION_ARGUMENT: combination size must not exceed {_LARGEST}: {size}")
    if math.comb(length, size) > _MOST:
        raise ValueError("INVALID_FUNCTION_ARGUMENT: combinations exceed max size")
    return [list(each) for each in itertools.combinations(range(1, length + 1), size)]


def shuffled(length: int) -> list[int]:
    """Return all places, counted from one, in an order by chance."""
    return secrets.SystemRandom().sample(range(1, length + 1), length)


#: By the name without ``athena_``: the function, the types of its arguments and of its result.
PLACES: Final[dict[str, tuple[Any, list[str], str]]] = {
    "combinations": (combinations, ["BIGINT", "BIGINT"], "BIGINT[][]"),
    "shuffled": (shuffled, ["BIGINT"], "BIGINT[]"),
}


def combinations_of(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``combinations(array, n)``."""
    array, size = node.expressions
    places, place = several(2, array, size)
    inner = call("list_transform", places.copy(), _element(array, place))
    found = call("athena_combinations", call("len", array.copy()), cast(size.copy(), "BIGINT"))
    return call("list_transform", found, exp.Lambda(this=inner, expressions=[places]))


def shuffle(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``shuffle(array)``."""
    (place,) = several(1, node.this)
    return call("list_transform", call("athena_shuffled", call("len", node.this.copy())), _element(node.this, place))


def _element(array: exp.Expr, place: exp.Identifier) -> exp.Lambda:
    return exp.Lambda(this=call("list_extract", array.copy(), place.copy()), expressions=[place])
