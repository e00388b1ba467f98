"""Rewrites ``UNNEST`` of arrays, maps and arrays of rows as the lateral subquery that DuckDB reads."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.column_aliases import check_width
from localaws.athena.errors import not_supported
from localaws.athena.typing import DType

#: Marks nodes that already speak DuckDB and must not be rewritten.
DONE = "duckdb"


def rewrite_unnests(tree: exp.Expr) -> bool:
    """Replace every UNNEST whose arguments have known types; return whether any was replaced."""
    found = [node for node in tree.find_all(exp.Unnest) if isinstance(node.parent, exp.From | exp.Join)]
    ready = [node for node in found if all(_is_known(argument) for argument in node.expressions)]
    if found and not ready:
        raise not_supported("UNNEST of an expression whose type cannot be derived")
    for node in ready:
        node.replace(_lateral(node))
    return bool(ready)


def call(name: str, *arguments: Any) -> exp.Expr:
    """Return a call of the DuckDB function ``name``; it is not rewritten again."""
    node = exp.Anonymous(this=name, expressions=list(arguments))
    node.meta[DONE] = True
    return node


def cast(value: exp.Expr, kind: Any) -> exp.Expr:
    """Return a DuckDB cast; it is not rewritten again."""
    node = exp.Cast(this=value, to=exp.DataType.build(kind).copy() if isinstance(kind, str | DType) else kind.copy())
    node.meta[DONE] = True
    return node


def _is_known(argument: exp.Expr) -> bool:
    kind = argument.type
    return (
        kind is not None
        and kind.this in (DType.ARRAY, DType.MAP)
        and bool(kind.expressions)
        and not types.has_null(kind)
    )


def _lateral(node: exp.Unnest) -> exp.Expr:
    alias = node.args.get("alias")
    names = [column.name for column in alias.args.get("columns") or []] if alias else []
    ordinality = node.args.get("offset")
    ordinal_name = ordinality.name if isinstance(ordinality, exp.Identifier) else None
    values: list[exp.Expr] = []
    lengths: list[exp.Expr] = []
    for argument in node.expressions:
        values.extend(_columns(argument))
        length = call("cardinality" if argument.type.this == DType.MAP else "len", argument.copy())
        lengths.append(call("coalesce", cast(length, DType.BIGINT), exp.Literal.number(0)))
    if ordinality:
        longest = call("greatest", *lengths) if len(lengths) > 1 else lengths[0]
        span = call("range", cast(exp.Literal.number(1), DType.BIGINT), exp.Add(this=longest, expression=_one()))
        values.append(cast(call("unnest", span), DType.BIGINT))
        if ordinal_name:
            names.append(ordinal_name)
    if alias is not None:
        check_width(alias, len(values))
    if len(names) < len(values):
        names = names[:] if not ordinal_name else names[:-1]
        names += [f"_col_{position}" for position in range(len(names), len(values) - bool(ordinal_name))]
        names += [ordinal_name] if ordinal_name else []
    query = exp.Select(
        expressions=[
            exp.Alias(this=value, alias=exp.to_identifier(name)) for value, name in zip(values, names, strict=True)
        ]
    )
    table_alias = exp.TableAlias(this=alias.this.copy() if alias and alias.this else exp.to_identifier("_unnest"))
    # DuckDB sees by itself that the subquery is lateral; sqlglot types the columns of a plain subquery only.
    return exp.Subquery(this=query, alias=table_alias)


def _columns(argument: exp.Expr) -> list[exp.Expr]:
    kind = argument.type
    if kind is None:
        return []
    if kind.this == DType.MAP:
        key, value = kind.expressions
        return [
            cast(call("unnest", call("map_keys", argument.copy())), key),
            cast(call("unnest", call("map_values", argument.copy())), value),
        ]
    element = kind.expressions[0]
    if element.this == DType.STRUCT:
        return [
            cast(field_of(call("unnest", argument.copy()), place), found)
            for place, (_, found) in zip(types.places(element), types.fields(element), strict=True)
        ]
    return [cast(call("unnest", argument.copy()), element)]


def field_of(value: exp.Expr, place: str | int) -> exp.Expr:
    """Return the field of a row that is found at a place: see ``types.places``."""
    name = exp.Literal.number(place) if isinstance(place, int) else exp.Literal.string(place)
    return call("struct_extract", value, name)


def _one() -> exp.Expr:
    return exp.Literal.number(1)
