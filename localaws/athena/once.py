"""Values that are to be computed once, however often they are in what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena.fresh import fresh
from localaws.athena.unnest import call

_BY_CHANCE = (exp.Rand, exp.Uuid)


def by_chance(value: exp.Expr) -> bool:
    """Return whether a value may be another each time that it is computed."""
    return value.find(*_BY_CHANCE) is not None or any(
        each.name in ("random", "athena_shuffled") for each in value.find_all(exp.Anonymous)
    )


def heavy(value: exp.Expr) -> bool:
    """Return whether a value is to be computed, and written, once: it has a query or a comparison inside, or chance."""
    return value.find(exp.Query, exp.Case, exp.If, exp.Predicate, exp.Lambda) is not None or by_chance(value)


def once_if_heavy(values: list[Any], made: Callable[..., exp.Expr]) -> exp.Expr:
    """Return what is made of values: of each once if one of them is heavy, otherwise as often as it is written."""
    return once(values, made) if any(map(heavy, values)) else made(*[each.copy() for each in values])


def once(values: list[Any], made: Callable[..., exp.Expr], *within: exp.Expr) -> exp.Expr:
    """Return what is made of values, each of which is computed once however often it is in what is made."""
    if all(isinstance(each, exp.Column | exp.Identifier | exp.Literal) for each in values):
        return made(*[each.copy() for each in values])
    name = fresh(*values, *within)
    parts = [call("struct_extract", name.copy(), exp.Literal.number(place)) for place in range(1, len(values) + 1)]
    row = call("list_value", call("row", *[each.copy() for each in values]))
    flags = call("list_transform", row, exp.Lambda(this=made(*parts), expressions=[name]))
    return call("list_extract", flags, exp.Literal.number(1))
