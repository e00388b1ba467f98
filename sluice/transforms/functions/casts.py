"""Casts, from each type to each other one that both engines cast alike."""

from __future__ import annotations

import re
from collections.abc import Callable

from sluice.transforms.functions.operators import rescaled, wrapped
from sluice.transforms.functions.signatures import Argument, Refused, Signature, macro, signature
from sluice.transforms.functions.spark_types import duckdb_type, sizes

_NUMBERS, _WHOLE, _STRICT = macro("sluice_number"), macro("sluice_whole"), macro("sluice_strictly_whole")


def _to(given: list[Argument]) -> str:
    return given[1].type[1:]


def _to_decimal(given: list[Argument]) -> str:
    return rescaled(given[0].sql, sizes(given[0].type), sizes(_to(given)))


def _text_to_decimal(given: list[Argument]) -> str:
    kind = duckdb_type(_to(given))
    if given[0].literal and _PLAIN_DECIMAL.fullmatch(str(given[0].value)):
        return f"TRY_CAST({given[0].sql} AS {kind})"
    return f"TRY_CAST({_NUMBERS(given)} AS {kind})"


def _saturated(kind: str, least: str, most: str) -> str:
    return (
        f"(CASE WHEN isnan({{0}}) THEN CAST(0 AS {kind}) WHEN {{0}} >= {most} THEN CAST({most} AS {kind}) "
        f"WHEN {{0}} <= {least} THEN CAST({least} AS {kind}) ELSE CAST(trunc({{0}}) AS {kind}) END)"
    )


def _decimal_text(given: list[Argument]) -> str:
    if sizes(given[0].type)[1] > 6:
        raise Refused("Spark writes small decimals of more than 6 places with an exponent; cast to fewer places first")
    return f"CAST({given[0].sql} AS VARCHAR)"


def _within(kind: str, bounds: str) -> str:
    return f"(CASE WHEN {bounds} THEN CAST(trunc({{0}}) AS {kind}) END)"


#: Spark compares with the greatest number as a double, which is 2^63, and makes that number of it.
_WITHIN_64 = (
    "(CASE WHEN {0} = 9223372036854775808 THEN 9223372036854775807 WHEN {0} >= -9223372036854775808 AND "
    "{0} < 9223372036854775808 THEN CAST(trunc({0}) AS BIGINT) END)"
)


def _text_to_whole(kind: str, whole: Callable[[list[Argument]], str] = _WHOLE) -> object:
    return lambda given: f"TRY_CAST({whole(given)} AS {kind})"


_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def _cast(
    origin: str, target: str, sql: object, why: str = "", instead: str = "", *, tried: object = None
) -> list[Signature]:
    """Return the signatures of a cast, and of try_cast, which is null where a cast starts over or cuts."""
    shown = {"decimal": "decimal(14,3)"}.get(target, target)
    found = []
    for name, given in (("cast", sql), ("try_cast", tried or sql)):
        typed = isinstance(given, str) and target != "decimal"
        made = str(given).replace("{type}", duckdb_type(target)) if typed else given
        call = f"{{0}}.cast('{shown}')" if name == "cast" else f"F.expr('try_cast({{0}} as {shown})')"
        if name == "try_cast" and origin == "timestamp_ltz":
            continue
        found += signature(name, f"{origin}; →{target}", _to, made, call, why=why, instead=instead)  # type: ignore[arg-type]
    return found


_PLAIN = "CAST({0} AS {type})"
_SAME = (
    ("int", "bigint"), ("int", "double"), ("int", "string"), ("bigint", "string"), ("bigint", "double"),
    ("boolean", "string"), ("boolean", "int"), ("boolean", "bigint"), ("boolean", "double"), ("int", "boolean"),
    ("bigint", "boolean"), ("date", "string"), ("date", "timestamp_ntz"), ("timestamp_ntz", "date"),
    ("timestamp_ntz", "string"), ("timestamp_ltz", "timestamp_ntz"), ("timestamp_ntz", "timestamp_ltz"),
    ("timestamp_ltz", "date"), ("date", "timestamp_ltz"), ("double", "boolean"),
)  # fmt: skip
SIGNATURES: list[Signature] = [
    *(one for origin, target in _SAME for one in _cast(origin, target, _PLAIN)),
    *_cast("bigint", "int", wrapped("({0} & 4294967295)", "int"), tried="TRY_CAST({0} AS INTEGER)"),
    *_cast("int", "decimal", _to_decimal),
    *_cast("bigint", "decimal", _to_decimal),
    *_cast("decimal", "decimal", _to_decimal),
    *_cast("decimal", "double", "CAST(CAST({0} AS VARCHAR) AS DOUBLE)"),
    *_cast("decimal", "bigint", wrapped("CAST(trunc({0}) AS HUGEINT)", "bigint"), tried="TRY_CAST(trunc({0}) AS BIGINT)"),
    *_cast("decimal", "int", wrapped("(CAST(trunc({0}) AS HUGEINT) & 4294967295)", "int"), tried="TRY_CAST(trunc({0}) AS INTEGER)"),
    *_cast("decimal", "string", _decimal_text),
    *_cast("double", "int", _saturated("INTEGER", "-2147483648", "2147483647"), tried=_within("INTEGER", "{0} > -2147483649 AND {0} < 2147483648")),
    *_cast("double", "bigint", _saturated("BIGINT", "-9223372036854775808", "9223372036854775807"), tried=_WITHIN_64),
    *_cast("string", "int", _text_to_whole("INTEGER"), tried=_text_to_whole("INTEGER", _STRICT)),
    *_cast("string", "bigint", _text_to_whole("BIGINT"), tried=_text_to_whole("BIGINT", _STRICT)),
    *_cast("string", "date", macro("sluice_date")),
    *_cast("string", "boolean", macro("sluice_boolean")),
    *_cast("string", "decimal", _text_to_decimal),
    *_cast("string", "double", "", "Java reads texts as doubles that DuckDB does not", "cast to a decimal first"),
    *_cast("double", "string", "CAST({0} AS VARCHAR)", "engines print doubles differently", "declare it as a decimal in the contract that it comes from"),
    *_cast("double", "decimal", "TRY_CAST({0} AS {type})", "Spark rounds the shortest text of a double, DuckDB its binary value", "declare it as a decimal in the contract that it comes from"),
    *_cast("string", "timestamp_ntz", "", "the engines read other texts as times", "take regexp_extract of the parts, cast each to int, and make_timestamp_ntz of them"),
]  # fmt: skip
