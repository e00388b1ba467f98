"""Functions of arrays, maps and rows whose lambdas have two parameters, or whose rows have no names, for DuckDB.

DuckDB's lambdas take an element and its number; a map's entry, or two elements side by side, is one element there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.annotate_nested import FIELD
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.fresh import fresh, several
from localaws.athena.once import once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast, field_of

_FIRST: Final = exp.Literal.number(1)


def row(node: Any) -> exp.Expr:
    """Return a row without names, whose fields DuckDB casts by their place."""
    return call("row", *[part.copy() for part in node.expressions])


def field(node: Any) -> exp.Expr:
    """Return the field of a row that a subscript names by its number."""
    found = node.meta.get(FIELD)
    if found is None:
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", "line 1:1: the subscript of a row is the number of a field")
    return field_of(node.this.copy(), found)


def sorted_by(node: Any) -> exp.Expr:
    """Return an array in the order of a comparator: each element behind those that it says come before it."""
    one, other, number, another, place = several(5, node.this, node.expression)
    before: exp.Expr = exp.LT(
        this=_with(node.expression, other, one), expression=exp.Literal.number(0), meta={DONE: True}
    )
    before = exp.and_(before, exp.NEQ(this=number.copy(), expression=another.copy(), meta={DONE: True}))
    smaller = call(
        "len",
        call("list_filter", node.this.copy(), exp.Lambda(this=before, expressions=[other.copy(), another.copy()])),
    )
    ranked = call("list_transform", node.this.copy(), exp.Lambda(
        this=call("row", smaller, number.copy()), expressions=[one.copy(), number.copy()]
    ))  # fmt: skip
    found = call("list_extract", node.this.copy(), field_of(place.copy(), 2))
    return call("list_transform", call("list_sort", ranked), exp.Lambda(this=found, expressions=[place]))


def _with(function: Any, *values: exp.Expr) -> exp.Expr:
    """Return a lambda's body with these values in the place of its parameters."""
    given = dict(zip((parameter.name for parameter in function.expressions), values, strict=False))
    if len(given) != len(function.expressions) or len(values) != len(function.expressions):
        raise not_supported(f"a lambda of {len(function.expressions)} parameters here")

    body = exp.Paren(this=function.this.copy())
    for found in [each for each in body.find_all(exp.Identifier) if each.name in given and _is_free(each)]:
        found.replace(given[found.name].copy())
    return body


def _is_free(name: exp.Identifier) -> bool:
    """Return whether a name in a lambda's body is no column, field or type, and of no lambda within the body."""
    parent = name.parent
    if isinstance(parent, exp.Column | exp.ColumnDef) or (isinstance(parent, exp.Dot) and name.arg_key == "expression"):
        return False
    while parent is not None:
        if isinstance(parent, exp.Lambda) and any(each.name == name.name for each in parent.expressions):
            return False
        parent = parent.parent
    return True


def _pairs(function: Any, one: str | int, other: str | int) -> exp.Expr:
    """Return a lambda of two parameters as one of a pair, whose parts are found at these places."""
    pair = fresh(function)
    body = _with(function, field_of(pair.copy(), one), field_of(pair.copy(), other))
    return exp.Lambda(this=body, expressions=[pair])


def _map_filter(node: Any) -> exp.Expr:
    entries, function = node.expressions
    kept = call("list_filter", call("map_entries", entries.copy()), _pairs(function, "key", "value"))
    return call("map_from_entries", kept)


def _made(node: Any) -> exp.Expr:
    entries, function = node.expressions
    return call("list_transform", call("map_entries", entries.copy()), _pairs(function, "key", "value"))


def _map_entries(node: Any) -> exp.Expr:
    entry = fresh()
    body = call("row", field_of(entry.copy(), "key"), field_of(entry.copy(), "value"))
    entries = call("map_entries", node.expressions[0].copy())
    return call("list_transform", entries, exp.Lambda(this=body, expressions=[entry]))


def _zip(node: Any) -> exp.Expr:
    return _unless_null([each.copy() for each in node.expressions], lambda arrays: call("list_zip", *arrays))


def _zip_with(node: Any) -> exp.Expr:
    *arrays, function = node.expressions
    return _unless_null(
        [each.copy() for each in arrays],
        lambda given: call("list_transform", call("list_zip", *given), _pairs(function, 1, 2)),
    )


