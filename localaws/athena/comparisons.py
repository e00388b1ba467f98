"""Comparisons, and what decides by them, as strict as Trino's; DuckDB would accept more, and takes NaN for a number."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.equality import (
    chance_in,
    equal_tuples,
    holds_others,
    may_be_nan,
    nested_comparison,
    nested_in,
    nullif,
    of_equal,
    one_of,
    simple_case,
    unknown_beside,
)
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.once import by_chance, heavy, once, once_if_heavy
from localaws.athena.quantified import quantified
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call
from localaws.athena.zones import common_zone

_ORDERED = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}


def comparison_rule(node: Any) -> exp.Expr:
    """Return the comparison as Trino makes it; raise for one of types that Trino does not compare."""
    _check_comparison(node)
    _leave_out_padding(node)
    if isinstance(node, exp.EQ | exp.NEQ) and holds_others(node.this) and holds_others(node.expression):
        return nested_comparison(node)
    if isinstance(node, exp.EQ | exp.NEQ | exp.In):
        _refuse_unknown([node.this, node.args.get("expression"), *node.expressions])
    by_query = node.args.get("query") is not None or isinstance(node.args.get("expression"), exp.Any | exp.All)
    if by_query and (holds_others(node.this) or isinstance(node.this, exp.Tuple)):
        raise not_supported("IN, ANY or ALL of a query, of arrays, maps and rows", allowed="EXISTS with =")
    if isinstance(node.this, exp.Tuple) and isinstance(node, exp.EQ | exp.NEQ | exp.In):
        return equal_tuples(node)
    if isinstance(node, exp.In) and not by_query and node.expressions and holds_others(node.this):
        return nested_in(node)
    return _with_nan(node)


def _refuse_unknown(values: list[Any]) -> None:
    if unknown_beside([each for each in values if each is not None]):
        raise not_supported("a comparison of arrays, maps or rows whose types cannot be derived")


def equality_rule(node: Any) -> exp.Expr:
    """Return ``nullif`` or a simple ``CASE`` by Trino's equality; raise for types that Trino does not compare."""
    _refuse_unknown(
        [node.this, node.args.get("expression"), *(each.this for each in node.args.get("ifs", []) if node.this)]
    )
    if isinstance(node, exp.Nullif):
        _check_operands(node.this, [node.expression], "=")
        return nullif(node)
    if node.this is not None:
        _check_operands(node.this, [each.this for each in node.args["ifs"]], "=")
    return simple_case(node)


def _leave_out_padding(node: Any) -> None:
    """Have what is compared with a char(n) have no spaces at its end, as neither counts there."""
    others = [key for key in ("this", "expression", "low", "high") if isinstance(node.args.get(key), exp.Expr)]
    parts = [*(node.args[key] for key in others), *node.args.get("expressions", [])]
    if not any(part.type is not None and part.type.this == DType.CHAR for part in parts):
        return
    for part in parts:
        if part.type is not None and part.type.this in types.TEXT:
            bare = call("rtrim", part.copy(), exp.Literal.string(" "))
            bare.type = part.type
            part.replace(bare)


def _with_nan(node: Any) -> exp.Expr:
    """Return a comparison of doubles in which NaN is equal to, less and greater than nothing; to DuckDB it is a number.

    https://trino.io/docs/current/functions/math.html#floating-point-functions
    """
    found = node
    other = _first_of_query(node)
    if isinstance(node, exp.In) and node.expressions:
        if may_be_nan(node.this) and any(may_be_nan(each) for each in node.expressions):
            found = one_of(node.this, node.expressions)
        elif by_chance(node.this):
            found = chance_in(node.this, node.expressions)
    elif other is not None:
        unknown = other.type is None or other.type.this in (DType.UNKNOWN, DType.NULL)
        mine, theirs = may_be_nan(node.this), may_be_nan(other) or (unknown and _has_floats(node, other))
        ordered = not isinstance(node, exp.EQ | exp.NEQ | exp.In) and (mine or theirs)
        found = quantified(node) if ordered or (mine and (unknown or theirs)) else node
    elif isinstance(node, exp.EQ | exp.NEQ):
        if may_be_nan(node.this) and may_be_nan(node.expression):
            same = of_equal(node.this, node.expression)
            found = same if isinstance(node, exp.EQ) else exp.Not(this=same)
    elif isinstance(node, exp.GT | exp.GTE):
        found = _unless_nan(node, node.this, node.expression)
    elif isinstance(node, exp.LT | exp.LTE):
        found = _unless_nan(node, node.expression, node.this)
    elif isinstance(node, exp.Between) and any(may_be_nan(each) for each in node.iter_expressions()):
        found = _between(node)
    return found  # type: ignore[no-any-return]


