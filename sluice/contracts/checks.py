"""Reads the checks of a table from its contract: the standard's ``quality`` and ``relationships``."""

from __future__ import annotations

from collections.abc import Iterator
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
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def read_checks(file: ContractFile, table: SchemaObject, at: Place) -> list[tuple[Check, Place]]:
    """Return the table's checks, each with its position in the file; an unclear check is refused there."""
    found: list[tuple[Check, Place]] = []
    for number, quality in enumerate(table.quality or []):
        here = (*at, "quality", number)
        found.append((_check(file, quality, here, ()), here))
    for index, prop in enumerate(table.properties or []):
        here = (*at, "properties", index)
        for number, quality in enumerate(prop.quality or []):
            place = (*here, "quality", number)
            found.append((_check(file, quality, place, (cast(str, prop.name),)), place))
        for number, relation in enumerate(prop.relationships or []):
            place = (*here, "relationships", number)
            found.append((_foreign_key(file, relation, place, (cast(str, prop.name),)), place))
    names = [cast(str, prop.name) for prop in table.properties or []]
    for number, relation in enumerate(table.relationships or []):
        here = (*at, "relationships", number)
        columns = tuple(name.rpartition(".")[2] for name in _listed(relation.from_))
        for name in columns:
            file.one_of(name, names, (*here, "from"))
        found.append((_foreign_key(file, relation, here, columns), here))
    return found


def _check(file: ContractFile, quality: DataQuality, at: Place, columns: tuple[str, ...]) -> Check:
    must = [(op, getattr(quality, op)) for op in _OPERATORS if getattr(quality, op) is not None]
    if len(must) != 1:
        file.refuse(at, f"a check has exactly one operator; allowed: {', '.join(_OPERATORS)}")
    operator, operand = must[0]
    if quality.type == "sql":
        if not quality.query:
            file.refuse((*at, "query"), "a check of type sql needs a query")
        metric = "sql"
    elif quality.type == "custom":
        file.one_of(quality.engine, ("sluice",), (*at, "engine"))
        metric = file.one_of(quality.implementation, _CUSTOM, (*at, "implementation"))
        if metric == "freshness":
            if len(columns) != 1:
                file.refuse(at, "freshness is a check of one property, a timestamp")
            if not all(isinstance(each, int | float) for each in (operand if isinstance(operand, list) else [operand])):
                file.refuse((*at, operator), f"{shortened(repr(operand))} is not allowed; an age is a number")
            operand = _scaled(operand, _SECONDS[file.one_of(quality.unit or "s", _SECONDS, (*at, "unit"))])
    else:
        metric = file.one_of(quality.metric, _METRICS, (*at, "metric"))
        named = (quality.arguments or {}).get("properties", list(columns))
        if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
            file.refuse((*at, "arguments"), f"{shortened(repr(named))} is not allowed; properties is a list of columns")
        columns = tuple(named)
    severity = file.one_of(quality.severity or "error", ("error", "warning"), (*at, "severity"))
    if len(quality.name or "") > LONGEST_NAME:
        file.refuse((*at, "name"), f"it has {len(quality.name or ''):,} characters; at most {LONGEST_NAME} are allowed")
    return Check(
        name=quality.name or " ".join([metric, *columns]),
        metric=metric,
        must=(operator, operand),
        columns=columns,
        query=quality.query,
        severity=cast(Literal["error", "warning"], severity),
    )


def _scaled(operand: Any, factor: int) -> Any:
    return [value * factor for value in operand] if isinstance(operand, list) else operand * factor


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
