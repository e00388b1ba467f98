"""Timestamps with a zone: DuckDB keeps moments without one, so the zone is part of a value's type here.

So it is one that is written in the query: ``AT TIME ZONE 'Europe/Vienna'``. A zone of each row's own is known only to
what takes the local time at once. https://trino.io/docs/current/language/types.html#timestamp-with-time-zone
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import MAXYEAR, UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.typing import DType
from localaws.athena.unnest import DONE, call, cast

_WRITTEN: Final = re.compile(
    r"\s*(\d{4,}-\d{1,2}-\d{1,2}(?: \d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?)?)\s*"
    r"((?<=\s)[A-Z]\w+(?:/\w+)+|[+-]\d\d:?\d\d)\s*"
)


#: A zone that is so far ahead of UTC all the time.
_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)")
_FARTHEST: Final = 14 * 60


def duckdb_zone(zone: str) -> str:
    """Return a zone as DuckDB names it, which has a prefix for those without a name."""
    return f"GMT{zone}" if _OFFSET.fullmatch(zone) else zone


def zone_of(kind: exp.DataType) -> exp.Expr:
    """Return the zone of a type of timestamps for DuckDB."""
    return exp.Literal.string(duckdb_zone(types.zone_of(kind)))


def _named(zone: str) -> str:
    """Return a zone by the name that Trino shows of it."""
    found = _OFFSET.fullmatch(zone)
    name = f"{found[1]}{found[2]}:{found[3]}" if found else zone
    return "UTC" if name in {*types.UTC, "-00:00"} else name


def _clock(zone: str) -> tzinfo:
    found = _OFFSET.fullmatch(zone)
    if found is None:
        return zoneinfo.ZoneInfo(zone)
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-ahead if found[1] == "-" else ahead)


def with_zones(tree: exp.Expr) -> None:
    """Have every form that names a zone be ``AT TIME ZONE``, or ``with_timezone`` of a time that is local there."""
    for node in list(tree.find_all(exp.Anonymous, exp.Cast, exp.UnixToTime)):
        if isinstance(node, exp.Anonymous) and node.name.lower() == "at_timezone" and len(node.expressions) == 2:
            moment, zone = node.expressions
            node.replace(exp.AtTimeZone(this=moment.copy(), zone=zone.copy()))
        elif isinstance(node, exp.UnixToTime) and node.args.get("zone") is not None:
            zone = node.args["zone"].pop()
            node.replace(exp.AtTimeZone(this=node.copy(), zone=zone))
        elif isinstance(node, exp.Cast) and node.to.this == DType.TIMESTAMPTZ and isinstance(node.this, exp.Literal):
            found = _WRITTEN.fullmatch(node.this.name)
            if found is not None and _named(found[2]) == "UTC":
                node.this.replace(exp.Literal.string(f"{found[1]} UTC"))
            elif found is not None:
                _check_written(found[1], found[2])
                local = exp.Cast(this=exp.Literal.string(found[1]), to=types.timestamp(_digits(found[1])))
                node.replace(exp.Anonymous(this="with_timezone", expressions=[local, exp.Literal.string(found[2])]))


def zoned(moment: Any, zone: Any) -> exp.DataType | None:
    """Return the type of a moment in a zone; None of that in a zone of each row's own."""
    if not (isinstance(zone, exp.Literal) and zone.is_string):
        return None
    kind = moment.type
    known = kind is not None and kind.this in (DType.TIMESTAMPTZ, *types.TIMESTAMPS)
    return types.zoned(_named(zone.name), (types.parameters(kind) or [3])[0] if known else 3)


def local(value: Any) -> exp.Expr:
    """Return a timestamp with a zone as the local time there; values without a zone are returned unchanged."""
    copied: exp.Expr = value.copy()
    if value.type is not None and value.type.this == DType.TIMESTAMPTZ:
        return call("timezone", zone_of(value.type), copied)
    return copied


def instant(value: Any) -> exp.Expr:
    """Return a timestamp with a zone as the time in UTC; values without a zone are returned unchanged."""
    copied: exp.Expr = value.copy()
    if value.type is not None and value.type.this == DType.TIMESTAMPTZ:
        return call("timezone", exp.Literal.string("UTC"), copied)
    return copied


def elsewhere(value: Any) -> bool:
    """Return whether a value has a zone other than UTC."""
    return value.type is not None and value.type.this == DType.TIMESTAMPTZ and types.zone_of(value.type) != "UTC"


