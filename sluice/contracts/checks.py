"""Reads the checks of a table from its contract: the standard's ``quality`` and ``relationships``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from open_data_contract_standard.model import DataQuality, Relationship, SchemaObject

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import Check, Reference
from sluice.shortened import shortened

_OPERATORS = (
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
)
#: Characters of a check's name, which stands in ledgers, alarms and reports.
LONGEST_NAME = 128
_METRICS = ("rowCount", "nullValues", "duplicateValues")
#: Checks of Sluice's own (``type: custom``, ``engine: sluice``): the change of the row count in percent of the snapshot
#: before; the age of the newest value of a timestamp.
_CUSTOM = ("rowCountChange", "freshness")
#: What is counted, and may be told as a share of the table's rows.
_SHARES = ("nullValues", "duplicateValues")
#: Digits after the point of a share, in percent, with which another is compared exactly.
PERCENT_DIGITS = 4
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
#: The units that each measure may be stated in.
_UNITS: Mapping[str, Iterable[str]] = {
    **dict.fromkeys(_SHARES, ("rows", "percent")),
    "rowCount": ("rows",),
    "rowCountChange": ("percent",),
    "freshness": _SECONDS,
}
#: The fields that act in a check of each measure, beside those of every check.
_TAKES = {
    **dict.fromkeys(_SHARES, ("metric", "unit", "arguments")),
    **dict.fromkeys(_CUSTOM, ("engine", "implementation", "unit")),
    "rowCount": ("metric", "unit"),
    "sql": ("query",),
}


def stated_places(table: SchemaObject, at: Place) -> list[Place]:
    """Return where a table and its columns state checks, each list of them once."""
    of: list[tuple[Place, Any]] = [(at, table)]
    of += [((*at, "properties", index), prop) for index, prop in enumerate(table.properties or [])]
    return [(*here, kind) for here, each in of for kind in ("quality", "relationships") if getattr(each, kind)]


def read_checks(file: ContractFile, table: SchemaObject, at: Place) -> list[tuple[Check, Place]]:
    """Return the table's checks, each with its position in the file; an unclear check is refused there."""
    found: list[tuple[Check, Place]] = []
    names = [prop.name for prop in table.properties or [] if prop.name]
    for number, quality in enumerate(table.quality or []):
        here = (*at, "quality", number)
        with file.found:
            found.append((_check(file, quality, here, names), here))
    for index, prop in enumerate(table.properties or []):
        if not prop.name:
            continue  # which was refused; what it is checked for has no name to stand under
        here, own = (*at, "properties", index), (prop.name,)
        for number, quality in enumerate(prop.quality or []):
            place = (*here, "quality", number)
            with file.found:
                found.append((_check(file, quality, place, names, own), place))
        for number, relation in enumerate(prop.relationships or []):
            place = (*here, "relationships", number)
            with file.found:
                if relation.from_ is not None:
                    file.refuse((*place, "from"), f"it is from {own[0]} where it stands; remove it")
                found.append((_foreign_key(file, relation, place, own), place))
    for number, relation in enumerate(table.relationships or []):
        here = (*at, "relationships", number)
        with file.found:
            columns = _from(file, relation, table, names, (*here, "from"))
            found.append((_foreign_key(file, relation, here, columns), here))
    return found


def _check(
    file: ContractFile, quality: DataQuality, at: Place, names: Sequence[str], own: tuple[str, ...] = ()
) -> Check:
    """Return the check of a table with the columns ``names``, or of its column ``own``."""
    must = [(op, getattr(quality, op)) for op in _OPERATORS if getattr(quality, op) is not None]
    if len(must) != 1:
        file.refuse(at, f"a check has exactly one operator; allowed: {', '.join(_OPERATORS)}")
    operator, operand = must[0]
    metric = _metric(file, quality, at)
    _refuse_idle(file, quality, metric, at)
    columns = _columns(file, quality, metric, at, names=names, own=own)
    unit = quality.unit
    if unit is not None:
        file.one_of(unit, _UNITS[metric], (*at, "unit"))
    if metric != "sql":
        _refuse_operand(file, operand, (*at, operator), percent=unit == "percent" and metric in _SHARES)
    if metric == "freshness":
        operand = _scaled(operand, _SECONDS[unit or "s"])
    severity = file.one_of(quality.severity or "error", ("error", "warning"), (*at, "severity"))
    if len(quality.name or "") > LONGEST_NAME:
        file.refuse((*at, "name"), f"it has {len(quality.name or ''):,} characters; at most {LONGEST_NAME} are allowed")
    counted = cast(Literal["rows", "percent"], unit) if unit is not None and metric in _SHARES else None
    return Check(
        name=quality.name or " ".join([metric, *columns, *([f"in {counted}"] if counted else [])]),
        metric=metric,
        must=(operator, operand),
        columns=columns,
        query=quality.query,
        unit=counted,
        severity=cast(Literal["error", "warning"], severity),
    )