def _unless_null(arrays: list[exp.Expr], made: Callable[[list[exp.Expr]], exp.Expr]) -> exp.Expr:
    def of(*given: exp.Expr) -> exp.Expr:
        there = exp.and_(*[each.copy().is_(exp.null()).not_() for each in given])
        return exp.Case(ifs=[exp.If(this=there, true=made([each.copy() for each in given]))], meta={DONE: True})

    return once_if_heavy(arrays, of)


def _map_zip_with(node: Any) -> exp.Expr:
    one, other, function = node.expressions

    def made(given: list[exp.Expr]) -> exp.Expr:
        key = fresh(function, *given)
        values = [call("list_extract", call("map_extract", each.copy(), key.copy()), _FIRST.copy()) for each in given]
        keys = call("athena_array_union", *[call("map_keys", each.copy()) for each in given])
        body = exp.Lambda(this=_with(function, key, *values), expressions=[key])
        return call("map", keys, call("list_transform", keys.copy(), body))

    return _unless_null([one.copy(), other.copy()], made)


def _multimap_from_entries(node: Any) -> exp.Expr:
    (entries,) = node.expressions
    element = types.element_of(entries.type)
    if element is None or element.this != DType.STRUCT:
        raise not_supported("multimap_from_entries of a value whose type cannot be derived")

    def made(given: exp.Expr) -> exp.Expr:
        parts = []
        for place in types.places(element):
            entry = fresh(given)
            body = field_of(entry.copy(), place)
            parts.append(call("list_transform", given.copy(), exp.Lambda(this=body, expressions=[entry])))
        return call("athena_multimap", *parts)

    return once_if_heavy([entries], made)


def _reduce_agg(node: Any) -> exp.Expr:
    value, start, merge, _ = node.expressions
    kind = start.type
    if kind is not None and kind.this in (*types.TEXT, DType.STRUCT, DType.ARRAY, DType.MAP, DType.VARBINARY):
        shown = types.trino_name(kind)
        raise QueryFailed("NOT_SUPPORTED", f"line 1:1: State type not supported for reduce_agg: {shown}")
    if isinstance(node.parent, exp.Filter | exp.Window):
        raise not_supported("reduce_agg with FILTER or OVER")
    return call("list_reduce", _where_key(value, value), merge.copy(), start.copy())


def _most_frequent(node: Any) -> exp.Expr:
    buckets, value, _ = node.expressions
    if isinstance(buckets, exp.Literal) and int(buckets.name) <= 1:
        told = "approx_most_frequent bucket count must be greater than one, input bucket count: " + buckets.name
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", told)
    if isinstance(node.parent, exp.Filter | exp.Window):
        raise not_supported("approx_most_frequent with FILTER or OVER")
    if node.type is None or node.type.this == DType.UNKNOWN:
        raise not_supported("approx_most_frequent of a value whose type cannot be derived")
    return cast(call("athena_most_frequent", call("histogram", value.copy()), buckets.copy()), node.type)


def _multimap_agg(node: Any) -> exp.Expr:
    key, value = node.expressions
    return call("athena_multimap", *[_where_key(part, key) for part in (key, value)])


def map_agg(node: Any) -> exp.Expr:
    """Return the map of all pairs: of the first value of each key."""
    key, value = node.expressions
    return call("athena_map", *[_where_key(part, key) for part in (key, value)])


def _where_key(part: exp.Expr, key: exp.Expr) -> exp.Expr:
    kept = exp.Not(this=exp.Is(this=key.copy(), expression=exp.null()))
    return exp.Filter(this=call("list", part.copy()), expression=exp.Where(this=kept))


NESTED_FUNCTIONS: Final[dict[str, Callable[[Any], exp.Expr]]] = {
    "map_agg": map_agg,
    "multimap_agg": _multimap_agg,
    "map_union": lambda node: call("athena_map_union", call("list", node.expressions[0].copy())),
    "map_entries": _map_entries,
    "map_filter": _map_filter,
    "transform_values": lambda node: call("map", call("map_keys", node.expressions[0].copy()), _made(node)),
    "transform_keys": lambda node: call("map", _made(node), call("map_values", node.expressions[0].copy())),
    "zip": _zip,
    "zip_with": _zip_with,
    "map_zip_with": _map_zip_with,
    "multimap_from_entries": _multimap_from_entries,
    "reduce_agg": _reduce_agg,
    "approx_most_frequent": _most_frequent,
}
