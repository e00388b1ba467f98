"""Calls of the functions of texts, JSON paths and bits (``localaws.athena.text_functions``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.casts import cast_rule
from localaws.athena.errors import not_supported
from localaws.athena.json_casts import json_text
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast

_BITS: Final = {DType.TINYINT: 8, DType.SMALLINT: 16, DType.INT: 32, DType.BIGINT: 64}
_WRAPPERS: Final = {
    "": "WITHOUT", "WITHOUT WRAPPER": "WITHOUT", "WITHOUT ARRAY WRAPPER": "WITHOUT", "WITH WRAPPER": "WITH",
    "WITH ARRAY WRAPPER": "WITH", "WITH UNCONDITIONAL WRAPPER": "WITH", "WITH UNCONDITIONAL ARRAY WRAPPER": "WITH",
    "WITH CONDITIONAL WRAPPER": "CONDITIONAL", "WITH CONDITIONAL ARRAY WRAPPER": "CONDITIONAL",
}  # fmt: skip


def _shift(name: str) -> Callable[[Any], exp.Expr]:
    def rule(node: Any) -> exp.Expr:
        value, by = node.expressions
        bits = exp.Literal.number(_BITS[value.type.this])
        return cast(call(name, cast(value.copy(), DType.BIGINT), cast(by.copy(), DType.BIGINT), bits), value.type)

    return rule


def position(node: Any) -> exp.Expr:
    """Return ``strpos``: of the first place, or of the one whose number is given."""
    number = node.args.get("occurrence")
    if number is None:
        return node  # type: ignore[no-any-return]
    return call("athena_strpos", node.this.copy(), node.args["substr"].copy(), cast(number.copy(), DType.BIGINT))


def json_value(node: Any) -> exp.Expr:
    """Return ``json_value``, as a text or cast to the type that RETURNING names; NULL where it is none."""
    if node.args.get("on_condition"):
        raise not_supported("json_value with ON EMPTY or ON ERROR")
    found = call("athena_json_value", node.this.copy(), node.args["path"].copy())
    kind = node.args.get("returning")
    if not kind or kind.this in types.TEXT:
        return found
    found.type = exp.DataType(this=DType.VARCHAR)
    return cast_rule(exp.TryCast(this=found, to=kind.copy()))


def json_query(node: Any) -> exp.Expr:
    """Return ``json_query``, with or without an array around what it finds."""
    option = node.args.get("option")
    wrapper = _WRAPPERS.get(option.name.upper() if option is not None else "")
    if wrapper is None or node.args.get("quote") or node.args.get("on_condition"):
        raise not_supported("json_query with ON EMPTY, ON ERROR or QUOTES")
    return call("athena_json_query", node.this.copy(), node.expression.copy(), exp.Literal.string(wrapper))


def format_text(node: Any) -> exp.Expr:
    """Return ``format``: each value as a text, with a letter for what it was."""
    letters, texts = "", []
    for value in node.expressions:
        kind = value.type.this if value.type is not None else DType.UNKNOWN
        for found, kinds in _LETTERS.items():
            if kind in kinds:
                letters += found
                break
        else:
            raise not_supported(f"format of {types.trino_name(value.type) if value.type is not None else 'this'}")
        texts.append(cast(value.copy(), DType.VARCHAR))
    return call("athena_format", node.this.copy(), call("list_value", *texts), exp.Literal.string(letters))


_LETTERS: Final[dict[str, Any]] = {
    "i": types.INTEGERS, "f": types.FLOATS, "d": {DType.DECIMAL}, "b": {DType.BOOLEAN},
    "t": {*types.TEXT, DType.DATE, DType.NULL},
}  # fmt: skip


def json_array_contains(node: Any) -> exp.Expr:
    """Return ``json_array_contains``: the value is sought as the JSON that it is."""
    return call("athena_json_array_contains", node.this.copy(), json_text(node.expression.copy(), node.expression.type))


def width_bucket(node: Any) -> exp.Expr:
    """Return ``width_bucket`` of equal buckets."""
    bounds = [cast(part.copy(), DType.DOUBLE) for part in (node.this, node.args["min_value"], node.args["max_value"])]
    return call("athena_width_bucket", *bounds, cast(node.args["num_buckets"].copy(), DType.BIGINT))


def random(node: Any) -> exp.Expr:
    """Return ``random``: below one, or a whole number from the first bound to below the second."""
    bounds = [part for part in (node.this, node.args.get("lower"), node.args.get("upper")) if part is not None]
    if not bounds:
        return node  # type: ignore[no-any-return]
    low, high = (exp.Literal.number(0), bounds[0]) if len(bounds) == 1 else bounds
    told = "bound must be positive" if len(bounds) == 1 else "start value must be less than stop value"
    span = call("athena_span", low.copy(), high.copy(), exp.Literal.string(told))
    made = exp.Add(
        this=exp.Paren(this=low.copy()),
        expression=call("floor", exp.Mul(this=call("random"), expression=span, meta={DONE: True})),
        meta={DONE: True},
    )
    return cast(exp.Paren(this=made), bounds[-1].type)


TEXT_FUNCTIONS: Final[dict[str, Callable[[Any], exp.Expr]]] = {
    "bitwise_left_shift": _shift("athena_shift_left"),
    "bitwise_right_shift": _shift("athena_shift_right"),
    "bitwise_right_shift_arithmetic": _shift("athena_shift_right_arithmetic"),
    "bit_count": lambda node: call("athena_bit_count", *[cast(part.copy(), DType.BIGINT) for part in node.expressions]),
    "json_exists": lambda node: call("athena_json_exists", *[part.copy() for part in node.expressions]),
    "json_array_get": lambda node: call(
        "athena_json_array_get", node.expressions[0].copy(), cast(node.expressions[1].copy(), DType.BIGINT)
    ),
    "is_json_scalar": lambda node: call("athena_is_json_scalar", node.expressions[0].copy()),
    "to_base": lambda node: call("athena_to_base", *[cast(part.copy(), DType.BIGINT) for part in node.expressions]),
}
#: What sqlglot has a node for.
TEXT_NODES: Final[dict[type, Callable[[Any], exp.Expr]]] = {
    exp.FromBase: lambda node: call("athena_from_base", node.this.copy(), cast(node.expression.copy(), DType.BIGINT)),
    exp.StrPosition: position,
    exp.JSONValue: json_value,
    exp.JSONArrayContains: json_array_contains,
    exp.Format: format_text,
    exp.WidthBucket: width_bucket,
    exp.Rand: random,
    exp.ParseDatetime: lambda node: call(
        "timezone",
        exp.Literal.string("UTC"),
        call("athena_parse_datetime", node.this.copy(), node.args["format"].copy()),
    ),
}
