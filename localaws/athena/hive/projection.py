"""Partition projection: the partitions that a table's properties describe, found among its objects.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection.html
https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import re2
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.moments import java_pattern
from localaws.athena.hive.pruning import Pruning
from localaws.athena.hive.values import DEFAULT_PARTITION
from localaws.athena.leave import path_of

_REFERENCE: Final = re.compile(r"\$\{([^}]*)\}")
_TYPES: Final = ("enum", "integer", "date", "injected")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}
_MONTHS: Final = {"month": 1, "year": 12}
_MOST_DIGITS: Final = 100
#: So many values of a key are listed at most, and so many folders: beyond that one listing of all objects is faster.
_MOST_VALUES: Final = 20_000
_MOST_PLACES: Final = 100
_NOW: Final = re.compile(r"NOW\s*(?:([+-])\s*([0-9]+)\s*([A-Z]+))?", re.IGNORECASE)
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,19}")
_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True)
class Projected:
    """One key: what its values look like in a location, which of those are among them, the digits of a number."""

    pattern: str
    holds: Callable[[str], bool]
    digits: int = 0
    #: All values as they are written, at most so many; None where there are more, or nobody can list them.
    values: Callable[[int], list[str] | None] = lambda most: None


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
        self._name, self._keys = name, list(keys)
        self._texts = {key["Name"].lower() for key in table.get("PartitionKeys") or []
                       if types.hive_type(key["Type"]).this in types.TEXT}  # fmt: skip
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
        path = path_of(template)
        self._template = template.rstrip("/")
        #: Below this path all partitions lie.
        self.root = path[: path.index("${")].rpartition("/")[0].rstrip("/")
        if not self.root:
            raise _wrong(f"Table {name}: storage.location.template names a column in the bucket's name: {template!r}")
        self._location, self._places = self._regex(path.rstrip("/"))

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Projection | None:
        """Return a table's projection; None for a table without."""
        keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
        enabled = any(
            key.lower() == "projection.enabled" and value.lower() == "true"
            for key, value in (table.get("Parameters") or {}).items()
        )
        return cls(table, keys) if keys and enabled else None

    def partition(self, path: str) -> tuple[str, tuple[str, ...]] | None:
        """Return location and values of the partition that an object is in; None if it is in none."""
        found = self._location.match(path)
        if found is None:
            return None
        given: dict[str, str] = {}
        for group, key in enumerate(self._places, start=1):
            if given.setdefault(key, found[group]) != found[group]:
                return None
        held = all(self._projected[key].holds(given[key]) for key in self._keys)
        return (found[0].rstrip("/"), tuple(given[key] for key in self._keys)) if held else None

    def places(self, keys: Mapping[str, exp.DataType], pruning: Pruning | None) -> list[str]:
        """Return the folders below which all partitions lie that ``pruning`` does not rule out, of the narrowest.

        Keys are gone through as the template has them, as long as their values can be listed and are few.
        """
        parts = _REFERENCE.split(path_of(self._template))
        narrowed = [place for place, name in enumerate(parts[1::2]) if pruning and pruning.narrows(name.lower())]
        if pruning is not None and pruning.nothing:
            return []
        if not narrowed:
            return [self.root]
        paths, best = [parts[0]], [self.root]
        for place, (name, text) in enumerate(zip(parts[1::2], parts[2::2], strict=True)):
            values = self._values(name.lower(), keys, pruning)
            if values is None or len(values) * len(paths) > _MOST_PLACES:
                break
            paths = [path + value + text for path in paths for value in values]
            if place in narrowed:
                best = [path if place == len(parts) // 2 - 1 else path.rpartition("/")[0] for path in paths]
        return sorted({*best})

    def _values(self, key: str, keys: Mapping[str, exp.DataType], pruning: Pruning | None) -> list[str] | None:
        listed = self._projected[key].values(_MOST_VALUES)
        if key in self.injected and pruning is not None and (told := pruning.told(key)) is not None:
            listed = [value for value in told if value not in ("", ".", "..") and "/" not in value]
        if listed is None or pruning is None or not pruning.narrows(key):
            return listed
        return [str(value) for (value,) in pruning.chosen({key: keys[key]}, [(each,) for each in listed])]

    def location(self, values: Sequence[str]) -> str:
        """Return where rows with these values of the keys are written, so that they are read back with them.

        Raises HIVE_INVALID_PARTITION_VALUE for values that the projection does not have.
        """
        spelled = {
            key: value if key in self._texts else self._padded(key, value)
            for key, value in zip(self._keys, values, strict=True)
        }
        found = _REFERENCE.sub(lambda reference: spelled[reference[1].lower()], self._template)
        path = found.partition("://")[2]
        wanted = (path, tuple(spelled.values()))
        if DEFAULT_PARTITION in spelled.values() or self.partition(f"{path}/") != wanted:
            shown = ", ".join(f"{key}={value}" for key, value in zip(self._keys, values, strict=True))
            raise QueryFailed(
                "HIVE_INVALID_PARTITION_VALUE",
                f"Table {self._name}: the partition projection has no partition {shown}: what is written there would "
                "not be read back; nothing was written. Widen the table's projection properties, or leave these rows "
                "out",
            )
        return found

    def _padded(self, key: str, value: str) -> str:
        digits = self._projected[key].digits
        return f"{int(value):0{digits}d}" if digits and _WHOLE.fullmatch(value) else value

    def _regex(self, template: str) -> tuple[Any, list[str]]:
        """Return the pattern of objects in partitions, and the key of each of its groups."""
        parts = _REFERENCE.split(template)  # fixed texts and names, in turn
        keys = [name.lower() for name in parts[1::2]]
        groups = [f"({self._projected[key].pattern})" for key in keys]
        fixed = [re.escape(text) for text in parts[::2]]
        text = "".join(each for pair in zip(fixed, [*groups, "/"], strict=True) for each in pair)
        try:
            return re2.compile(text, _QUIET), keys
        except re2.error as error:
            raise _wrong(f"Table {self._name}: its projected values make no pattern of locations: {error}") from None


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
        return Projected("|".join(map(re.escape, longest)), values.__contains__, values=lambda most: sorted(values))
    bounds = [bound.strip() for bound in said("range").split(",")]
    if len(bounds) != 2:
        raise _wrong(f"projection.{key}.range is two values with a comma, not {said('range')!r}")
    if kind == "integer":
        return _integer(key, bounds, _interval(key, said("interval", "1")), said("digits", ""))
    return _date(key, bounds, said)


def _interval(key: str, said: str) -> int:
    if not _WHOLE.fullmatch(said.strip()) or int(said) < 1:
        raise _wrong(f"projection.{key}.interval is a whole number above zero, not {said!r}")
    return int(said)


def _integer(key: str, bounds: list[str], interval: int, digits: str) -> Projected:
    said = [*bounds, digits.strip() or "0"]
    if not all(map(_WHOLE.fullmatch, said)) or not 0 <= int(said[2]) <= _MOST_DIGITS:
        raise _wrong(
            f"projection.{key}.range is two whole numbers, and .digits one up to {_MOST_DIGITS}, not "
            f"{','.join(bounds)!r} and {digits!r}"
        )
    first, last, width = map(int, said)

    def holds(value: str) -> bool:
        number = int(value)
        spelled = f"{number:0{width}d}"
        return spelled == value and first <= number <= last and (number - first) % interval == 0

    patterns = []
    if last >= 0:
        patterns.append(_digits(width, max(first, 0), last))
    if first < 0:  # the sign is one of the digits
        patterns.append("-" + _digits(width - 1, -min(last, -1), -first))

    def values(most: int) -> list[str] | None:
        numbers = range(first, last + 1, interval)
        return [f"{number:0{width}d}" for number in numbers] if len(numbers) <= most else None

    return Projected("|".join(patterns) or "[0-9]", holds, width, values)


def _digits(width: int, least: int, most: int) -> str:
    """Return what numbers of a range, written with so many digits at least, look like."""
    shortest, longest = sorted((max(width, len(str(least))), max(width, len(str(most)))))
    return f"[0-9]{{{shortest},{longest}}}"


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
    interval = _interval(key, said("interval", "1" if finest in ("day", "month") else None))

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

    # A moment has one text where each letter has its digits, and one moment a month where there are no days.
    listable = "{1," not in pattern and not {"%z", "%f"} & {*re.findall("%.", directive)} and first.year >= 1000
    listable &= unit not in _MONTHS or finest in ("month", "year")

    def values(most: int) -> list[str] | None:
        moments = list(islice(_steps(_cut(first, finest), last, interval, unit), most + 1)) if listable else []
        if not listable or len(moments) > most:
            return None
        return [value for value in dict.fromkeys(moment.strftime(directive) for moment in moments) if holds(value)]

    return Projected(pattern, holds, values=values)


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
    count, unit = now[1] + now[2], now[3].lower().rstrip("s")
    if unit not in _SECONDS | _MONTHS:
        raise _wrong(f"projection.{key}.range: the unit {now[3]!r} is none of {', '.join(_SECONDS | _MONTHS)}")
    try:
        if unit in _SECONDS:
            return moment + timedelta(seconds=int(count) * _SECONDS[unit])
        months = moment.year * 12 + moment.month - 1 + int(count) * _MONTHS[unit]
        return moment.replace(year=months // 12, month=months % 12 + 1, day=min(moment.day, 28))
    except (ValueError, OverflowError):
        raise _wrong(f"projection.{key}.range: {text!r} is outside of the years 1 to 9999") from None


def _steps(first: datetime, last: datetime, interval: int, unit: str) -> Iterator[datetime]:
    """Yield the moments from the first to the last, so many units apart."""
    moment = first
    try:
        while moment <= last:
            yield moment
            if unit in _MONTHS:
                months = moment.year * 12 + moment.month - 1 + interval * _MONTHS[unit]
                moment = moment.replace(year=months // 12, month=months % 12 + 1)
            else:
                moment += timedelta(seconds=interval * _SECONDS[unit])
    except (ValueError, OverflowError):  # there is none after the year 9999
        return


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
