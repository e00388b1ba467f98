"""Calls of the functions of texts, JSON paths and bits (``localaws.athena.text_functions``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.casts import cast_rule
from localaws.athena.errors import not_supported
from localaws.athena.json_casts import json_text
from localaws.athena.once import once
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast

_BITS: Final = {DType.TINYINT: 8, DType.SMALLINT: 16, DType.INT: 32, DType.BIGINT: 64}
#: Marks calls whose text is JSON by what was written, as json_object's is.
_IS_JSON: Final = "json"
_OF_TEXT: Final = {*types.TEXT, DType.NULL, DType.UNKNOWN}
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
    kind = node.args.get("returning")
    if node.args.get("on_condition"):
        return _on_condition(node, kind)
    whole = bool(kind) and kind.this in types.INTEGERS
    found = call("athena_json_value", node.this.copy(), node.args["path"].copy(), _flag(whole))
    if not kind or kind.this in types.TEXT:
        return found
    found.type = exp.DataType(this=DType.VARCHAR)
    return cast_rule(exp.TryCast(this=found, to=kind.copy()))


def _on_condition(node: Any, kind: Any) -> exp.Expr:
    """Return ``json_value`` with what it is where the path leads to nothing, or fails: a value, NULL or an error."""
    given, errors = node.args["on_condition"], []
    for key in ("empty", "error"):
        wanted = given.args.get(key)
        if isinstance(wanted, exp.Expr) and kind and kind.this not in types.TEXT:
            raise not_supported("json_value with both RETURNING and DEFAULT", allowed="coalesce around json_value")
        errors.append(str(wanted).startswith("ERROR") if isinstance(wanted, str) else False)
    path = [node.this.copy(), node.args["path"].copy()]
    defaults = {key: given.args[key] for key in ("empty", "error") if isinstance(given.args.get(key), exp.Expr)}
    if any(each.type is not None and each.type.this not in _OF_TEXT for each in defaults.values()):
        raise not_supported("json_value with a DEFAULT that is no text", allowed="CAST(… AS varchar)")
    whole = bool(kind) and kind.this in types.INTEGERS
    outcome = call("athena_json_outcome", *path, *[_flag(each) for each in (*errors, whole)])

    def made(result: exp.Expr, *others: exp.Expr) -> exp.Expr:
        state, value = (call("list_extract", result.copy(), exp.Literal.number(place)) for place in (1, 2))
        ifs = [
            exp.If(this=exp.EQ(this=state.copy(), expression=exp.Literal.string(key)), true=each.copy())
            for key, each in zip(("value", *defaults), (value, *others), strict=True)
        ]
        return exp.Case(ifs=ifs, meta={DONE: True})

    found = once([outcome, *defaults.values()], made)
    found.type = exp.DataType(this=DType.VARCHAR)
    if not kind or kind.this in types.TEXT:
        return found
    return cast_rule((exp.Cast if errors[1] else exp.TryCast)(this=found, to=kind.copy()))


def _flag(value: bool) -> exp.Expr:
    return exp.true() if value else exp.false()


def json_object(node: Any) -> exp.Expr:
    """Return ``json_object`` of names and values; those that are NULL are null in it, or are left out."""
    if node.args.get("unique_keys") or node.args.get("return_type") or node.args.get("encoding"):
        raise not_supported("json_object with UNIQUE KEYS or RETURNING")
    absent = str(node.args.get("null_handling") or "").startswith("ABSENT")
    names: list[exp.Expr] = []
    values: list[exp.Expr] = []
    for pair in node.expressions:
        if isinstance(pair, exp.FormatJson):
            raise not_supported("json_object with FORMAT JSON")
        if not isinstance(pair, exp.JSONKeyValue):
            raise not_supported("json_object of what is no name with a value")
        names.append(pair.this.copy())
        values.append(_json_member(pair.expression))
    lists = [cast(call("list_value", *each), "VARCHAR[]") for each in (names, values)]
    return _as_json(call("athena_json_object", *lists, _flag(absent)))


def _json_member(value: Any) -> exp.Expr:
    """Return the JSON of a value in ``json_object`` or ``json_array``; NULL for NULL."""
    if value.unnest().meta.get(_IS_JSON):
        return value.copy()  # type: ignore[no-any-return]
    if isinstance(value, exp.Null):
        return cast(exp.null(), DType.VARCHAR)
    if value.type is not None and value.type.this == DType.JSON:  # a scalar is a text in it, all else fails
        return call("athena_json_string", call("athena_json_varchar", value.copy()))
    if value.type is None or value.type.this in (DType.ARRAY, DType.MAP, DType.STRUCT):
        raise not_supported("arrays, maps and rows in json_object and json_array",
                            allowed="json_format(CAST(… AS json)) as a text, json_array of their values")  # fmt: skip
    return json_text(value.copy(), value.type)


def json_array(node: Any) -> exp.Expr:
    """Return ``json_array``: without what is NULL, which is null in it by ``NULL ON NULL``."""
    parts = [_json_member(each) for each in node.expressions]
    if str(node.args.get("null_handling") or "").startswith("NULL"):
        parts = [call("coalesce", part, exp.Literal.string("null")) for part in parts]
    inner = call("concat_ws", exp.Literal.string(","), *parts) if parts else exp.Literal.string("")
    return _as_json(call("concat", exp.Literal.string("["), inner, exp.Literal.string("]")))


def _as_json(made: exp.Expr) -> exp.Expr:
    """Return a text that is JSON, and stands as such in the one that is made of it."""
    made.meta[_IS_JSON] = True
    return made


def json_query(node: Any) -> exp.Expr:
    """Return ``json_query``, with or without an array around what it finds."""
    option = node.args.get("option")
    wrapper = _WRAPPERS.get(option.name.upper() if option is not None else "")
    if wrapper is None or node.args.get("quote") or node.args.get("on_condition"):
        raise not_supported("json_query with ON EMPTY, ON ERROR or QUOTES")
    return _as_json(call("athena_json_query", node.this.copy(), node.expression.copy(), exp.Literal.string(wrapper)))


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
    """Return ``width_bucket`` of equal buckets, or of those that an array has the lower bounds of."""
    if node.args.get("num_buckets") is None:
        return call(
            "athena_width_bins", cast(node.this.copy(), DType.DOUBLE), cast(node.args["min_value"].copy(), "DOUBLE[]")
        )
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
    exp.JSONObject: json_object,
    exp.JSONArray: json_array,
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
