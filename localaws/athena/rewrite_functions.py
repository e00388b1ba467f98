"""Translations of the functions that sqlglot has no node for, by their Trino name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.places import combinations_of
from localaws.athena.plain_functions import DUCKDB, PLAIN
from localaws.athena.rewrite_nested import NESTED_FUNCTIONS
from localaws.athena.rewrite_texts import TEXT_FUNCTIONS
from localaws.athena.trino_forms import unexpected
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast
from localaws.athena.zones import elsewhere, local, with_timezone, zone_of

_QUOTED, _ZONE_LETTER = re.compile("'[^']*'"), re.compile("[zZ]")


def _same(name: str, result: Any = None) -> Callable[[Any], exp.Expr]:
    def rule(node: Any) -> exp.Expr:
        made = call(name, *[argument.copy() for argument in node.expressions])
        return made if result is None else cast(made, result)

    return rule


def text_of(value: Any) -> exp.Expr:
    """Return the expression for a JSON value as text, which the JSON functions take."""
    copied: exp.Expr = value.copy()
    return copied


def _match(aggregate: str) -> Callable[[Any], exp.Expr]:
    def rule(node: Any) -> exp.Expr:
        array, function = node.expressions
        return call(f"athena_{aggregate}", call("list_transform", array.copy(), function.copy()))

    return rule


def _format_datetime(node: Any) -> exp.Expr:
    moment, pattern = node.expressions
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise not_supported("a date pattern that is not a literal")
    if elsewhere(moment) and _ZONE_LETTER.search(_QUOTED.sub("", pattern.name)):
        raise not_supported("the zone (z, Z) in a pattern of format_datetime of AT TIME ZONE")
    zoned = moment.type is not None and moment.type.this == DType.TIMESTAMPTZ
    if not zoned and _ZONE_LETTER.search(_QUOTED.sub("", pattern.name)):
        raise QueryFailed(
            "INVALID_FUNCTION_ARGUMENT",
            "format_datetime for TIMESTAMP type, cannot use 'Z' nor 'z' in format, as this type does not contain TZ "
            "information",
        )
    return call("athena_format_datetime", cast(local(moment), "TIMESTAMP"), pattern.copy())


def _to_iso8601(node: Any) -> exp.Expr:
    (moment,) = node.expressions
    kind: Any = moment.type
    if kind.this == DType.DATE:
        return cast(moment.copy(), DType.VARCHAR)
    if elsewhere(moment):
        raise not_supported("to_iso8601 in a zone other than UTC")
    precision = exp.Literal.number((types.parameters(kind) or [3])[0])
    text = call("athena_timestamp_text", cast(local(moment), "TIMESTAMP"), precision)
    text = call("replace", text, exp.Literal.string(" "), exp.Literal.string("T"))
    zone = exp.Literal.string("Z" if kind.this == DType.TIMESTAMPTZ else "")
    return exp.Paren(this=exp.DPipe(this=text, expression=zone, meta={DONE: True}))


def _typed(rule: Callable[[Any], exp.Expr]) -> Callable[[Any], exp.Expr]:
    """Return a rule whose result is cast to the type that was inferred, which must be known."""

    def checked(node: Any) -> exp.Expr:
        if isinstance(node.parent, exp.Filter | exp.Window):  # the cast stands around the call
            raise not_supported(f"{node.name.lower()} with FILTER or OVER")
        if node.type is None or node.type.this == DType.UNKNOWN:
            raise not_supported(f"{node.name.lower()} of a value whose type cannot be derived")
        return cast(rule(node), node.type)

    return checked


def _plain(name: str) -> Callable[[Any], exp.Expr]:
    def rule(node: Any) -> exp.Expr:
        given = zip(node.expressions, PLAIN[name].takes, strict=True)
        made = call(f"athena_{name}", *[cast(value.copy(), DUCKDB[letter]) for value, letter in given])
        return cast(made, DUCKDB[PLAIN[name].gives]) if PLAIN[name].gives in "Ff" else made

    return rule


def _offset(part: str) -> Callable[[Any], exp.Expr]:
    """Return the rule for the hours or minutes that the zone of a timestamp is ahead of UTC."""

    def rule(node: Any) -> exp.Expr:
        (moment,) = node.expressions
        ahead = call("athena_ahead", moment.copy(), zone_of(moment.type))
        return cast(call("date_part", exp.Literal.string(part), ahead), DType.BIGINT)

    return rule


def _regexp_position(node: Any) -> exp.Expr:
    text, pattern, *places = (each.copy() for each in node.expressions)
    places += [exp.Literal.number(1)] * (2 - len(places))
    return call("athena_regexp_position", text, pattern, *places)


def _to_milliseconds(node: Any) -> exp.Expr:
    (span,) = node.expressions
    if isinstance(span, exp.Interval) and span.text("unit").upper() in ("MONTH", "YEAR"):
        raise unexpected("to_milliseconds", ["interval year to month"], "line 1:1")
    return cast(call("epoch_ms", span.copy()), DType.BIGINT)


NAMED_FUNCTIONS: dict[str, Callable[[Any], exp.Expr]] = {
    "with_timezone": with_timezone,
    "to_milliseconds": _to_milliseconds,
    "parse_duration": lambda node: call("to_milliseconds", call("athena_duration", node.expressions[0].copy())),
    "combinations": combinations_of,
    "every": _same("bool_and"),
    "geometric_mean": _same("geomean"),
    "e": lambda node: cast(exp.Literal.string("2.718281828459045"), DType.DOUBLE),
    "yow": lambda node: cast(
        call("date_part", exp.Literal.string("isoyear"), local(node.expressions[0])), DType.BIGINT
    ),
    "to_iso8601": _to_iso8601,
    "hamming_distance": _same("athena_hamming_distance"),
    "crc32": _same("athena_crc32"),
    "url_extract_port": _same("athena_url_extract_port"),
    "url_extract_fragment": _same("athena_url_extract_fragment"),
    "array_union": _same("athena_array_union"),
    "arrays_overlap": _same("athena_arrays_overlap"),
    **{name: _plain(name) for name in PLAIN},
    "regexp_position": _regexp_position,
    "json_size": _same("athena_json_size"),
    "timezone_hour": _offset("hour"),
    "timezone_minute": _offset("minute"),
    "contains_sequence": _same("athena_contains_sequence"),
    "trim_array": _same("athena_trim_array"),
    "ngrams": _same("athena_ngrams"),
    "array_histogram": _typed(_same("athena_array_histogram")),
    "cosine_similarity": _same("athena_cosine_similarity"),
    **NESTED_FUNCTIONS,
    **TEXT_FUNCTIONS,
    "map_values": _same("map_values"),
    "map_concat": _same("map_concat"),
    "histogram": _typed(_same("histogram")),
    "format_datetime": _format_datetime,
    "json_array_length": _same("athena_json_array_length"),
    "url_extract_host": _same("athena_url_extract_host"),
    "url_extract_path": _same("athena_url_extract_path"),
    "url_extract_query": _same("athena_url_extract_query"),
    "url_extract_protocol": _same("athena_url_extract_protocol"),
    "url_extract_parameter": _same("athena_url_extract_parameter"),
    "url_decode": _same("athena_url_decode"),
    "url_encode": _same("athena_url_encode"),
    "codepoint": _same("unicode", "INTEGER"),
    "any_match": _match("any"),
    "all_match": _match("all"),
    "none_match": _match("none"),
    "is_nan": _same("isnan"),
    "is_finite": _same("isfinite"),
    "is_infinite": _same("isinf"),
    "infinity": lambda node: cast(exp.Literal.string("inf"), DType.DOUBLE),
    "nan": lambda node: cast(exp.Literal.string("nan"), DType.DOUBLE),
    "millisecond": lambda node: cast(
        exp.Mod(
            this=call("date_part", exp.Literal.string("millisecond"), local(node.expressions[0])),
            expression=exp.Literal.number(1000),
        ),
        DType.BIGINT,
    ),
}
