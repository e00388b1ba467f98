"""Casts, from each type to each other one that both engines cast alike."""

from __future__ import annotations

import re
import unicodedata

from sluice.transforms.functions.operators import wrapped
from sluice.transforms.functions.signatures import Argument, Refused, Signature, signature
from sluice.transforms.functions.spark_types import duckdb_type, sizes

#: What Java's trim of a text that becomes a number takes away: everything up to the space, and control characters.
_BARE = r"regexp_replace({0}, '^[\x00-\x20\x7f-\x{{9f}}]+|[\x00-\x20\x7f-\x{{9f}}]+$', '', 'g')"
_STRICT = r"regexp_full_match({bare}, '[+-]?[0-9]+')"
_WHOLE = r"regexp_full_match({bare}, '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]*)')"


def _to(given: list[Argument]) -> str:
    return given[1].type[1:]


def _to_decimal(given: list[Argument]) -> str:
    """Return the cast of a number; one that always fits can do without the null that stands for too much."""
    (p1, s1), (p2, s2) = sizes(given[0].type), sizes(_to(given))
    fits = p2 - s2 > p1 - s1 or (p2 - s2 == p1 - s1 and s2 >= s1)
    return f"{'' if fits else 'TRY_'}CAST({given[0].sql} AS {duckdb_type(_to(given))})"


def _text_to_decimal(given: list[Argument]) -> str:
    kind = duckdb_type(_to(given))
    if given[0].literal and _PLAIN_DECIMAL.fullmatch(str(given[0].value)):
        return f"TRY_CAST({given[0].sql} AS {kind})"
    return _TEXT_DECIMAL.format(given[0].sql, type=kind)


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


def _text_to_whole(kind: str, whole: str = _WHOLE) -> str:
    number = rf"('0' || regexp_extract({_BARE}, '^[+-]?([0-9]*)', 1))"
    signed = f"CASE WHEN starts_with({_BARE}, '-') THEN '-' ELSE '' END || {number}"
    return f"(CASE WHEN {whole.replace('{bare}', _BARE)} THEN TRY_CAST({signed} AS {kind}) END)"


_DATE = r"regexp_extract({bare}, '^([+-]?[0-9]{{4,7}})(?:-([0-9]{{1,2}})(?:-([0-9]{{1,2}})(?:[ T].*)?)?)?$', ".replace(
    "{bare}", _BARE
)
TEXT_DATE = (
    f"TRY(make_date(CAST(nullif({_DATE}1), '') AS INTEGER), CAST(coalesce(nullif({_DATE}2), ''), '1') AS INTEGER), "
    f"CAST(coalesce(nullif({_DATE}3), ''), '1') AS INTEGER)))"
)
_TRUE, _FALSE = "('t', 'true', 'y', 'yes', '1')", "('f', 'false', 'n', 'no', '0')"
_LOWER = f"translate({_BARE}, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
_TEXT_BOOLEAN = f"(CASE WHEN {_LOWER} IN {_TRUE} THEN true WHEN {_LOWER} IN {_FALSE} THEN false END)"
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
#: Java reads the digits of every script as digits. https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/math/BigDecimal.html
_DIGITS = "".join(chr(n) for n in range(128, 0xFFFF) if unicodedata.category(chr(n)) == "Nd")
_PLAIN_DIGITS = "".join(str(unicodedata.digit(each)) for each in _DIGITS)
_READ = f"translate({_BARE}, '{_DIGITS}', '{_PLAIN_DIGITS}')"
_TEXT_DECIMAL = f"(CASE WHEN regexp_full_match({_READ}, '{_NUMBER}') THEN TRY_CAST({_READ} AS {{type}}) END)"


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
    *_cast("double", "bigint", _saturated("BIGINT", "-9223372036854775808", "9223372036854775807"), tried=_within("BIGINT", "{0} >= -9223372036854775808 AND {0} < 9223372036854775808")),
    *_cast("string", "int", _text_to_whole("INTEGER"), tried=_text_to_whole("INTEGER", _STRICT)),
    *_cast("string", "bigint", _text_to_whole("BIGINT"), tried=_text_to_whole("BIGINT", _STRICT)),
    *_cast("string", "date", TEXT_DATE),
    *_cast("string", "boolean", _TEXT_BOOLEAN),
    *_cast("string", "decimal", _text_to_decimal),
    *_cast("string", "double", "", "Java reads texts as doubles that DuckDB does not", "cast to a decimal first"),
    *_cast("double", "string", "CAST({0} AS VARCHAR)", "engines print doubles differently", "cast to a decimal first"),
    *_cast("double", "decimal", "TRY_CAST({0} AS {type})", "Spark rounds the shortest text of a double, DuckDB its binary value", "keep decimals as decimals"),
    *_cast("string", "timestamp_ntz", "", "the engines read other texts as times", "cast to a date, or use make_timestamp_ntz of its parts"),
]  # fmt: skip