def _metric(file: ContractFile, quality: DataQuality, at: Place) -> str:
    """Return what the check measures."""
    if quality.type == "sql":
        if not quality.query:
            file.refuse((*at, "query"), "a check of type sql needs a query")
        return "sql"
    if quality.type == "custom":
        file.one_of(quality.engine, ("sluice",), (*at, "engine"))
        return file.one_of(quality.implementation, _CUSTOM, (*at, "implementation"))
    return file.one_of(quality.metric, _METRICS, (*at, "metric"))


def _refuse_idle(file: ContractFile, quality: DataQuality, metric: str, at: Place) -> None:
    """Refuse the fields of the standard that do nothing in a check of what is measured."""
    for field in ("metric", "query", "engine", "implementation", "unit", "arguments"):
        if getattr(quality, field) is not None and field not in _TAKES[metric]:
            file.refuse((*at, field), f"{field} does nothing in a check of {metric}; remove it")
    for argument in quality.arguments or {}:
        file.one_of(argument, ("properties",), (*at, "arguments", argument))


def _columns(
    file: ContractFile, quality: DataQuality, metric: str, at: Place, *, names: Sequence[str], own: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the columns that are measured."""
    if metric == "freshness" and not own:
        file.refuse(at, "freshness is a check of one property, a timestamp")
    if metric in ("rowCount", "rowCountChange") and own:
        file.refuse(at, f"{metric} counts the rows of the whole table; state it there, not of {own[0]}")
    if metric not in _SHARES:
        return own
    here = (*at, "arguments")
    if own and quality.arguments:
        file.refuse(here, f"this check is of {own[0]}; state one of other columns at the table")
    if own:
        return own
    named = (quality.arguments or {}).get("properties")
    if not isinstance(named, list) or not named or not all(isinstance(name, str) for name in named):
        said = "it is missing" if named is None else f"{shortened(repr(named))} is not allowed"
        file.refuse(here, f"{said}; properties is a list of the columns that are measured")
    for name in named:
        file.one_of(name, names, here)
    if len(set(named)) < len(named):
        file.refuse(here, "properties names a column twice")
    return tuple(named)


def _refuse_operand(file: ContractFile, operand: Any, at: Place, *, percent: bool) -> None:
    """Refuse what no number can be compared with, and a share that is none or has too many digits."""
    numbers = operand if isinstance(operand, list) else [operand]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | float) or not _is_finite(number):
            file.refuse(at, f"{shortened(repr(number))} is not allowed; a number is wanted")
        if percent and (not 0 <= number <= 100 or round(number, PERCENT_DIGITS) != number):
            digits = f"with at most {PERCENT_DIGITS} digits after the point"
            file.refuse(at, f"{shortened(repr(number))} is not allowed; a share is 0 to 100 percent, {digits}")
    if isinstance(operand, list) and operand[0] > operand[1]:
        file.refuse(at, f"{operand} is not allowed; the smaller number stands first")


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _scaled(operand: Any, factor: int) -> Any:
    return [value * factor for value in operand] if isinstance(operand, list) else operand * factor


def _from(
    file: ContractFile, relation: Relationship, table: SchemaObject, names: Sequence[str], at: Place
) -> tuple[str, ...]:
    """Return the columns of a table's relationship; the table's own name may stand before each."""
    columns = []
    for spelled in _listed(relation.from_):
        of, _, name = spelled.rpartition(".")
        if of not in ("", table.name, table.physicalName):
            file.refuse(at, f"{shortened(repr(spelled))} is of another table; allowed: columns of {table.physicalName}")
        if file.one_of(name, names, at) in columns:
            file.refuse(at, f"{name} stands there twice")
        columns.append(name)
    return tuple(columns)


def _foreign_key(file: ContractFile, relation: Relationship, at: Place, columns: tuple[str, ...]) -> Check:
    targets = [target.rpartition(".") for target in _listed(relation.to)]
    tables = {table for table, _, _ in targets}
    if len(tables) != 1 or len(targets) != len(columns) or "." not in next(iter(tables)):
        file.refuse((*at, "to"), f"<database>.<table>.<column> is due for each of {', '.join(columns) or 'from'}")
    (table,) = tables
    return Check(
        name=f"({', '.join(columns)}) is in {table}",
        metric="foreignKey",
        must=("mustBe", 0),
        columns=columns,
        references=Reference(table, tuple(column for _, _, column in targets)),
    )


def _listed(names: str | list[str] | None) -> Iterator[str]:
    yield from [names] if isinstance(names, str) else names or []