def _between(node: Any) -> exp.Expr:
    """Return ``BETWEEN`` as both of its comparisons, of which each may be open by a NULL and the other still false."""
    given = [node.this, node.args["low"], node.args["high"]]

    def made(value: exp.Expr, low: exp.Expr, high: exp.Expr) -> exp.Expr:
        for each, source in zip((value, low, high), given, strict=True):
            each.type = source.type
        above = exp.GTE(this=value, expression=low, meta={DONE: True})
        below = exp.LTE(this=value.copy(), expression=high, meta={DONE: True})
        parts = [_unless_nan(above, value, low, given[0]), _unless_nan(below, high, value, given[2])]
        return exp.Paren(this=exp.and_(*parts))

    return once_if_heavy(given, made)


def _has_floats(node: Any, column: exp.Expr) -> bool:
    """Return whether what may be NaN stands in the column that a query of ``ANY``, ``ALL`` or ``IN`` has of VALUES."""
    beside = node.args["query"] if isinstance(node, exp.In) else node.expression.this
    for values in _values_read(beside):
        names = values.alias_column_names
        place = names.index(column.name) if column.name in names else 0
        for row in values.expressions:
            parts = row.expressions if isinstance(row, exp.Tuple) else [row]
            if place < len(parts) and may_be_nan(parts[place]):
                return True
    return False


def _values_read(query: Any) -> Iterator[Any]:
    """Yield the VALUES that a query is of, or selects from."""
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if isinstance(query, exp.Values):
        yield query
    elif isinstance(query, exp.SetOperation):
        yield from _values_read(query.left)
        yield from _values_read(query.right)
    elif isinstance(query, exp.Select) and query.args.get("from_") is not None:
        yield from _values_read(query.args["from_"].this)


def _first_of_query(node: Any) -> Any:
    """Return the column of the query of ``IN``, ``ANY`` or ``ALL``; None for another comparison."""
    beside = node.args.get("query") if isinstance(node, exp.In) else node.args.get("expression")
    if not isinstance(beside, exp.Any | exp.All) and not isinstance(node, exp.In):
        return None
    query = beside.this.unnest() if beside is not None else None
    return query.selects[0] if isinstance(query, exp.Query) and query.selects else None


def _unless_nan(node: exp.Expr, value: exp.Expr, other: exp.Expr, written: Any = None) -> exp.Expr:
    """Return a comparison that is false where ``value`` is NaN, and open where ``other`` is NULL."""
    if not may_be_nan(value if written is None else written):
        return node
    if heavy(value) or heavy(other):  # each written once, or what is nested would double with each level

        def again(mine: exp.Expr, theirs: exp.Expr) -> exp.Expr:
            pair = (mine, theirs) if value is node.this else (theirs, mine)
            made = type(node)(this=pair[0].copy(), expression=pair[1].copy(), meta={DONE: True})
            return _unless_nan(made, mine, theirs, value)

        return once([value, other], again)
    holds: exp.Expr = exp.Not(this=call("isnan", value.copy()))
    if not isinstance(other, exp.Literal):
        holds = exp.Paren(this=exp.or_(holds, other.copy().is_(exp.null())))
    return exp.Paren(this=exp.And(this=node.copy(), expression=holds))


def _check_comparison(node: Any) -> None:
    if isinstance(node, exp.In):
        others = list(node.expressions)
        query = node.args.get("query")
        if query is not None and isinstance(query.this, exp.Query) and query.this.selects:
            others.append(query.this.selects[0])
    elif isinstance(node, exp.Between):
        others = [node.args["low"], node.args["high"]]
    else:
        others = [node.expression]
    operator = _ORDERED.get(type(node), "BETWEEN" if isinstance(node, exp.Between) else "IN")
    _check_operands(node.this, [_compared(each) for each in others], operator)


