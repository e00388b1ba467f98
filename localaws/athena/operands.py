"""Refuses values of types that a clause, an operator or a call of Athena does not take: what has no order, and more.

DuckDB has an order for every type; what is no truth stands in ``semantics``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.signatures import CALL
from localaws.athena.typing import DType

_UNKNOWN: Final = (DType.UNKNOWN, DType.NULL)
_UNORDERED: Final = (DType.MAP, DType.JSON)
#: Calls that put the values of one argument in an order, by its place.
_ORDERED: Final = {
    "max": 0, "min": 0, "greatest": 0, "least": 0, "max_by": 1, "min_by": 1, "array_sort": 0, "array_max": 0,
    "array_min": 0,
}  # fmt: skip
#: Calls whose function says of each value whether it is meant.
_TELLING: Final = frozenset({"filter", "any_match", "all_match", "none_match", "map_filter"})
_COMPARED: Final = {exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_OF_ONE_TYPE: Final = {**_COMPARED, exp.EQ: "=", exp.NEQ: "<>", exp.Add: "+", exp.Sub: "-"}
_ADDED: Final = frozenset({*types.INTEGERS, *types.FLOATS, DType.DECIMAL, DType.INTERVAL})
_OF_TIME: Final = frozenset({"HOUR", "MINUTE", "SECOND"})


def check_operands(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise TYPE_MISMATCH or FUNCTION_NOT_FOUND, as Trino does, for operands of a typed query that have a wrong type.

    What has no known type passes: DuckDB tells it. ``position`` returns the line and column of a node.
    """
    for node in tree.walk():
        _check_intervals(node, position)
        _check_order(node, position)
        _check_call(node, position)
        if isinstance(node, exp.Extract) and node.name.upper() in _OF_TIME and _kind(node.expression) == DType.DATE:
            raise QueryFailed(
                "TYPE_MISMATCH", f"{position(node.expression)}: Cannot extract {node.name.upper()} from date"
            )


