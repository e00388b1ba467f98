"""Functions of days and times."""

from __future__ import annotations

from zoneinfo import available_timezones

from sluice.confined import literal
from sluice.transforms.functions.operators import wrapped
from sluice.transforms.functions.signatures import Argument, Refused, Signature, macro, signature
from sluice.transforms.functions.texts import text, whole

_PARTS = {"year": "year", "month": "month", "dayofmonth": "day", "dayofyear": "dayofyear", "quarter": "quarter",
          "weekofyear": "week"}  # fmt: skip
_CLOCK = {"hour": "hour", "minute": "minute", "second": "second"}
_NAMED = {"year": "year", "quarter": "quarter", "month": "month", "week": "week", "day": "day", "doy": "dayofyear"}
_UNITS = {"year": "year", "yyyy": "year", "yy": "year", "quarter": "quarter", "month": "month", "mon": "month",
          "mm": "month", "week": "week"}  # fmt: skip
_SMALL = {"day": "day", "dd": "day", "hour": "hour", "minute": "minute", "second": "second",
          "millisecond": "millisecond", "microsecond": "microsecond"}  # fmt: skip
_MONTHS = "['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']"
_DAYS = "['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']"
_NEXT = {"mo": 1, "mon": 1, "monday": 1, "tu": 2, "tue": 2, "tuesday": 2, "we": 3, "wed": 3, "wednesday": 3, "th": 4,
         "thu": 4, "thursday": 4, "fr": 5, "fri": 5, "friday": 5, "sa": 6, "sat": 6, "saturday": 6, "su": 7, "sun": 7,
         "sunday": 7}  # fmt: skip
#: What a letter of a format, so many times, writes. https://spark.apache.org/docs/3.5.6/sql-ref-datetime-pattern.html
_FORMATS = {
    "yyyy": "lpad(CAST(year({0}) AS VARCHAR), 4, '0')", "yy": "lpad(CAST(year({0}) % 100 AS VARCHAR), 2, '0')",
    "MM": "lpad(CAST(month({0}) AS VARCHAR), 2, '0')", "M": "CAST(month({0}) AS VARCHAR)",
    "dd": "lpad(CAST(day({0}) AS VARCHAR), 2, '0')", "d": "CAST(day({0}) AS VARCHAR)",
    "HH": "lpad(CAST(hour({0}) AS VARCHAR), 2, '0')", "H": "CAST(hour({0}) AS VARCHAR)",
    "mm": "lpad(CAST(minute({0}) AS VARCHAR), 2, '0')", "ss": "lpad(CAST(second({0}) AS VARCHAR), 2, '0')",
    "MMM": f"left({_MONTHS}[month({{0}})], 3)", "MMMM": f"{_MONTHS}[month({{0}})]",
    "E": f"left({_DAYS}[isodow({{0}})], 3)", "EEE": f"left({_DAYS}[isodow({{0}})], 3)",
    "EEEE": f"{_DAYS}[isodow({{0}})]", "SSS": "lpad(CAST(microsecond({0}) % 1000000 // 1000 AS VARCHAR), 3, '0')",
    "SSSSSS": "lpad(CAST(microsecond({0}) % 1000000 AS VARCHAR), 6, '0')",
}  # fmt: skip


def _formatted(given: list[Argument]) -> str:
    pattern, made, place = text(given[1], "the format"), [], 0
    while place < len(pattern):
        letter, end = pattern[place], place + 1
        while letter.isalpha() and pattern[end : end + 1] == letter:
            end += 1
        part = pattern[place:end]
        if part in _FORMATS:
            made.append(_FORMATS[part].replace("{0}", f"CAST({given[0].sql} AS TIMESTAMP)"))
        elif part in "-/.: _,T" and part != "T":
            made.append(literal(part))
        elif pattern[place : place + 3] == "'T'":
            made.append("'T'")
            end = place + 3
        else:
            raise Refused(f"{part!r} in a format was never proven; proven are {', '.join(_FORMATS)} and marks")
        place = end
    return f"({' || '.join(made)})"


def _truncated(given: list[Argument]) -> str:
    unit = text(given[1], "the unit").lower()
    if unit not in _UNITS:
        raise Refused(f"the unit must be one of {', '.join(_UNITS)}")
    return f"CAST(date_trunc('{_UNITS[unit]}', {given[0].sql}) AS DATE)"


def _moment_truncated(given: list[Argument]) -> str:
    unit = text(given[0], "the unit").lower()
    known = _UNITS | _SMALL
    if unit not in known:
        raise Refused(f"the unit must be one of {', '.join(known)}")
    return f"CAST(date_trunc('{known[unit]}', CAST({given[1].sql} AS TIMESTAMP)) AS TIMESTAMPTZ)"


def _named_part(given: list[Argument]) -> str:
    part = text(given[0], "the part").lower()
    if part not in _NAMED:
        raise Refused(f"the part must be one of {', '.join(_NAMED)}")
    return f"CAST({_NAMED[part]}({given[1].sql}) AS INTEGER)"