def _check_operands(one: Any, others: list[Any], operator: str) -> None:
    for other in others:
        if one.type is not None and other.type is not None and not _comparable(one.type, other.type):
            raise QueryFailed(
                "TYPE_MISMATCH",
                f"line 1:1: Cannot apply operator: {_literal_name(one)} {operator} {_literal_name(other)}",
            )


def distinct_rule(node: Any) -> exp.Expr:
    """Return ``IS [NOT] DISTINCT FROM``; raise for values of types that Trino does not compare."""
    one, other = node.this, node.expression
    if one.type is not None and other.type is not None and not _comparable(one.type, other.type):
        shown = f"Cannot check if {_literal_name(one)} is distinct from {_literal_name(other)}"
        raise QueryFailed("TYPE_MISMATCH", f"line 1:1: {shown}")
    return node  # type: ignore[no-any-return]


def branches_rule(node: Any) -> exp.Expr:
    """Return ``node``; raise for branches or union columns whose types have no common type in Trino."""
    if isinstance(node, exp.SetOperation):
        pairs = [(left.type, right.type) for left, right in zip(node.left.selects, node.right.selects, strict=False)]
    else:
        parts = [part.args.get("true") for part in node.args.get("ifs", [])]
        parts += [node.args.get(key) for key in ("default", "true", "false")]
        if isinstance(node, exp.Coalesce):
            parts = [node.this, *node.expressions]
        kinds = [part.type for part in parts if part is not None]
        pairs = list(pairwise(kinds))
    for left, right in pairs:
        if left is not None and right is not None and DType.TIMESTAMPTZ == left.this == right.this:
            common_zone(left, right)
        if left is not None and right is not None and not _comparable(left, right):
            if isinstance(node, exp.SetOperation):
                raise _columns_apart(node, left, right)
            raise QueryFailed(
                "TYPE_MISMATCH",
                "line 1:1: All results must be the same type or coercible to a common type. Cannot find common type"
                f" between {types.trino_name(left)} and {types.trino_name(right)}",
            )
    return node  # type: ignore[no-any-return]


def _columns_apart(node: Any, left: exp.DataType, right: exp.DataType) -> QueryFailed:
    kinds = [(one.type, other.type) for one, other in zip(node.left.selects, node.right.selects, strict=True)]
    number = 1 + next(place for place, (one, other) in enumerate(kinds) if one is left and other is right)
    shown = f"{types.trino_name(left)}, {types.trino_name(right)}"
    name = type(node).__name__.upper()
    reason = f"line 1:1: column {number} in {name} query has incompatible types: {shown}"
    return QueryFailed("TYPE_MISMATCH", reason)


def _compared(other: Any) -> Any:
    """Return what is compared: the column of the query behind ANY or ALL, otherwise the operand itself."""
    query = other.this.unnest() if isinstance(other, exp.Any | exp.All) else None
    return query.selects[0] if isinstance(query, exp.Query) and query.selects else other


def _comparable(left: exp.DataType, right: exp.DataType) -> bool:
    nested = (DType.ARRAY, DType.MAP, DType.STRUCT)
    if left.this in nested or right.this in nested:
        if left.this != right.this:
            return bool({left.this, right.this} & {DType.UNKNOWN, DType.NULL})
        if not (left.expressions and right.expressions):
            return True
        mine, theirs = ([each for _, each in types.fields(kind)] for kind in (left, right))
        return len(mine) == len(theirs) and all(map(_comparable, mine, theirs))
    families = (
        {*types.INTEGERS, *types.FLOATS, DType.DECIMAL},
        set(types.TEXT),
        {DType.DATE, DType.TIMESTAMPTZ, *types.TIMESTAMPS},
        {DType.BOOLEAN},
        {DType.JSON},
        {DType.VARBINARY, DType.BINARY},
        {DType.UUID},
        {DType.INTERVAL},
    )
    known = [family for family in families if left.this in family]
    other = [family for family in families if right.this in family]
    return not known or not other or known == other


def _literal_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and node.is_string:
        return f"varchar({len(node.name)})"
    return types.trino_name(node.type) if node.type else "unknown"
