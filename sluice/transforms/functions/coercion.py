"""Brings arguments of different types to one, as Spark does before it computes.

https://spark.apache.org/docs/3.5.6/sql-ref-ansi-compliance.html#type-promotion-and-precedence
"""

from __future__ import annotations

import re

from sluice.confined import literal
from sluice.transforms.functions.signatures import Argument, Refused
from sluice.transforms.functions.spark_types import duckdb_type, is_decimal, sizes

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">=", "<=>", "between", "isin"}
_ALIKE = {*_COMPARISONS, "coalesce", "when", "greatest", "least", "nvl2", "if", "equal_null"}
_ARITHMETIC = {"+", "-", "*", "/", "%", "pmod"}
_DOUBLES = {"sqrt", "pow", "isnan", "nanvl"}
_NUMBERS = ("int", "bigint", "double")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d)")


def coerced(name: str, given: list[Argument]) -> list[Argument]:
    """Return the arguments of a call as Spark takes them; as they are where it changes none, or nobody tried it."""
    if name in _ALIKE:
        return _to_one(name, given)
    if name == "nullif" and len(given) == 2:
        return _left_alone(given)
    if name in _ARITHMETIC and all(_is_number(each.type) or each.type == "void" for each in given):
        return _computed(name, given)
    return given


def _to_one(name: str, given: list[Argument]) -> list[Argument]:
    places = _values(name, len(given))
    if name in _COMPARISONS and "date" in (given[at].type for at in places):
        given = [_as_day(each) for each in given]
    kind = common_type([given[at].type for at in places])
    if kind is None:
        return given
    return [brought(each, kind) if at in places else each for at, each in enumerate(given)]


def _left_alone(given: list[Argument]) -> list[Argument]:
    """Return the arguments of ``nullif``, whose type is that of the first one, which is compared as both."""
    first, second = given
    kind = common_type([first.type, second.type])
    if kind is None or first.type == "void":
        return given
    if first.type != kind and not (is_decimal(first.type) and is_decimal(kind)):
        raise Refused(f"it is {first.type} on Spark, compared as {kind}; cast the first value to {kind}")
    return [first, brought(second, kind)]


def _values(name: str, count: int) -> list[int]:
    """Return the places of the arguments that get one type; the others are conditions."""
    if name == "when":
        return [at for at in range(count) if at % 2 or (at == count - 1 and count % 2)]
    return list(range(1 if name in ("nvl2", "if") else 0, count))


def _as_day(argument: Argument) -> Argument:
    if argument.literal and argument.type == "string" and _DAY.fullmatch(str(argument.value)):
        return Argument(f"DATE {literal(str(argument.value))}", "date", argument.value, True)
    return argument


def _computed(name: str, given: list[Argument]) -> list[Argument]:
    types = {each.type for each in given}
    if "double" in types or (name == "/" and types <= {*_NUMBERS, "void"}):
        return [brought(each, "double") for each in given]
    if any(map(is_decimal, types)):
        return [_as_decimal(each) for each in given]
    kind = common_type(list(types))
    return [brought(each, kind) for each in given] if kind else given


def _as_decimal(argument: Argument) -> Argument:
    if argument.type not in ("int", "bigint"):
        return argument
    whole = argument.literal and isinstance(argument.value, int)
    digits = len(str(abs(int(argument.value or 0)))) if whole else sizes(argument.type)[0]
    return Argument(f"CAST({argument.sql} AS DECIMAL({digits},0))", f"decimal({digits},0)")


def _is_number(kind: str) -> bool:
    return kind in _NUMBERS or is_decimal(kind)


def common_type(types: list[str]) -> str | None:
    """Return the type to which Spark brings numbers, or days and times, of different types; None when it has none."""
    found = sorted(set(types) - {"void"})
    if len(found) < 2:
        return found[0] if found else None
    if set(found) <= {"int", "bigint"}:
        return "bigint"
    if "double" in found and set(found) <= {"int", "bigint", "double"}:
        return "double"
    if all(each in ("int", "bigint") or each.startswith("decimal(") for each in found):
        scale = max(sizes(each)[1] for each in found)
        whole = max(sizes(each)[0] - sizes(each)[1] for each in found)
        if whole + scale > 38:
            raise Refused(f"{' and '.join(found)} together have {whole + scale} digits, more than 38; cast to smaller")
        return f"decimal({whole + scale},{scale})"
    return "timestamp_ntz" if set(found) == {"date", "timestamp_ntz"} else None


def brought(argument: Argument, kind: str) -> Argument:
    """Return the argument cast to the common type."""
    if argument.type in (kind, "void"):
        return argument
    text = f"CAST({argument.sql} AS VARCHAR)" if is_decimal(argument.type) and kind == "double" else argument.sql
    return Argument(f"CAST({text} AS {duckdb_type(kind)})", kind, argument.value, argument.literal)
