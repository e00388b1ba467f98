"""Dates and timestamps added, subtracted, truncated and formatted as in Trino."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.arithmetic import kind_of, operand
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast
from localaws.athena.zones import duckdb_zone, elsewhere, instant, local, zone_of

_DATE_UNITS: Final = ("day", "week", "month", "quarter", "year")
_UNITS: Final = ("millisecond", "second", "minute", "hour", *_DATE_UNITS)


def date_add(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``date_add``: a date stays a date."""
    kind = kind_of(node.this)
    unit = node.text("unit").lower() or "day"
    if kind not in (DType.DATE, DType.TIMESTAMPTZ, *types.TIMESTAMPS):
        raise not_supported("date_add on a value whose type cannot be derived")
    if kind == DType.DATE and unit in _UNITS and unit not in _DATE_UNITS:
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid DATE field")
    if unit not in _UNITS:
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"'{unit}' is not a valid TIMESTAMP field")
    step = {"quarter": "months", "week": "days", "millisecond": "milliseconds"}.get(unit, unit + "s")
    times = {"quarter": 3, "week": 7}.get(unit, 1)
    count: exp.Expr = operand(node.expression.copy())
    if times > 1:
        count = exp.Mul(this=count, expression=exp.Literal.number(times))
    added = call("to_" + step, cast(count, DType.BIGINT))
    if unit in _DATE_UNITS and elsewhere(node.this):  # a day is one there, of 23 hours perhaps
        return call("athena_add_there", added, node.this.copy(), zone_of(node.this.type))
    moment = exp.Add(this=operand(node.this.copy()), expression=added)
    return cast(exp.Paren(this=moment), {DType.DATE: "DATE", DType.TIMESTAMPTZ: "TIMESTAMPTZ"}.get(kind, "TIMESTAMP"))


def date_diff(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``date_diff``, which counts complete units, not boundaries crossed."""
    unit = exp.Literal.string(node.text("unit").lower() or "day")
    kinds = {kind_of(node.this), kind_of(node.expression)}
    wide = "DATE" if kinds == {DType.DATE} else "TIMESTAMP"
    if unit.name not in (_DATE_UNITS if wide == "DATE" else _UNITS):
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"'{unit.name}' is not a valid {wide} field")
    if elsewhere(node.this) or elsewhere(node.expression):
        # Days are those of the zone of the first of both; hours are as long everywhere.
        zone = types.zone_of(node.expression.type) if kind_of(node.expression) == DType.TIMESTAMPTZ else "UTC"
        there = exp.Literal.string(duckdb_zone(zone) if unit.name in _DATE_UNITS else "UTC")
        sides = [call("timezone", there.copy(), cast(side, "TIMESTAMPTZ")) for side in (node.expression, node.this)]
        return call("date_sub", unit, *sides)
    return call("date_sub", unit, cast(local(node.expression), wide), cast(local(node.this), wide))


def date_trunc(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``date_trunc``: a date stays a date."""
    kind = kind_of(node.this)
    unit = exp.Literal.string(node.text("unit").lower())
    units = _DATE_UNITS if kind == DType.DATE else _UNITS
    if unit.name not in units and kind != DType.UNKNOWN:
        name = "DATE" if kind == DType.DATE else "TIMESTAMP"
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"'{unit.name}' is not a valid {name} field")
    if kind == DType.UNKNOWN:
        raise not_supported("date_trunc of a value whose type cannot be derived")
    target = {DType.DATE: "DATE", DType.TIMESTAMPTZ: "TIMESTAMPTZ"}.get(kind, "TIMESTAMP")
    if elsewhere(node.this):
        return call("athena_trunc_there", unit, node.this.copy(), zone_of(node.this.type))
    return cast(call("date_trunc", unit, node.this.copy()), target)


def extract(node: Any) -> exp.Expr:
    """Return the DuckDB expression for ``extract``, with weeks and weekdays by ISO 8601."""
    unit = node.name.lower()
    if unit.startswith("timezone_"):
        return _offset(unit, node.expression)
    part = {"dow": "isodow", "day_of_week": "isodow", "doy": "doy", "day_of_year": "doy", "yow": "isoyear",
            "year_of_week": "isoyear"}.get(unit, unit)  # fmt: skip
    return cast(call("date_part", exp.Literal.string(part), local(node.expression)), DType.BIGINT)


