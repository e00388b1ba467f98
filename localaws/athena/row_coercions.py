"""Writes the casts of rows that Trino makes by itself where values get one type: in UNION, CASE, VALUES, arrays,
where one comes before the other, and where one is sought among the keys of a map or the elements of an array.

The fields of such rows come together by their places; where their names differ, the common type has none.
https://trino.io/docs/current/language/types.html#row
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.annotate import common_type
from localaws.athena.concatenation import arrays
from localaws.athena.errors import not_supported, start_of
from localaws.athena.row_casts import alike
from localaws.athena.trino_forms import unexpected
from localaws.athena.typing import DType

#: The functions, of those that sqlglot does not know, whose arguments get one type.
_ALIKE_NAMES: Final = frozenset({"array_union", "arrays_overlap", "map_concat", "contains_sequence"})


class Part(Enum):
    """What of a value gets a type together with others."""

    WHOLE = auto()
    ELEMENT = auto()
    KEY = auto()


#: Values of which these parts get one type.
Group = list[tuple[Any, Part]]


def coerce_rows(tree: exp.Expr) -> bool:
    """Cast the rows of a typed query that get one type; return whether there was one to cast."""
    found = False
    for node in list(tree.walk()):
        for group in _all_groups(node):
            kind = node.type
            if _made_alike(group):
                found = True
                if isinstance(node, exp.Nullif):  # which returns its first value, as it is
                    assert kind is not None  # it was annotated
                    whole = exp.Cast(this=exp.null(), to=kind.copy())
                    node.replace(whole)
                    whole.set("this", node)
    return found


def check_rows(tree: exp.Expr) -> None:
    """Raise where a row stands beside a value of unknown type: DuckDB would take it by the names of its fields."""
    for node in tree.walk():
        for group in _all_groups(node):
            kinds = [_kind(*each) for each in group]
            if any(map(types.has_rows, kinds)) and any(map(_unknown, kinds)):
                raise not_supported("a row beside a value whose type cannot be derived", allowed="a cast of both")
        if isinstance(node, exp.Reduce):
            _check_state(node)


def _check_state(node: Any) -> None:
    """Raise where what a step of ``reduce`` returns is no row as the state is: it has no type together with it."""
    state, made = node.args["initial"].type, node.args["merge"].this.type
    if types.has_rows(state) and types.has_rows(made) and not alike(made, state):
        shown = [types.trino_name(node.this.type) if node.this.type else "unknown", types.trino_name(state)]
        error = unexpected("reduce", [*shown, "<function>", "<function>"], "line 1:1")
        error.start = start_of(node)
        raise error


def _all_groups(node: Any) -> Iterator[Group]:
    for values in (*_groups(node), *_compared(node)):
        yield [(each, Part.WHOLE) for each in values]
    yield from _sought(node)


def _compared(node: Any) -> Iterator[list[Any]]:
    """Yield the expressions in a node of which one is to come before another.

    What is equal is looked for by place (``equality``), but for the keys of a map.
    """
    values: list[Any] = []
    if isinstance(node, exp.LT | exp.LTE | exp.GT | exp.GTE | exp.EQ | exp.NEQ | exp.Nullif):
        values = [node.this, node.expression]
    elif isinstance(node, exp.Between):
        values = [node.this, node.args["low"], node.args["high"]]
    elif isinstance(node, exp.In):
        values = [node.this, *node.expressions]
    elif isinstance(node, exp.Case) and node.this is not None:
        values = [node.this, *(each.this for each in node.args["ifs"])]
    by_query = any(isinstance(each, exp.Any | exp.All) for each in values)
    ordered = isinstance(node, exp.LT | exp.LTE | exp.GT | exp.GTE | exp.Between)
    if values and not by_query and (ordered or any(_has_keys(each.type) for each in values)):
        yield values


def _sought(node: Any) -> Iterator[Group]:
    """Yield arrays with what is sought in them or put to them, maps with what is sought among their keys, or maps."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, exp.ArrayRemove) or (
        isinstance(node, exp.ArrayContains | exp.ArrayPosition) and _has_keys(node.expression.type)
    ):
        yield [(node.this, Part.ELEMENT), (node.expression, Part.WHOLE)]
    elif isinstance(node, exp.Bracket) or (name == "element_at" and len(node.expressions) == 2):
        whole, key = (node.this, node.expressions[0]) if isinstance(node, exp.Bracket) else node.expressions
        if whole.type is not None and whole.type.this == DType.MAP:
            yield [(whole, Part.KEY), (key, Part.WHOLE)]
    elif isinstance(node, exp.DPipe | exp.Concat):
        parts = [node.this, node.expression] if isinstance(node, exp.DPipe) else list(node.expressions)
        if (given := arrays(parts)) is not None:
            yield [
                (each, Part.ELEMENT if own is each.type else Part.WHOLE) for each, own in zip(parts, given, strict=True)
            ]
    elif name == "map_zip_with":
        yield [(each, Part.KEY) for each in node.expressions[:2]]


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
    elif isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ | exp.ArrayExcept):
        yield [node.this, node.expression]
    elif isinstance(node, exp.Array | exp.ArrayIntersect) or (
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


def _made_alike(group: Group) -> bool:
    kinds = [_kind(*each) for each in group]
    if not any(types.has_rows(kind) or _of_nothing(kind) for kind in kinds):
        return False
    target = common_type(kinds)
    if target is None or (types.has_null(target) and not types.has_rows(target)):
        return False
    changed = False
    for (value, part), kind in zip(group, kinds, strict=True):
        if kind.this == DType.NULL or alike(kind, target):
            continue
        changed = True
        inner = _inner(value)
        made = exp.Cast(this=inner.copy(), to=_whole(value.type, part, target))
        if isinstance(value, exp.Column) and isinstance(value.parent, exp.Select) and value.arg_key == "expressions":
            value.replace(exp.Alias(this=made, alias=exp.to_identifier(value.name)))
        else:
            inner.replace(made)
    return changed


def _kind(value: Any, part: Part) -> Any:
    """Return the type of a part of a value, that of NULL where there is none; None where it is not known."""
    kind = value.type
    if isinstance(_inner(value), exp.Null) or (kind is not None and kind.this == DType.NULL):
        return exp.DataType(this=DType.NULL)
    if part == Part.WHOLE or kind is None:
        return kind
    if part == Part.ELEMENT:
        return types.element_of(kind)
    if kind.this == DType.MAP and not kind.expressions:  # MAP()
        return exp.DataType(this=DType.NULL)
    return kind.expressions[0] if kind.this == DType.MAP else None


def _whole(kind: Any, part: Part, target: exp.DataType) -> Any:
    """Return the type of a value of which a part gets the type ``target``."""
    if part == Part.KEY:
        return types.nested(DType.MAP, [target.copy(), kind.expressions[1].copy()])
    return types.array_of(target) if part == Part.ELEMENT else target.copy()


def _has_keys(kind: Any) -> bool:
    """Return whether a type is of maps whose keys are rows, or has such maps inside."""
    if kind is None or kind.this not in (DType.ARRAY, DType.MAP, DType.STRUCT):
        return False
    if kind.this == DType.MAP and kind.expressions and types.has_rows(kind.expressions[0]):
        return True
    return any(_has_keys(each) for _, each in types.fields(kind))


def _of_nothing(kind: Any) -> bool:
    """Return whether a type is of arrays or maps of NULLs alone, which have the type of those beside them."""
    return types.has_null(kind) and kind.this != DType.NULL


def _unknown(kind: Any) -> bool:
    return kind is None or kind.this == DType.UNKNOWN


def _inner(value: Any) -> Any:
    return value.this if isinstance(value, exp.Alias) else value
