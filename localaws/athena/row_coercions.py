"""Writes the casts of rows that Trino makes by itself where values get one type: in UNION, CASE, VALUES, arrays.

The fields of such rows come together by their places; where their names differ, the common type has none.
https://trino.io/docs/current/language/types.html#row
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.annotate import common_type
from localaws.athena.errors import not_supported
from localaws.athena.row_casts import alike
from localaws.athena.typing import DType

#: The functions, of those that sqlglot does not know, whose arguments get one type.
_ALIKE_NAMES: Final = frozenset({"array_union", "arrays_overlap", "map_concat", "concat", "contains_sequence"})


def coerce_rows(tree: exp.Expr) -> bool:
    """Cast the rows of a typed query that get one type; return whether there was one to cast."""
    found = False
    for node in list(tree.walk()):
        for values in _groups(node):
            found |= _made_alike(values)
    return found


def check_rows(tree: exp.Expr) -> None:
    """Raise where a row stands beside a value of unknown type: DuckDB would take it by the names of its fields."""
    for node in tree.walk():
        for values in _groups(node):
            kinds = [each.type for each in values]
            if any(map(types.has_rows, kinds)) and any(map(_unknown, kinds)):
                raise not_supported("a row beside a value whose type cannot be derived", allowed="a cast of both")


def _groups(node: Any) -> Iterator[list[Any]]:
    """Yield the expressions in a node that get one type."""
    if isinstance(node, exp.SetOperation):
        if not _within_other(node):
            yield from _columns([list(query.selects) for query in _queries(node)])
    elif isinstance(node, exp.Values):
        yield from _columns([list(row.expressions) for row in node.expressions if isinstance(row, exp.Tuple)])
    elif isinstance(node, exp.Case):
        yield [each for each in [*(part.args["true"] for part in node.args["ifs"]), node.args.get("default")] if each]
    elif isinstance(node, exp.If) and not isinstance(node.parent, exp.Case):
        yield [each for each in (node.args.get("true"), node.args.get("false")) if each]
    elif isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
        yield [node.this, *node.expressions]
    elif isinstance(node, exp.Lag | exp.Lead):
        yield [each for each in (node.this, node.args.get("default")) if each]
    elif isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ | exp.ArrayExcept | exp.DPipe):
        yield [node.this, node.expression]
    elif isinstance(node, exp.Array | exp.Concat | exp.ArrayIntersect) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _ALIKE_NAMES
    ):
        yield list(node.expressions)


def _columns(rows: list[list[Any]]) -> Iterator[list[Any]]:
    if len({len(row) for row in rows}) == 1:
        yield from (list(column) for column in zip(*rows, strict=True))


def _queries(node: Any) -> Iterator[Any]:
    """Yield the SELECTs of a set operation."""
    for side in (node.left, node.right):
        query = side.unnest() if isinstance(side, exp.Subquery) else side
        if isinstance(query, exp.SetOperation):
            yield from _queries(query)
        elif isinstance(query, exp.Select):
            yield query


def _within_other(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Subquery | exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.SetOperation)


def _made_alike(values: list[Any]) -> bool:
    kinds = [exp.DataType(this=DType.NULL) if isinstance(_inner(each), exp.Null) else each.type for each in values]
    if not any(types.has_rows(kind) or _of_nothing(kind) for kind in kinds):
        return False
    target = common_type(kinds)
    if target is None:
        return False
    changed = False
    for value, kind in zip(values, kinds, strict=True):
        if kind.this == DType.NULL or alike(kind, target) or (types.has_null(target) and not types.has_rows(target)):
            continue
        changed = True
        inner = _inner(value)
        made = exp.Cast(this=inner.copy(), to=target.copy())
        if isinstance(value, exp.Column) and isinstance(value.parent, exp.Select) and value.arg_key == "expressions":
            value.replace(exp.Alias(this=made, alias=exp.to_identifier(value.name)))
        else:
            inner.replace(made)
    return changed


def _of_nothing(kind: Any) -> bool:
    """Return whether a type is of arrays or maps of NULLs alone, which have the type of those beside them."""
    return types.has_null(kind) and kind.this != DType.NULL


def _unknown(kind: Any) -> bool:
    return kind is None or kind.this == DType.UNKNOWN


def _inner(value: Any) -> Any:
    return value.this if isinstance(value, exp.Alias) else value
