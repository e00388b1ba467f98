"""Casts of rows, and of arrays and maps of rows, field by field in the order of the fields, as Trino casts them.

DuckDB finds fields by their names, and gives NULL where a name is not there.
https://duckdb.org/docs/stable/sql/data_types/struct
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.fresh import fresh
from localaws.athena.once import once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast, field_of

_NESTED: Final = frozenset({DType.ARRAY, DType.MAP, DType.STRUCT})
#: Returns a value that holds no others, cast from its type to another.
Plain = Callable[[exp.Expr, exp.DataType, exp.DataType], exp.Expr]


def row_cast(value: exp.Expr, source: exp.DataType, target: exp.DataType, plain: Plain) -> exp.Expr:
    """Return a value of a type with rows, cast to another one; raise where their shapes differ."""
    if not _same_shape(source, target):
        reason = f"line 1:1: Cannot cast {types.trino_name(source)} to {types.trino_name(target)}"
        raise QueryFailed("TYPE_MISMATCH", reason)
    return _cast(value, source, target, plain)


def alike(one: exp.DataType, other: exp.DataType) -> bool:
    """Return whether DuckDB has values of both types as the same ones, whatever the lengths of texts."""
    if one.this != other.this:
        return False
    if one.this not in (DType.ARRAY, DType.MAP, DType.STRUCT):
        return one == other or (one.this in types.TEXT and not types.parameters(other))
    if one.this == DType.STRUCT and _names(one) != _names(other):
        return False
    mine, theirs = types.fields(one), types.fields(other)
    return len(mine) == len(theirs) and all(alike(a, b) for (_, a), (_, b) in zip(mine, theirs, strict=True))


def _as_duckdb_does(source: exp.DataType, target: exp.DataType) -> bool:
    """Return whether what arrays and maps hold becomes wider numbers: DuckDB casts these alike, and many at once."""
    if source.this in (DType.ARRAY, DType.MAP) and source.this == target.this and source.expressions:
        return all(
            _as_duckdb_does(a, b) for (_, a), (_, b) in zip(types.fields(source), types.fields(target), strict=True)
        )
    if source.this in types.INTEGERS and target.this in types.INTEGERS:
        return types.INTEGERS[source.this] <= types.INTEGERS[target.this]
    return source == target or (source.this in types.INTEGERS and target.this == DType.DOUBLE)


def is_written_out(value: exp.Expr) -> bool:
    """Return whether a value is of rows without names, brackets and literals alone: DuckDB casts these by place."""
    return all(_is_plain(each) for each in value.walk())


def _is_plain(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name == "row" and bool(node.meta.get(DONE))
    if isinstance(node, exp.Cast):
        return not types.has_rows(node.to)
    return isinstance(
        node, exp.Array | exp.Map | exp.Null | exp.Literal | exp.Boolean | exp.DataType | exp.DataTypeParam
    )


def null_of(kind: exp.DataType) -> exp.Expr:
    """Return NULL of a type that DuckDB can spell or not: its rows without names it cannot."""
    if kind.this == DType.NULL:
        return exp.null()
    if spelled(kind) is not None:
        return cast(exp.null(), kind)
    if kind.this == DType.ARRAY:
        made = call("list_value", null_of(kind.expressions[0]))
    elif kind.this == DType.MAP:
        entries = call("list_value", call("row", *[null_of(each) for each in kind.expressions]))
        name = fresh(entries)
        none = call("list_filter", entries, exp.Lambda(this=exp.false(), expressions=[name]))
        made = call("map_from_entries", none)
    else:
        made = _row(kind, [null_of(found) for _, found in types.fields(kind)])
    return exp.Case(ifs=[exp.If(this=exp.false(), true=made)], meta={DONE: True})


def spelled(kind: exp.DataType) -> exp.DataType | None:
    """Return the type as DuckDB writes it; None where there is a row without names, or a NULL, in it."""
    if not types.has_rows(kind):
        return None if types.has_null(kind) else kind
    inner = [spelled(found) for _, found in types.fields(kind)]
    if any(each is None for each in inner):
        return None
    if kind.this != DType.STRUCT:
        return types.nested(kind.this, inner)
    places = types.places(kind)
    if any(isinstance(place, int) for place in places):
        return None
    named = zip(places, inner, strict=True)
    return types.nested(
        DType.STRUCT, [exp.ColumnDef(this=exp.to_identifier(place, quoted=True), kind=found) for place, found in named]
    )


def _names(kind: exp.DataType) -> list[str]:
    return [name or "" for name, _ in types.fields(kind)]


def _same_shape(source: exp.DataType, target: exp.DataType) -> bool:
    if source.this == DType.NULL:
        return True
    if DType.JSON in (source.this, target.this) or not {source.this, target.this} & _NESTED:
        return True
    mine, theirs = types.fields(source), types.fields(target)
    if source.this == target.this == DType.MAP and not mine:  # MAP()
        return True
    same = source.this == target.this and len(mine) == len(theirs)
    return same and all(_same_shape(a, b) for (_, a), (_, b) in zip(mine, theirs, strict=True))


def _cast(  # noqa: PLR0911  one branch a type
    value: exp.Expr, source: exp.DataType, target: exp.DataType, plain: Plain
) -> exp.Expr:
    if source.this == DType.NULL:
        return null_of(target)
    if source.this == DType.MAP and not source.expressions:  # MAP(), or one whose values are all NULL
        return cast(value, target)
    if alike(source, target):
        return value
    if target.this not in _NESTED or source.this == DType.JSON:
        return plain(value, source, target)
    if _as_duckdb_does(source, target):
        return cast(value, types.kept(target))
    if target.this == DType.ARRAY:
        return _each(value, source.expressions[0], target.expressions[0], plain)
    if target.this == DType.MAP:
        return once_if_heavy([value], lambda whole: _map(whole, source, target, plain))
    if isinstance(value, exp.Anonymous) and value.meta.get(DONE) and value.name == "row":
        return _fields(list(value.expressions), source, target, plain)

    def made(row: exp.Expr) -> exp.Expr:
        parts = [field_of(row.copy(), place) for place in types.places(source)]
        there = exp.If(this=row.copy().is_(exp.null()).not_(), true=_fields(parts, source, target, plain))
        return exp.Case(ifs=[there], meta={DONE: True})

    return once_if_heavy([value], made)


def _each(value: exp.Expr, source: exp.DataType, target: exp.DataType, plain: Plain) -> exp.Expr:
    name = fresh(value)
    inner = _cast(name, source, target, plain)
    return call("list_transform", value, exp.Lambda(this=inner, expressions=[name.copy()]))


def _map(value: exp.Expr, source: exp.DataType, target: exp.DataType, plain: Plain) -> exp.Expr:
    lists = [
        _each(call(part, value.copy()), one, other, plain)
        for part, one, other in zip(("map_keys", "map_values"), source.expressions, target.expressions, strict=True)
    ]
    there = exp.If(this=value.copy().is_(exp.null()).not_(), true=call("map", *lists))
    return exp.Case(ifs=[there], meta={DONE: True})


def _fields(values: list[exp.Expr], source: exp.DataType, target: exp.DataType, plain: Plain) -> exp.Expr:
    kinds = zip(types.fields(source), types.fields(target), strict=True)
    return _row(
        target,
        [_cast(value, one, other, plain) for value, ((_, one), (_, other)) in zip(values, kinds, strict=True)],
    )


def _row(kind: exp.DataType, values: list[exp.Expr]) -> exp.Expr:
    """Return the row of these values, with the names by which DuckDB is to find them."""
    places = types.places(kind)
    if any(isinstance(place, int) for place in places):
        return call("row", *values)
    named = [
        exp.PropertyEQ(this=exp.to_identifier(place, quoted=True), expression=value)
        for place, value in zip(places, values, strict=True)
    ]
    return exp.Struct(expressions=named, meta={DONE: True})


def spell_rows(tree: exp.Expr) -> exp.Expr:
    """Have casts to rows be spelled as DuckDB does; one that it cannot spell changes nothing and is left out."""
    root = exp.Paren(this=tree)
    for node in [each for each in root.find_all(exp.Cast) if types.has_rows(each.to)]:
        kind = spelled(node.to)
        if kind is None:
            node.replace(node.this)
        else:
            node.set("to", kind)
    found: exp.Expr = root.this
    return found