def _next(given: list[Argument]) -> str:
    day = text(given[1], "the day").lower()
    if day not in _NEXT:
        raise Refused("the day must be the name of one, as Mon")
    return f"({given[0].sql} + CAST(1 + (({_NEXT[day]} - isodow({given[0].sql}) + 6) % 7) AS INTEGER))"


def _sequence(given: list[Argument]) -> str:
    return f"(CASE WHEN {given[0].sql} <= {given[1].sql} THEN generate_series({given[0].sql}, {given[1].sql}) ELSE list_reverse(generate_series({given[1].sql}, {given[0].sql})) END)"


#: Zones whose clocks change by the moon: the engines know other years of it.
_BY_THE_MOON = {"Africa/Casablanca", "Africa/El_Aaiun"}


def _zone(argument: Argument) -> str:
    """Return the name of a zone that both engines know; others are refused, e.g. EST5EDT, and offsets."""
    name = text(argument, "the zone")
    known = name == "UTC" or ("/" in name and not name.startswith(("Etc/", "US/", "SystemV/")))
    if not known or name not in available_timezones() or name in _BY_THE_MOON:
        raise Refused("the zone must be UTC or the name of a region and city, as Europe/Berlin")
    return name


def _moved(sign: str) -> str:
    """Return the day so many days later or earlier; as Java's numbers, days start over where there are no more."""
    return f"make_date({wrapped(_SINCE + f' {sign} {{1}})', 'int')})"


_SINCE = "(CAST({0} - DATE '1970-01-01' AS BIGINT)"


#: A second of 60 is the next minute's first on Spark. https://spark.apache.org/docs/3.5.6/api/sql/index.html#make_timestamp
_MADE = (
    "CASE WHEN {3} BETWEEN 0 AND 23 AND {4} BETWEEN 0 AND 59 AND {5} BETWEEN 0 AND 60 THEN "
    "CAST(TRY(make_date({0}, {1}, {2})) AS TIMESTAMP) + to_seconds({3} * 3600 + {4} * 60 + {5}) END"
)
_SECONDS = "CAST(epoch_us({0}) // 1000000 AS BIGINT)"
_OLD_PARSER = "Spark fails on texts that its old parser took, instead of making them null"
_OTHER_TIME = "take regexp_extract of the parts, cast each to int, and make_timestamp_ntz of them"
_OTHER_DAY = (
    "F.to_date without a format reads yyyy-MM-dd; of others take regexp_extract of the parts, and make_date of them"
)