def _offset(unit: str, value: Any) -> exp.Expr:
    """Return the whole hours by which the local time of a zone is ahead, or the minutes beside them; both below 0."""
    if kind_of(value) != DType.TIMESTAMPTZ:
        actual = types.trino_name(value.type) if value.type else "unknown"
        raise QueryFailed(
            "TYPE_MISMATCH",
            f"line 1:1: Type of value to extract time zone from must be timestamp with time zone (actual {actual})",
        )
    ahead = call("date_sub", exp.Literal.string("minute"), instant(value), local(value))
    sixty = exp.Literal.number(60)
    if unit == "timezone_minute":
        return cast(exp.Paren(this=exp.Mod(this=ahead, expression=sixty, meta={DONE: True})), DType.BIGINT)
    return cast(call("trunc", exp.Div(this=cast(ahead, DType.DOUBLE), expression=sixty)), DType.BIGINT)


def mysql_format(name: str) -> Callable[[Any], exp.Expr]:
    """Return the rewriting rule for the function ``name``, which takes a MySQL pattern."""
    return lambda node: call(name, cast(local(node.this), "TIMESTAMP"), mysql_pattern(node.args["format"]))


def mysql_pattern(pattern: Any) -> exp.Expr:
    """Return the MySQL pattern as the query was written with it."""
    # sqlglot has turned MySQL's pattern into Python's: turn it back for our own formatter.
    if isinstance(pattern, exp.Literal):
        written = exp.StrToTime(this=exp.null(), format=pattern.copy()).sql("athena")
        written = written.removeprefix("DATE_PARSE(NULL, '").removesuffix("')")
        return exp.Literal.string(written.replace("''", "'"))
    raise not_supported("a date pattern that is not a literal")


_MICROSECONDS = {"SECOND": 10**6, "MINUTE": 60 * 10**6, "HOUR": 3600 * 10**6, "DAY": 86400 * 10**6}


#: Units of a step, with parts of them.
_SECONDS = "DECIMAL(28, 6)"


def _of_whole_days(step: Any, unit: str) -> bool:
    """Return whether a step that is written there is a number of days."""
    try:
        return unit == "DAY" or Decimal(step.this.name) * _MICROSECONDS[unit] % _MICROSECONDS["DAY"] == 0
    except InvalidOperation:
        return False


def sequence(node: Any) -> exp.Expr:
    """Return the expression for ``sequence`` of numbers, dates or timestamps; the default step is one, up or down."""
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    up = exp.LTE(this=operand(start.copy()), expression=operand(end.copy()), meta={DONE: True})
    if kind_of(start) in types.INTEGERS:
        by = step.copy() if step else _either(up, exp.Literal.number(1), exp.Literal.number(-1))
        return call("athena_sequence", *[cast(part, DType.BIGINT) for part in (start.copy(), end.copy(), by)])
    target = "DATE[]" if kind_of(start) == DType.DATE else "TIMESTAMP[]"
    unit = step.text("unit").upper() if isinstance(step, exp.Interval) else ""
    if step is not None and unit in ("MONTH", "YEAR"):
        # Trino counts months from the start, DuckDB from the value before: 31 January leads to other days.
        months = exp.Mul(this=cast(step.this.copy(), DType.INT), expression=_number(12 if unit == "YEAR" else 1))
        return cast(call("athena_months", start.copy(), end.copy(), exp.Paren(this=months)), target)
    if step is not None and unit not in ("DAY", "HOUR", "MINUTE", "SECOND"):
        raise not_supported("sequence by this step", allowed="an interval that is written there")
    if step is None and kind_of(start) != DType.DATE:
        raise not_supported("sequence of timestamps without a step")
    if step is not None and kind_of(start) == DType.DATE and not _of_whole_days(step, unit):
        told = "sequence step must be a day interval if start and end values are dates"
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", told)
    count = cast(step.this.copy(), _SECONDS) if step else exp.Paren(this=_either(up, _number(1), _number(-1)))
    micros = cast(
        exp.Mul(this=count, expression=_number(_MICROSECONDS[unit or "DAY"]), meta={DONE: True}), DType.BIGINT
    )
    return cast(call("athena_moments", cast(start.copy(), "TIMESTAMP"), cast(end.copy(), "TIMESTAMP"), micros), target)


def _number(value: int) -> exp.Expr:
    return exp.Literal.number(value)


def _either(condition: exp.Expr, one: exp.Expr, other: exp.Expr) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=condition, true=one)], default=other)
