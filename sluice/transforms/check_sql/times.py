"""Athena's functions of days and times, composed of proven calls.

https://trino.io/docs/current/functions/datetime.html Times have no zone: they are UTC, as in every table.
"""

from __future__ import annotations

from sluice.transforms.check_sql.both import Both, cast, moment, proven, text, whole
from sluice.transforms.check_sql.numbers import calculated, cases, chosen, converted, divided
from sluice.transforms.functions.signatures import Refused

NOW = Both("CAST(now() AS TIMESTAMP)", "CAST(current_timestamp() AS TIMESTAMP_NTZ)", "timestamp_ntz")
_PARTS = {
    "year": "year", "quarter": "quarter", "month": "month", "week": "weekofyear", "day": "dayofmonth",
    "day_of_month": "dayofmonth", "doy": "dayofyear", "day_of_year": "dayofyear", "hour": "hour", "minute": "minute",
    "second": "second",
}  # fmt: skip
_CLOCK = ("hour", "minute", "second")
_CUT = ("year", "quarter", "month", "week")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
#: Microseconds of a unit.
_MICROS = {
    "millisecond": 1_000, "second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000,
    "week": 604_800_000_000,
}  # fmt: skip
_YEARS = {
    "date": ("0001-01-01", "9999-12-31"),
    "timestamp_ntz": ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
}
#: Most units that are added: beyond, days leave the years that engines show.
_MOST = 100_000


def _refuse_others(*given: Both) -> None:
    for each in given:
        if not each.is_moment:
            raise Refused(f"{each.type} is neither a day nor a time; cast it to date")


def day_of(given: Both) -> Both:
    """Return the day of a day, a time or a text."""
    return converted(given, "date")


def unit_of(part: str, given: Both) -> Both:
    """Return a part of a day or time, e.g. its year, as a whole number."""
    _refuse_others(given)
    if part in ("dow", "day_of_week"):  # Monday is 1
        return calculated("+", cast(proven("weekday", given), "bigint"), whole(1))
    if part not in _PARTS:
        raise Refused(f"{part} was never tried; proven are {', '.join(_PARTS)}")
    if part in _CLOCK and given.type == "date":
        raise Refused(f"a date has no {part}; cast it to timestamp")
    return cast(proven(_PARTS[part], given), "bigint")


def cut(unit: str, given: Both) -> Both:
    """Return a day or time without what is smaller than the unit."""
    _refuse_others(given)
    if given.type == "date":
        if unit in _CUT:
            return proven("trunc", given, text(unit))
        if unit == "day":
            return given
        raise Refused(f"a date has no {unit}; cast it to timestamp")
    if unit not in (*_CUT, "day", *_CLOCK, "millisecond"):
        raise Refused(f"the unit {unit} was never tried; proven are {', '.join((*_CUT, 'day', *_CLOCK))}")
    return proven(
        "cast", proven("date_trunc", text(unit), given), Both("", "", "→timestamp_ntz", "timestamp_ntz", True)
    )


def later(given: Both, count: int, unit: str) -> Both:
    """Return the day or time so many units later; the last of a month where it has no such day.

    It is NULL outside of the years 1 to 9999, which texts and Python write otherwise or not at all.
    """
    made = _later(given, count, unit)
    least, most = (moment(each, made.type) for each in _YEARS[made.type])
    return chosen(proven("between", made, least, most), made)


def _later(given: Both, count: int, unit: str) -> Both:
    _refuse_others(given)
    if abs(count) > _MOST:
        raise Refused(f"at most {_MOST:,} units are added")
    if unit in _MONTHS:
        months = count * _MONTHS[unit]
        if given.type == "date":
            return proven("add_months", given, whole(months))
        return Both(
            f"({given.duckdb} + to_months({months}))", f"({given.spark} + INTERVAL '{months}' MONTH)", "timestamp_ntz"
        )
    if given.type == "date":
        if unit not in _DAYS:
            raise Refused(f"a date has no {unit}; cast it to timestamp")
        return proven("date_add", given, whole(count * _DAYS[unit]))
    if unit not in _MICROS or unit == "millisecond":
        raise Refused(f"the unit {unit} was never tried; proven are second to year")
    spark = f"INTERVAL '{count * 7}' DAY" if unit == "week" else f"INTERVAL '{count}' {unit.upper()}"
    return proven("+", given, Both(f"INTERVAL ({count}) {unit.upper()}", spark, "interval", None, True))


def between(unit: str, start: Both, end: Both) -> Both:
    """Return how many whole units lie between two days or times; less than 0 where the first one is the later."""
    _refuse_others(start, end)
    days = start.type == end.type == "date"
    if days and unit in _DAYS:
        made = cast(proven("datediff", end, start), "bigint")
        return made if unit == "day" else divided(made, whole(7))
    if unit in _MONTHS:
        if not days:
            raise Refused(f"whole {unit}s between times were never tried; cast both to date")
        return divided(_months(start, end), whole(_MONTHS[unit]))
    if days or unit not in _MICROS:
        raise Refused(f"the unit {unit} was never tried on {start.type} and {end.type}; cast both to timestamp")
    first, last = (cast(each, "timestamp_ntz") for each in (start, end))
    micros = Both(
        f"(epoch_us({last.duckdb}) - epoch_us({first.duckdb}))",
        f"timestampdiff(MICROSECOND, {first.spark}, {last.spark})", "bigint",
    )  # fmt: skip
    return divided(micros, whole(_MICROS[unit]))


def _months(start: Both, end: Both) -> Both:
    """Return the whole months between two days: one less where the later one has not reached the other's day.

    The last day of a month has reached every day, as in Athena: from January 31 to February 28 it is one month.
    """
    counts = [
        calculated("+", calculated("*", proven("year", each), whole(12)), proven("month", each))
        for each in (start, end)
    ]
    months, zero, one = calculated("-", counts[1], counts[0]), whole(0), whole(1)
    early = proven("and", proven(">", months, zero), _before(end, start))
    late = proven("and", proven("<", months, zero), _before(start, end))
    made = cases([(early, calculated("-", months, one)), (late, calculated("+", months, one))], months)
    return cast(made, "bigint")


def _before(later: Both, earlier: Both) -> Both:
    fewer = proven("<", proven("dayofmonth", later), proven("dayofmonth", earlier))
    return proven("and", fewer, proven("!=", later, proven("last_day", later)))
