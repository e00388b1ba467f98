"""Casts to JSON of arrays, maps, rows and plain values, as the text that JSON is to DuckDB here.

Trino's rules: https://trino.io/docs/current/functions/json.html#cast-to-json
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import not_supported
from localaws.athena.fresh import fresh
from localaws.athena.once import once_if_heavy
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast, field_of

_PLAIN = (*types.INTEGERS, DType.BOOLEAN, DType.NULL)
_NULL = exp.Literal.string("null")


def json_text(value: exp.Expr, kind: exp.DataType | None) -> exp.Expr:
    """Return the expression for the JSON of a value of a type; NULL for NULL. Raise for a type that has none here."""
    plain = _plain(value, kind) if kind is not None else None
    if plain is not None:
        return plain
    if kind is not None and kind.this == DType.ARRAY:
        element = fresh(value)
        inner = _or_null(json_text(element, kind.expressions[0]))
        return _between("[", _each(value, element, inner), "]")
    if kind is not None and kind.this == DType.STRUCT:
        return once_if_heavy([value], lambda row: _object(row, kind))
    if kind is not None and kind.this == DType.MAP and not kind.expressions:  # MAP()
        return exp.If(this=exp.Is(this=value, expression=exp.null()).not_(), true=_text("{}"))
    if kind is not None and kind.this == DType.MAP and kind.expressions[0].this in types.TEXT:
        key = fresh(value)
        found = call("list_extract", call("map_extract", value.copy(), key.copy()), exp.Literal.number(1))
        inner = _or_null(json_text(found, kind.expressions[1]))
        entry = exp.DPipe(
            this=exp.DPipe(this=call("athena_json_string", key.copy()), expression=_text(":")), expression=inner
        )
        return _between("{", _each(call("list_sort", call("map_keys", value)), key, entry), "}")
    raise not_supported(f"a cast of {types.trino_name(kind) if kind else 'this'} to json")


def taken_apart(kind: exp.DataType) -> bool:
    """Return whether a type is JSON, or of rows with names, or holds such values or texts."""
    if kind.this in (DType.ARRAY, DType.MAP):
        return any(each.this in types.TEXT or taken_apart(each) for each in kind.expressions)
    if kind.this == DType.STRUCT:
        return all(name is not None for name, _ in types.fields(kind))
    return bool(kind.this == DType.JSON)


def of_json(
    value: exp.Expr,
    kind: exp.DataType,
    plain: Callable[[exp.Expr, exp.DataType], exp.Expr],
    *,
    attempt: bool,
) -> exp.Expr:
    """Return the row, array, map or JSON of a JSON text; ``plain`` returns the value of another type.

    What is of another kind is an error, or NULL where a cast is only tried. The fields of a row are those of an object
    by their names, or the elements of an array. A null of JSON stays one where the type is JSON.
    """
    if kind.this == DType.JSON:
        return value
    if not taken_apart(kind):
        return plain(value, kind)
    if kind.this == DType.ARRAY:
        elements = call("athena_json_elements", value.copy(), _text(types.trino_name(kind)))
        return _each_of_json(elements, kind.expressions[0], plain, attempt=attempt)
    if kind.this == DType.MAP:
        key, inner = kind.expressions
        entries = call("athena_json_entries", value.copy(), _text(types.trino_name(kind)))
        keys = cast(call("map_keys", entries), types.array_of(key))
        return call("map", keys, _each_of_json(call("map_values", entries.copy()), inner, plain, attempt=attempt))
    form = call("json_type", value.copy())
    parts, fields = [], types.fields(kind)
    for number, (name, found) in enumerate(fields):
        place = [exp.Literal.number(number), exp.Literal.number(len(fields))]
        part = call("athena_json_field", value.copy(), _text(name or ""), *place)
        parts.append(of_json(part, found, plain, attempt=attempt))
    name_of_kind = exp.null() if attempt else _text(types.trino_name(kind))  # an error's text with NULL is none
    return call("athena_row_of_json", form, call("row", *parts), name_of_kind)


def _each_of_json(
    texts: exp.Expr, kind: exp.DataType, plain: Callable[[exp.Expr, exp.DataType], exp.Expr], *, attempt: bool
) -> exp.Expr:
    if kind.this == DType.JSON:
        return texts
    element = fresh(texts)
    inner = of_json(cast(element, DType.VARCHAR), kind, plain, attempt=attempt)
    return call("list_transform", texts, exp.Lambda(this=inner, expressions=[element]))


def _object(value: exp.Expr, kind: exp.DataType) -> exp.Expr:
    """Return the JSON of a row: an object of its fields, whose names are empty where it has none."""
    text: exp.Expr = _text("{")
    for number, (name, found) in enumerate(types.fields(kind)):
        inner = _or_null(json_text(field_of(value.copy(), types.places(kind)[number]), found))
        begun = _text(f"{',' * (number > 0)}{json.dumps(name or '', ensure_ascii=False)}:")
        text = exp.DPipe(this=exp.DPipe(this=text, expression=begun), expression=inner)
    whole = exp.DPipe(this=text, expression=_text("}"))
    there = exp.Is(this=value.copy(), expression=exp.null()).not_()
    return exp.Case(ifs=[exp.If(this=there, true=exp.Paren(this=whole))], meta={DONE: True})


def _plain(value: exp.Expr, kind: exp.DataType) -> exp.Expr | None:  # noqa: PLR0911
    """Return the JSON of a value that holds no others; None for a type that does."""
    if kind.this == DType.JSON:
        return value
    if kind.this in types.TEXT:
        return call("athena_json_string", value)
    if kind.this == DType.DECIMAL:
        return call("athena_decimal_text", value)
    if kind.this == DType.DATE:
        return call("athena_json_string", cast(value, DType.VARCHAR))
    if kind.this in types.TIMESTAMPS:
        precision = exp.Literal.number((types.parameters(kind) or [3])[0])
        return call("athena_json_string", call("athena_timestamp_text", cast(value, "TIMESTAMP"), precision))
    if kind.this == DType.DOUBLE:
        return once_if_heavy([value], _of_double)
    return cast(value, DType.VARCHAR) if kind.this in _PLAIN else None


def _of_double(value: exp.Expr) -> exp.Expr:
    text = call("athena_double_text", value.copy())
    number = exp.If(this=call("isfinite", value.copy()), true=text)
    return exp.Case(ifs=[number], default=call("athena_json_string", text.copy()), meta={DONE: True})


def _each(values: exp.Expr, name: exp.Identifier, each: exp.Expr) -> exp.Expr:
    made = call("list_transform", values, exp.Lambda(this=each, expressions=[name.copy()]))
    return call("array_to_string", made, _text(","))


def _or_null(value: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=value, expressions=[_NULL.copy()])


def _between(before: str, text: exp.Expr, after: str) -> exp.Expr:
    return exp.Paren(this=exp.DPipe(this=exp.DPipe(this=_text(before), expression=text), expression=_text(after)))


def _text(text: str) -> exp.Literal:
    return exp.Literal.string(text)