SIGNATURES: list[Signature] = [
    *(
        one
        for name, part in _PARTS.items()
        for kind in ("date", "timestamp_ntz")
        for one in signature(name, kind, "int", f"CAST({part}({{0}}) AS INTEGER)", f"F.{name}({{0}})")
    ),
    *(one for name, part in _CLOCK.items() for one in signature(name, "timestamp_ntz", "int", f"CAST({part}({{0}}) AS INTEGER)", f"F.{name}({{0}})")),
    *(
        one
        for kind in ("date", "timestamp_ntz")
        for one in (
            *signature("dayofweek", kind, "int", "CAST(dayofweek({0}) + 1 AS INTEGER)", "F.dayofweek({0})"),
            *signature("weekday", kind, "int", "CAST(isodow({0}) - 1 AS INTEGER)", "F.weekday({0})"),
            *signature("last_day", kind, "date", "last_day(CAST({0} AS DATE))", "F.last_day({0})"),
            *signature("add_months", f"{kind}; int", "date", lambda a: f"CAST(CAST({a[0].sql} AS DATE) + to_months({whole(a[1], 'the months', -12000, 12000)}) AS DATE)", "F.add_months({0}, 1)", "F.add_months({0}, -1)", "F.add_months({0}, 13)"),
            *signature("date_format", f"{kind}; string", "string", _formatted, "F.date_format({0}, 'yyyy-MM-dd')", "F.date_format({0}, 'dd.MM.yy HH:mm:ss')", "F.date_format({0}, 'MMM d, EEE')", "F.date_format({0}, 'EEEE MMMM M')", "F.date_format({0}, 'SSS SSSSSS E H')"),
            *signature("trunc", f"{kind}; string", "date", _truncated, *(f"F.trunc({{0}}, '{unit}')" for unit in ("year", "quarter", "MM", "week"))),
            *signature("date_trunc", f"string; {kind}", "timestamp_ltz", _moment_truncated, *(f"F.date_trunc('{unit}', {{1}})" for unit in ("year", "week", "DAY", "hour", "second"))),
            *signature("to_date", kind, "date", "CAST({0} AS DATE)", "F.to_date({0})"),
        )
    ),
    *signature("unix_date", "date", "int", "CAST({0} - DATE '1970-01-01' AS INTEGER)", "F.unix_date({0})"),
    *signature("next_day", "date; string", "date", _next, "F.next_day({0}, 'Mon')", "F.next_day({0}, 'sunday')"),
    *signature("date_add", "date; int", "date", _moved("+"), "F.date_add({0}, 1)", "F.date_add({0}, -31)", "F.date_add({0}, F.col('int_a') % 1000)", "F.date_add({0}, F.col('int_a'))"),
    *signature("+", "date; int", "date", _moved("+"), "({0} + 1)", "({0} + F.col('int_a'))"),
    *signature("-", "date; int", "date", _moved("-"), "({0} - 1)", "({0} - F.col('int_a'))"),
    *signature("date_sub", "date; int", "date", _moved("-"), "F.date_sub({0}, 1)", "F.date_sub({0}, F.col('int_a'))"),
    *(
        one
        for left in ("date", "timestamp_ntz")
        for right in ("date", "timestamp_ntz")
        for one in signature("datediff", f"{left}; {right}", "int", "CAST(CAST({0} AS DATE) - CAST({1} AS DATE) AS INTEGER)", "F.datediff({0}, {1})")
    ),
    *signature("make_date", "int; int; int", "date", "TRY(make_date({0}, {1}, {2}))", "F.make_date(F.col('int_a') % 9999, {1} % 14, {1} % 33)", "F.make_date(F.lit(2023), F.lit(2), F.lit(29))"),
    *signature("make_timestamp_ntz", "int; int; int; int; int; int", "timestamp_ntz", _MADE, "F.make_timestamp_ntz(F.col('int_a') % 9999, {1} % 14, {1} % 33, F.col('int_a') % 26, {1} % 62, F.col('int_a') % 62)", "F.make_timestamp_ntz(F.lit(2024), F.lit(2), F.lit(29), {0} % 24, {1} % 60, F.lit(60))"),
    *signature("unix_timestamp", "timestamp_ntz", "bigint", _SECONDS, "F.unix_timestamp({0})"),
    *signature("date_from_unix_date", "int", "date", "make_date({0})", "F.date_from_unix_date(F.col('int_a') % 100000)", "F.date_from_unix_date({0})"),
    *signature("to_timestamp", "timestamp_ntz", "timestamp_ntz", "{0}", "F.to_timestamp({0})"),
    *signature("to_date", "string", "date", macro("sluice_date"), "F.to_date({0})"),
    *signature("to_date", "timestamp_ltz", "date", "CAST({0} AS DATE)", "F.to_date({0})"),
    *(one for name in ("date_part",) for kind in ("date", "timestamp_ntz") for one in signature(name, f"string; {kind}", "int", _named_part, *(f"F.{name}(F.lit('{part}'), {{1}})" for part in _NAMED))),
    *(one for name, per in (("seconds", 1_000_000), ("millis", 1_000)) for one in signature(f"unix_{name}", "timestamp_ltz", "bigint", f"CAST(CASE WHEN epoch_us({{0}}) % {per} < 0 THEN epoch_us({{0}}) // {per} - 1 ELSE epoch_us({{0}}) // {per} END AS BIGINT)", f"F.unix_{name}({{0}})")),
    *signature("unix_micros", "timestamp_ltz", "bigint", "epoch_us({0})", "F.unix_micros({0})"),
    *(one for name, per in (("seconds", 1_000_000), ("millis", 1_000), ("micros", 1)) for kind, most in (("int", ""), ("bigint", " % 100000000000")) for one in signature(f"timestamp_{name}", kind, "timestamp_ltz", f"make_timestamptz(CAST({{0}} AS BIGINT) * {per})", f"F.timestamp_{name}({{0}}{most})")),
    *(one for name, part in (_PARTS | _CLOCK).items() for one in signature(name, "timestamp_ltz", "int", f"CAST({part}(CAST({{0}} AS TIMESTAMP)) AS INTEGER)", f"F.{name}({{0}})")),
    *signature("to_date", "string; string", "date", "", why=_OLD_PARSER, instead=_OTHER_DAY),
    *signature("to_timestamp", "string; string", "timestamp_ntz", "", why=_OLD_PARSER, instead=_OTHER_TIME),
    *signature("to_timestamp", "string", "timestamp_ntz", "", why="the engines read other texts as times", instead=_OTHER_TIME),
    *signature("months_between", "T; T", "double", "", why="the engines divide the rest of a month differently", instead="use year and month of both days, and datediff", each=("date", "timestamp_ntz")),
    *signature("from_utc_timestamp", "timestamp_ntz; string", "timestamp_ltz", lambda a: f"CAST(timezone({literal(_zone(a[1]))}, CAST({a[0].sql} AS TIMESTAMPTZ)) AS TIMESTAMPTZ)", "F.from_utc_timestamp({0}, 'Europe/Berlin')", "F.from_utc_timestamp({0}, 'America/New_York')", "F.from_utc_timestamp({0}, 'UTC')"),
    *signature("to_utc_timestamp", "timestamp_ntz; string", "timestamp_ltz", "", why="the engines take the hour that comes twice differently", instead="keep moments in UTC"),
    *signature("sequence", "int; int", "array<int>", lambda a: f"list_transform({_sequence(a)}, lambda n: CAST(n AS INTEGER))", "F.sequence({0} % 50, {1} % 50)", "F.sequence(F.lit(1), F.lit(3))"),
    *signature("sequence", "bigint; bigint", "array<bigint>", _sequence, "F.sequence({0} % 50, {1} % 50)"),
]  # fmt: skip