def at_time_zone(node: Any) -> exp.Expr:
    """Return the moment itself, whose type has the zone; or the local time, where nothing but that is asked for."""
    moment, given = node.this.copy(), node.this.type
    if given is not None and given.this not in (DType.TIMESTAMPTZ, DType.NULL, DType.UNKNOWN, *types.TIMESTAMPS):
        raise QueryFailed(
            "TYPE_MISMATCH",
            "line 1:1: Type of value must be a time or timestamp with or without time zone (actual "
            f"{types.trino_name(given)})",
        )
    if node.this.type is None or node.this.type.this != DType.TIMESTAMPTZ:
        moment = cast(moment, "TIMESTAMPTZ")
    kind = zoned(node.this, node.args["zone"])
    if kind is not None:
        _check(types.zone_of(kind))
        made: exp.Expr = exp.Paren(this=moment, meta={DONE: True})
        made.type = kind
        return made
    if not _takes_local(node.parent):
        # DuckDB's timestamps keep no zone: a result that is shown, grouped or truncated would silently be in UTC.
        raise not_supported("AT TIME ZONE of a zone that is not written there, other than inside a cast to timestamp "
                            "or date, extract or a format function")  # fmt: skip
    result = call("timezone", node.args["zone"].copy(), moment)
    result.type = types.timestamp(3)
    return result


def with_timezone(node: Any) -> exp.Expr:
    """Return the moment of a local time in a zone."""
    if node.type is None or node.type.this != DType.TIMESTAMPTZ:
        raise not_supported("with_timezone of a zone that is not written there")
    _check(types.zone_of(node.type))
    there = cast(node.expressions[0].copy(), "TIMESTAMP")
    return call("athena_earliest", there, zone_of(node.type))


def part(node: Any) -> exp.Expr:
    """Return ``year(x)`` and its like: of the local time of a timestamp with a zone."""
    if node.this.type is not None and node.this.type.this == DType.TIMESTAMPTZ:
        node.set("this", local(node.this))
    return node  # type: ignore[no-any-return]


def _takes_local(parent: Any) -> bool:
    of_local = (exp.Year, exp.Month, exp.Day, exp.Hour, exp.Minute, exp.Extract, exp.TimeToStr, exp.Date)
    if isinstance(parent, exp.Cast):
        return parent.to.this in (DType.DATE, *types.TIMESTAMPS)
    return isinstance(parent, of_local) or (
        isinstance(parent, exp.Anonymous) and parent.name.lower() == "format_datetime"
    )


def _check(zone: str) -> None:
    if found := _OFFSET.fullmatch(zone):
        if int(found[3]) >= 60 or int(found[2]) * 60 + int(found[3]) > _FARTHEST:
            raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"Time zone not supported: {zone}")
        return
    if zone not in zoneinfo.available_timezones():
        raise QueryFailed("INVALID_FUNCTION_ARGUMENT", f"Time zone not supported: {zone}")


def _check_written(moment: str, zone: str) -> None:
    """Raise for a time that there is not in its zone, as clocks are put forward over it."""
    parts = [int(part) for part in re.split(r"[-: .]", moment)[:6]]
    year, month, day, hour, minute, second = [*parts, 0, 0, 0][:6]
    if year > MAXYEAR or zone not in zoneinfo.available_timezones():
        return
    try:
        there = datetime(year, month, day, hour, minute, second, tzinfo=zoneinfo.ZoneInfo(zone))
    except ValueError:  # no day of the calendar: DuckDB's cast tells it
        return
    if there.astimezone(UTC).astimezone(there.tzinfo).replace(tzinfo=None) != there.replace(tzinfo=None):
        raise QueryFailed("INVALID_LITERAL", f"line 1:1: '{moment} {zone}' is not a valid TIMESTAMP literal")


def _digits(moment: str) -> int:
    return len(moment.partition(".")[2])


def common_zone(left: exp.DataType, right: exp.DataType) -> None:
    """Raise for values of one column or branch that would each have another zone."""
    if types.zone_of(left) != types.zone_of(right):
        raise not_supported(f"one column of the zones {types.zone_of(left)} and {types.zone_of(right)}")


def shown(moment: datetime, kind: exp.DataType) -> datetime:
    """Return a moment as the local time of the zone of its type."""
    return moment.astimezone(_clock(types.zone_of(kind))).replace(tzinfo=None)