def check_using(tree: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise COLUMN_NOT_FOUND for ``t.a`` where a join with USING (a) has made one column of the tables'."""
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or []
        source = select.args.get("from_")
        tables = {source.this.alias_or_name} if source is not None else set()
        shared: set[tuple[str, str]] = set()
        for join in joins:
            tables.add(join.this.alias_or_name)
            names = [each.name.lower() for each in join.args.get("using") or []]
            shared |= {(table.lower(), name) for table in tables for name in names}
        for column in select.find_all(exp.Column) if shared else ():
            if column.find_ancestor(exp.Select) is select and (column.table.lower(), column.name.lower()) in shared:
                shown = f"{column.table}.{column.name}"
                raise QueryFailed(
                    "COLUMN_NOT_FOUND", f"{position(column.args['table'])}: Column '{shown}' cannot be resolved"
                )


def _check_intervals(node: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    """Raise for an operator of an interval of months and one of days, which are two types."""
    if type(node) in _OF_ONE_TYPE and isinstance(node, exp.Binary):
        left, right = node.left.type, node.right.type
        if left is not None and right is not None and left.this == right.this == DType.INTERVAL and left != right:
            shown = f"{types.trino_name(left)} {_OF_ONE_TYPE[type(node)]} {types.trino_name(right)}"
            raise QueryFailed("TYPE_MISMATCH", f"{position(node)}: Cannot apply operator: {shown}")
    for values in _of_one_column(node):
        kinds = list(dict.fromkeys(types.trino_name(each.type) for each in values if _kind(each) == DType.INTERVAL))
        if len(kinds) > 1:
            shown = " and ".join(kinds)
            raise QueryFailed("TYPE_MISMATCH", f"{position(node)}: Cannot find common type between {shown}")


def _of_one_column(node: exp.Expr) -> list[list[Any]]:
    """Return the values of which each becomes one type with those beside it."""
    if isinstance(node, exp.Coalesce):
        return [[node.this, *node.expressions]]
    if isinstance(node, exp.Case):
        return [[*(each.args.get("true") for each in node.args["ifs"]), node.args.get("default")]]
    if isinstance(node, exp.If):
        return [[node.args.get("true"), node.args.get("false")]]
    if isinstance(node, exp.Array):
        return [node.expressions]
    if isinstance(node, exp.SetOperation):
        return [list(each) for each in zip(node.left.selects, node.right.selects, strict=False)]
    return []


def _check_order(node: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    if type(node) in _COMPARED and isinstance(node, exp.Binary):
        for value in (node.left, node.right):
            if _without_order(value.type) is not None and not isinstance(value, exp.Any | exp.All):
                shown = _COMPARED[type(node)].join(
                    f" {types.trino_name(each.type)} " for each in (node.left, node.right)
                )
                raise QueryFailed("TYPE_MISMATCH", f"{position(node)}: Cannot apply operator: {shown.strip()}")
    elif isinstance(node, exp.Between) and _without_order(node.this.type) is not None:
        low, high = (types.trino_name(node.args[key].type) for key in ("low", "high"))
        shown = f"Cannot check if {types.trino_name(node.this.type)} is BETWEEN {low} and {high}"
        raise QueryFailed("TYPE_MISMATCH", f"{position(node)}: {shown}")
    elif isinstance(node, exp.Ordered) and (found := _without_order(node.this.type)) is not None:
        use = "window function ORDER BY" if node.find_ancestor(exp.Window, exp.Query) else "ORDER BY"
        shown = types.trino_name(found)
        raise QueryFailed(
            "TYPE_MISMATCH",
            f"{position(node)}: Type {shown} is not orderable, and therefore cannot be used in {use}: "
            f"{node.this.sql('athena')}",
        )


def _check_call(node: exp.Expr, position: Callable[[exp.Expr], str]) -> None:
    if isinstance(node, exp.Window):
        inner = node.this.this if isinstance(node.this, exp.IgnoreNulls | exp.RespectNulls | exp.Filter) else node.this
        if isinstance(inner, exp.AggFunc) and isinstance(inner.this, exp.Distinct):
            shown = node.sql("athena")
            raise QueryFailed(
                "NOT_SUPPORTED",
                f"{position(node)}: DISTINCT in window function parameters not yet supported: {shown}",
            )
    if (noted := node.meta.get(CALL)) is None:
        return
    name, given = noted[0], _arguments(node, noted[1])
    told = given[-1] if name in _TELLING and given else None
    if isinstance(told, exp.Lambda) and _kind(told.this) not in (DType.BOOLEAN, *_UNKNOWN):
        raise _unexpected(name, given, position(node))
    if name in ("sum", "avg") and given:
        value = given[0].expressions[0] if isinstance(given[0], exp.Distinct) else given[0]
        if _kind(value) not in (*_ADDED, *_UNKNOWN):
            raise _unexpected(name, [value], position(node))
    place = _ORDERED.get(name)
    if place is not None and place < len(given) and not isinstance(given[-1], exp.Lambda):
        values = given if name in ("greatest", "least") else [given[place]]
        if any(_without_order(each.type) is not None for each in values if isinstance(each, exp.Expr)):
            raise _unexpected(name, given, position(node))


def _arguments(node: exp.Expr, places: list[Any]) -> list[Any]:
    found = []
    for key, index in (place for place in places if place is not None):
        value = node.args.get(key)
        value = value[index] if index is not None and isinstance(value, list) and index < len(value) else value
        if isinstance(value, exp.Expr):
            found.append(value)
    return found


def _unexpected(name: str, given: list[Any], place: str) -> QueryFailed:
    kinds = ", ".join("<function>" if isinstance(each, exp.Lambda) else types.trino_name(each.type) for each in given)
    return QueryFailed("FUNCTION_NOT_FOUND", f"{place}: Unexpected parameters ({kinds}) for function {name}")


def _without_order(kind: Any) -> Any:
    """Return the part of a type that has no order, or None."""
    if not isinstance(kind, exp.DataType):
        return None
    if kind.this in _UNORDERED:
        return kind
    if kind.this in (DType.ARRAY, DType.STRUCT):
        for _, inner in types.fields(kind):
            if (found := _without_order(inner)) is not None:
                return found
    return None


def _kind(node: Any) -> DType:
    return node.type.this if isinstance(node, exp.Expr) and node.type is not None else DType.UNKNOWN
