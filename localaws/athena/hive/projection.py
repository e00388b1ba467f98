"""Partition projection: the partitions that a table's properties describe, found among its objects.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from localaws.athena.errors import QueryFailed
from localaws.athena.hive.moments import java_pattern
from localaws.athena.leave import path_of

_REFERENCE: Final = re.compile(r"\$\{([^}]*)\}")
_TYPES: Final = ("enum", "integer", "date", "injected")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_MONTHS: Final = {"month": 1, "year": 12}
_NOW: Final = re.compile(r"NOW\s*(?:([+-])\s*(\d+)\s*([A-Z]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Projected:
    """One key: what its values look like in a location, and which of those are among them."""

    pattern: str
    holds: Callable[[str], bool]


class Projection:
    """The partitions of one table with projection."""

    def __init__(self, table: Mapping[str, Any], keys: Sequence[str]) -> None:
        name = table.get("Name", "")
        properties = {key.lower(): value for key, value in (table.get("Parameters") or {}).items()}
        missing = [key for key in keys if f"projection.{key}.type" not in properties]
        if missing:
            raise _wrong(
                f"Table {name} is configured for partition projection, but the following partition columns are missing "
                f"projection configuration: [{', '.join(missing)}]"
            )
        self._keys = list(keys)
        self._projected = {key: _projected(key, properties) for key in keys}
        self.injected = [key for key in keys if properties[f"projection.{key}.type"].lower() == "injected"]
        location = str((table.get("StorageDescriptor") or {}).get("Location", "")).rstrip("/")
        template = properties.get("storage.location.template") or "/".join(
            [location, *(f"{key}=${{{key}}}" for key in keys)]
        )
        used = {found.lower() for found in _REFERENCE.findall(template)}
        if used != set(keys):
            raise _wrong(
                f"Table {name}: storage.location.template names the columns {sorted(used)}, and the partition columns "
                f"are {sorted(keys)}"
            )
        first = template[: template.index("${")]
        #: Below this path all partitions lie.
        self.root = path_of(first[: first.rindex("/")]).rstrip("/")
        self._location = self._regex(path_of(_REFERENCE.sub("{}", template)), _REFERENCE.findall(template))

    def partition(self, path: str) -> tuple[str, tuple[str, ...]] | None:
        """Return location and values of the partition that an object is in; None if it is in none."""
        found = self._location.match(path)
        if found is None:
            return None
        values = tuple(found[f"k{place}"] for place in range(len(self._keys)))
        held = all(self._projected[key].holds(value) for key, value in zip(self._keys, values, strict=True))
        return (found[0].rstrip("/"), values) if held else None

    def _regex(self, template: str, names: list[str]) -> re.Pattern[str]:
        parts, seen = [], set()
        for fixed, name in zip(template.rstrip("/").split("{}"), [*names, ""], strict=True):
            parts.append(re.escape(fixed))
            if name:
                key = name.lower()
                place = self._keys.index(key)
                parts.append(f"(?P=k{place})" if key in seen else f"(?P<k{place}>{self._projected[key].pattern})")
                seen.add(key)
        return re.compile("".join(parts) + "/")


def _projected(key: str, properties: Mapping[str, str]) -> Projected:
    def said(name: str, default: str | None = None) -> str:
        found = properties.get(f"projection.{key}.{name}", default)
        if found is None:
            raise _wrong(f"Missing required property: projection.{key}.{name}")
        return found

    kind = said("type").lower()
    if kind not in _TYPES:
        raise _wrong(f"projection.{key}.type is one of {', '.join(_TYPES)}, not {kind}")
    if kind == "injected":
        return Projected("[^/]+", lambda value: True)
    if kind == "enum":
        values = {value.strip() for value in said("values").split(",")}
        longest = sorted(values, key=len, reverse=True)
        return Projected("|".join(map(re.escape, longest)), values.__contains__)
    bounds = [bound.strip() for bound in said("range").split(",")]
    if len(bounds) != 2:
        raise _wrong(f"projection.{key}.range is two values with a comma, not {said('range')!r}")
    if kind == "integer":
        return _integer(key, bounds, int(said("interval", "1")), said("digits", ""))
    return _date(key, bounds, said)


def _integer(key: str, bounds: list[str], interval: int, digits: str) -> Projected:
    try:
        first, last = map(int, bounds)
        width = int(digits or 0)
    except ValueError:
        raise _wrong(f"projection.{key}.range and .digits are whole numbers") from None

    def holds(value: str) -> bool:
        number = int(value)
        spelled = f"{number:0{width}d}"
        return spelled == value and first <= number <= last and (number - first) % interval == 0

    return Projected(r"-?\d{1,19}", holds)


def _date(key: str, bounds: list[str], said: Callable[..., str]) -> Projected:
    form = said("format")
    try:
        pattern, directive = java_pattern(form)
    except ValueError as error:
        raise _wrong(f"projection.{key}.format: {error}") from None
    first, last = (_bound(key, bound, directive) for bound in bounds)
    finest = _finest(directive)
    given = said("interval.unit", finest if finest in ("day", "month") else None)
    unit = given.lower().rstrip("s")
    if unit not in _SECONDS | _MONTHS:
        raise _wrong(f"projection.{key}.interval.unit {given!r} is none of {', '.join(_SECONDS | _MONTHS)}")
    interval = int(said("interval", "1" if finest in ("day", "month") else None))

    def holds(value: str) -> bool:
        try:
            moment = datetime.strptime(value, directive)
        except ValueError:
            return False
        if not _cut(first, finest) <= moment <= last:
            return False
        if unit in _MONTHS:
            months = (moment.year - first.year) * 12 + moment.month - first.month
            return months % (interval * _MONTHS[unit]) == 0
        passed = (moment - _cut(first, finest)) // timedelta(seconds=1)
        return passed % (interval * _SECONDS[unit]) == 0

    return Projected(pattern, holds)


def _bound(key: str, text: str, directive: str) -> datetime:
    now = _NOW.fullmatch(text)
    if now is None:
        try:
            return datetime.strptime(text, directive)
        except ValueError:
            raise _wrong(f"projection.{key}.range: {text!r} is not of the format, nor NOW with an offset") from None
    moment = datetime.now(UTC).replace(tzinfo=None)
    if now[1] is None:
        return moment
    count, unit = int(now[1] + now[2]), now[3].lower().rstrip("s")
    if unit in _MONTHS:
        months = moment.year * 12 + moment.month - 1 + count * _MONTHS[unit]
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, 28))
    if unit not in _SECONDS:
        raise _wrong(f"projection.{key}.range: the unit {now[3]!r} is none of {', '.join(_SECONDS | _MONTHS)}")
    return moment + timedelta(seconds=count * _SECONDS[unit])


def _finest(directive: str) -> str:
    names = {"%S": "second", "%M": "minute", "%H": "hour", "%d": "day", "%m": "month", "%b": "month"}
    return next((unit for letters, unit in names.items() if letters in directive), "year")


def _cut(moment: datetime, unit: str) -> datetime:
    """Return the beginning of the unit that a moment is in."""
    fields = ("year", "month", "day", "hour", "minute", "second")
    kept = fields[: fields.index(unit) + 1]
    return datetime(**({"year": 1, "month": 1, "day": 1} | {name: getattr(moment, name) for name in kept}))


def _wrong(message: str) -> QueryFailed:
    return QueryFailed("INVALID_TABLE_PROPERTY", message)
