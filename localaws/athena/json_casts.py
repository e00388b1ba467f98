"""Casts to JSON of arrays, maps, rows and plain values, as the text that JSON is to DuckDB here.

Trino's rules: https://trino.io/docs/current/functions/json.html#cast-to-json
"""

from __future__ import annotations

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import not_supported
from localaws.athena.typing import DType
from localaws.athena.unnest import call, cast

_PLAIN = (*types.INTEGERS, DType.BOOLEAN, DType.NULL)
_NULL = exp.Literal.string("null")


def json_text(value: exp.Expr, kind: exp.DataType | None, depth: int = 0) -> exp.Expr:
    """Return the expression for the JSON of a value of a type; NULL for NULL. Raise for a type that has none here."""
    plain = _plain(value, kind) if kind is not None else None
    if plain is not None:
        return plain
    if kind is not None and kind.this == DType.ARRAY:
        element = exp.column(f"json_{depth}")
        inner = _or_null(json_text(element, kind.expressions[0], depth + 1))
        return _between("[", _each(value, element, inner), "]")
    if kind is not None and kind.this == DType.MAP and not kind.expressions:  # MAP()
        return exp.If(this=exp.Is(this=value, expression=exp.null()).not_(), true=_text("{}"))
    if kind is not None and kind.this == DType.MAP and kind.expressions[0].this in types.TEXT:
        key = exp.column(f"json_{depth}")
        found = call("list_extract", call("map_extract", value.copy(), key.copy()), exp.Literal.number(1))
        inner = _or_null(json_text(found, kind.expressions[1], depth + 1))
        entry = exp.DPipe(
            this=exp.DPipe(this=call("athena_json_string", key.copy()), expression=_text(":")), expression=inner
        )
        return _between("{", _each(call("list_sort", call("map_keys", value)), key, entry), "}")
    raise not_supported(f"a cast of {types.trino_name(kind) if kind else 'this'} to json")


def _plain(value: exp.Expr, kind: exp.DataType) -> exp.Expr | None:
    """Return the JSON of a value that holds no others; None for a type that does."""
    if kind.this == DType.JSON:
        return value
    if kind.this in types.TEXT:
        return call("athena_json_string", value)
    if kind.this == DType.DECIMAL:
        return call("athena_decimal_text", value)
    return cast(value, DType.VARCHAR) if kind.this in _PLAIN else None


def _each(values: exp.Expr, name: exp.Column, each: exp.Expr) -> exp.Expr:
    made = call("list_transform", values, exp.Lambda(this=each, expressions=[name.this.copy()]))
    return call("array_to_string", made, _text(","))


def _or_null(value: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=value, expressions=[_NULL.copy()])


def _between(before: str, text: exp.Expr, after: str) -> exp.Expr:
    return exp.Paren(this=exp.DPipe(this=exp.DPipe(this=_text(before), expression=text), expression=_text(after)))


def _text(text: str) -> exp.Literal:
    return exp.Literal.string(text)
