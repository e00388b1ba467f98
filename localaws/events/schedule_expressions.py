"""Schedule expressions of EventBridge: ``rate(5 minutes)``, ``cron(0 3 ? * MON-FRI *)``, ``at(2026-01-31T12:00:00)``.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import calendar
import datetime
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_LONGEST_LOOK_AHEAD_DAYS = 366 * 8  # a 29 February is never further off


class ExpressionError(ValueError):
    """A schedule expression that EventBridge would refuse, or that localaws does not support."""


class Expression(Protocol):
    """A schedule expression that computes when it is next due."""

    def after(self, now: float, *, since: float) -> float | None:
        """Return the first time later than ``now``, counting from ``since``; None if there is none."""


@dataclass(frozen=True)
class Rate:
    """A fixed interval in seconds; it is first due one interval after the start."""

    seconds: int

    def after(self, now: float, *, since: float) -> float | None:
        """Return the first multiple of the rate since ``since`` that is later than ``now``."""
        return since + self.seconds * (int((now - since) // self.seconds) + 1)


@dataclass(frozen=True)
class At:
    """One point in time."""

    moment: float

    def after(self, now: float, *, since: float) -> float | None:
        """Return the point in time, or None if it is past."""
        del since
        return self.moment if self.moment > now else None


@dataclass(frozen=True)
class Cron:
    """The minutes at which the wall clock of a time zone matches."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    is_day: Callable[[datetime.date], bool]
    zone: ZoneInfo

    def after(self, now: float, *, since: float) -> float | None:
        """Return the first matching minute later than ``now``."""
        del since
        start = datetime.datetime.fromtimestamp(now, self.zone)
        for ahead in range(_LONGEST_LOOK_AHEAD_DAYS):
            day = start.date() + datetime.timedelta(days=ahead)
            if not self.is_day(day):
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    moment = datetime.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).timestamp()
                    if moment > now:
                        return moment
        return None


@functools.lru_cache(maxsize=256)
def parse(expression: str, zone: ZoneInfo) -> Expression:
    """Return the expression that ``expression`` spells in ``zone``; raise `ExpressionError` if it is invalid."""
    match = re.fullmatch(r"(rate|cron|at)\((.*)\)", expression.strip())
    if match is None:
        raise ExpressionError(f"{expression!r} is none of rate(…), cron(…), at(…)")
    kind, inner = match.groups()
    try:
        return {"rate": _rate, "cron": _cron, "at": _at}[kind](inner, zone)
    except (ValueError, KeyError) as error:
        raise ExpressionError(f"{expression!r}: {error}") from error


def _rate(inner: str, zone: ZoneInfo) -> Expression:
    del zone
    match = re.fullmatch(r"\s*([0-9]{1,9})\s+(minute|hour|day)(s?)\s*", inner)
    if match is None:
        raise ExpressionError("a rate is a whole number and minute, hour or day, in the plural above one")
    count = int(match[1])
    if count < 1 or (count == 1) != (not match[3]):
        raise ExpressionError("a rate is at least 1, its unit singular for 1 and plural above")
    return Rate(count * _UNITS[match[2]])


def _at(inner: str, zone: ZoneInfo) -> Expression:
    return At(datetime.datetime.fromisoformat(inner).replace(tzinfo=zone).timestamp())


def _cron(inner: str, zone: ZoneInfo) -> Expression:
    fields = inner.split()
    if len(fields) != 6:
        raise ExpressionError("cron has six fields: minutes hours day-of-month month day-of-week year")
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ExpressionError("exactly one of day-of-month and day-of-week is ?")
    months = set(_numbers(month, 1, 12, _MONTHS))
    years = set(_numbers(year, 1970, 2199, {}))
    matches = _day_of_month(day) if weekday == "?" else _day_of_week(weekday)

    def is_day(date: datetime.date) -> bool:
        return date.year in years and date.month in months and matches(date)

    return Cron(tuple(_numbers(minutes, 0, 59, {})), tuple(_numbers(hours, 0, 23, {})), is_day, zone)


def _day_of_month(field: str) -> Callable[[datetime.date], bool]:
    if field == "L":
        return lambda date: date.day == calendar.monthrange(date.year, date.month)[1]
    if "W" in field or "L" in field:
        raise ExpressionError(f"localaws does not know day-of-month {field}")
    days = set(_numbers(field, 1, 31, {}))
    return lambda date: date.day in days


def _day_of_week(field: str) -> Callable[[datetime.date], bool]:
    if "#" in field:
        weekday, nth = field.split("#")
        wanted = _number(weekday, _DAYS)
        return lambda date: _weekday(date) == wanted and (date.day - 1) // 7 + 1 == int(nth)
    if field.endswith("L"):
        wanted = _number(field[:-1], _DAYS)
        return lambda date: _weekday(date) == wanted and date.day + 7 > calendar.monthrange(date.year, date.month)[1]
    days = set(_numbers(field, 1, 7, _DAYS))
    return lambda date: _weekday(date) in days


def _weekday(date: datetime.date) -> int:
    return date.isoweekday() % 7 + 1  # Sunday is 1


def _number(text: str, names: dict[str, int]) -> int:
    return names[text.upper()] if text.upper() in names else int(text)


def _numbers(field: str, lowest: int, highest: int, names: dict[str, int]) -> list[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not re.fullmatch(r"[1-9][0-9]{0,3}", step):
            raise ExpressionError(f"{part}: a step is a whole number from 1")
        if span in {"*", "?"}:
            first, last = lowest, highest
        elif "-" in span:
            first, last = (_number(end, names) for end in span.split("-"))
        else:
            first = _number(span, names)
            last = highest if step else first
        if not lowest <= first <= last <= highest:
            raise ExpressionError(f"{part} is not within {lowest}-{highest}")
        found.update(range(first, last + 1, int(step or 1)))
    return sorted(found)
