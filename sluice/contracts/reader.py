"""Reads one contract file; refuses a broken one with file, line, field and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    ServiceLevelAgreementProperty,
)
from pydantic import BaseModel, ValidationError

from sluice.contracts.arrival import read_arrival
from sluice.contracts.checks import read_checks
from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.formats import Formats
from sluice.contracts.model import JSON_TEXT, Arrival, Column, Contract
from sluice.contracts.odcs import has_effect, without_effect
from sluice.contracts.partitions import read_partitioning
from sluice.contracts.rules import Refuse, read_rules
from sluice.contracts.spellings import SPELLINGS, TWO_DIGIT_YEARS, read_spelling, read_two_digit_years
from sluice.contracts.types import ColumnType, parse_type
from sluice.contracts.value_rules import read_value_rules
from sluice.contracts.values.patterns import has_time, pattern_of
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.redelivery import LONGEST_DAYS

DATABASES = ("bronze", "silver", "gold")
#: The service levels that act.
SERVICE_LEVELS = ("freshness", "retention", "lateness")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMN_CUSTOM = ("partitionTransform", TWO_DIGIT_YEARS, *SPELLINGS)
#: The logical types of the Open Data Contract Standard, with the physical ones that mean no other; none: any.
_LOGICAL_TYPES: dict[str, tuple[str, ...]] = {
    "string": (),
    "date": ("date", "timestamp"),
    "timestamp": ("timestamp", "date"),
    "time": ("string",),
    "number": ("decimal", "float", "double", "int", "bigint"),
    "integer": ("int", "bigint", "decimal"),
    "boolean": ("boolean",),
    "object": ("string",),
    "array": ("string",),
}
_LOGICAL_DEFAULTS = {
    "string": "string",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


class ContractReader(ContractFile):
    """Reads one file."""

    #: Where each of the contract's checks stands, in their order.
    check_places: tuple[Place, ...] = ()

    def __init__(self, path: Path, formats: Formats) -> None:
        super().__init__(path)
        self.formats = formats

    def contract(self) -> Contract:
        """Return the whole file as a contract."""
        if not isinstance(self.raw, dict):
            self.refuse((), "a contract is a YAML mapping")
        if other := [key for key in self.raw if not isinstance(key, str)]:
            self.refuse((), f"{other[0]!r} is no such field in the Open Data Contract Standard")
        try:
            odcs = OpenDataContractStandard(**self.raw)
        except ValidationError as error:
            first = error.errors()[0]
            where = tuple(step for step in first["loc"] if step != "schema_")
            allowed = ""
            if first["type"] == "extra_forbidden":
                allowed = "; no such field in the Open Data Contract Standard"
            self.refuse(where, f"{first['msg']}{allowed}")
        self._refuse_unknown_fields(odcs, self.raw, ())
        self.one_of(odcs.kind, ("DataContract",), ("kind",))
        if not (odcs.apiVersion or "").startswith("v3."):
            self.refuse(("apiVersion",), f"{odcs.apiVersion!r} is not allowed; allowed: v3.0.0 to v3.2.0")
        if not odcs.schema_ or len(odcs.schema_) != 1:
            self.refuse(("schema",), "a contract describes exactly one table")
        table = odcs.schema_[0]
        at: Place = ("schema", 0)
        database, name = self._table_name(table, at)
        column_custom = [
            self._custom(prop.customProperties, (*at, "properties", index, "customProperties"), _COLUMN_CUSTOM)
            for index, prop in enumerate(table.properties or [])
        ]
        columns = tuple(
            self._column(prop, column_custom[index], (*at, "properties", index))
            for index, prop in enumerate(table.properties or [])
        )
        if not columns:
            self.refuse((*at, "properties"), "a table needs at least one column")
        names = [column.name for column in columns]
        for index, column in enumerate(names):
            if column in names[:index]:
                self.refuse((*at, "properties", index, "name"), f"column {column!r} is declared twice")
        by_name = {column.name: column for column in columns}
        custom = self._custom(odcs.customProperties, ("customProperties",), ("arrival", "rules"))
        sla = self._service_levels(odcs)
        self._refuse_shared_headers(columns, at)
        table_custom = self._custom(table.customProperties, (*at, "customProperties"), ("sortOrder",))
        arrival = read_arrival(
            self, odcs, custom, sla, name=name, columns=names, derived=database != "bronze", formats=self.formats
        )
        self._refuse_idle_spellings(columns, arrival, at)
        stated = read_checks(self, table, at)
        checks = tuple(check for check, _ in stated)
        self.check_places = tuple(place for _, place in stated)
        if arrival is not None and checks:
            self.refuse(
                at, "quality and relationships are checks of a derived table; of what arrives each record is checked"
            )
        return Contract(
            name=name,
            database=database,
            columns=columns,
            description=table.description or "",
            version=odcs.version or "",
            domain=odcs.domain or "",
            owner=self._owner(odcs),
            key=self._key(table),
            arrival=arrival,
            partitioning=read_partitioning(self, table.properties or [], column_custom, by_name, at),
            sort_order=self._sort_order(table_custom, names, at),
            checks=checks,
            rules=read_rules(custom["rules"], columns, arrival, self._at_rules(odcs)) if "rules" in custom else (),
            freshness_seconds=self.duration(sla, "freshness", 86_400),
            retention_days=self._retention(sla, stream=arrival is not None and arrival.stream),
            file=str(self.path),
        )

    def _owner(self, odcs: OpenDataContractStandard) -> str:
        """Return the name of the team that answers for the dataset."""
        if isinstance(odcs.team, list):  # as version 3.0 of the standard has it
            self.refuse(("team",), "a list of members names no team; write a mapping with name and members")
        return (odcs.team.name if odcs.team else None) or ""

    def _service_levels(self, odcs: OpenDataContractStandard) -> dict[str | None, ServiceLevelAgreementProperty]:
        found: dict[str | None, ServiceLevelAgreementProperty] = {}
        for index, item in enumerate(odcs.slaProperties or []):
            at: Place = ("slaProperties", index)
            if item.property in found:
                self.refuse((*at, "property"), f"{item.property} is declared twice")
            self.one_of(item.property, SERVICE_LEVELS, (*at, "property"))
            if item.element is not None and item.property != "lateness":
                self.refuse((*at, "element"), f"{item.property} is one of the whole dataset; remove it")
            found[item.property] = item
        return found

    def _refuse_shared_headers(self, columns: tuple[Column, ...], at: Place) -> None:
        """Refuse two columns with the same name in delivered files: one of them would stay empty."""
        by_header: dict[str, str] = {}
        for index, column in enumerate(columns):
            other = by_header.setdefault(column.header, column.name)
            if other != column.name:
                self.refuse(
                    (*at, "properties", index),
                    f"{column.name} and {other} are both called {column.header!r} in what arrives",
                )

    def _refuse_idle_spellings(self, columns: tuple[Column, ...], arrival: Arrival | None, at: Place) -> None:
        """Refuse how a column's values are spelled where they come in no such texts."""
        spelled = [name for name, each in self.formats.files.items() if each.spelled]
        if arrival is not None and not arrival.stream and arrival.format in spelled:
            return
        for index, column in enumerate(columns):
            if column.spelling is not None:
                here = (*at, "properties", index, "customProperties")
                self.refuse(here, f"{', '.join(SPELLINGS)} are for {', '.join(spelled)}")

    def _refuse_unknown_fields(self, model: BaseModel, raw: dict[str, Any], at: Place) -> None:
        """Refuse fields without effect, and unknown ones, which the standard's models would ignore.

        A misspelt field must not count as absent.
        """
        names = {field.alias or name: name for name, field in type(model).model_fields.items()}
        for key, value in raw.items():
            if key not in names:
                self.refuse(
                    (*at, key), f"no such field in the Open Data Contract Standard; allowed: {', '.join(names)}"
                )
            kind = type(model).__name__
            if not has_effect(kind, key):
                self.refuse((*at, key), without_effect(kind, key))
            parsed = getattr(model, names[key])
            if isinstance(parsed, BaseModel) and isinstance(value, dict):
                self._refuse_unknown_fields(parsed, value, (*at, key))
            elif isinstance(parsed, list):
                for index, (item, given) in enumerate(zip(parsed, value, strict=True)):
                    if isinstance(item, BaseModel) and isinstance(given, dict):
                        self._refuse_unknown_fields(item, given, (*at, key, index))

    def _table_name(self, table: SchemaObject, at: Place) -> tuple[str, str]:
        physical = table.physicalName or ""
        database, _, name = physical.partition(".")
        if database not in DATABASES or not _NAME.fullmatch(name):
            self.refuse(
                (*at, "physicalName"),
                f"{physical!r} is not allowed; it is <database>.<table>, database one of {', '.join(DATABASES)}, "
                "table in lower case letters, digits and underscores",
            )
        if table.name != name:
            self.refuse((*at, "name"), f"{table.name!r} must be the table's own name, {name!r}")
        return database, name

    def _custom(self, items: list[CustomProperty] | None, at: Place, allowed: tuple[str, ...]) -> dict[str, Any]:
        found = {}
        for index, item in enumerate(items or []):
            self.one_of(item.property, allowed, (*at, index, "property"))
            if item.property in found:
                self.refuse((*at, index, "property"), f"{item.property} is declared twice")
            found[cast(str, item.property)] = item.value
        return found

    def _column(self, prop: SchemaProperty, custom: Mapping[str, Any], at: Place) -> Column:
        if not prop.name or not _NAME.fullmatch(prop.name):
            self.refuse((*at, "name"), f"{prop.name!r} is not a column name; lower case letters, digits, underscores")
        if prop.name.startswith("_"):
            self.refuse((*at, "name"), "names that begin with _ are Sluice's own")
        spelled = prop.physicalType or _LOGICAL_DEFAULTS.get(prop.logicalType or "", "")
        if not spelled:
            self.refuse((*at, "physicalType"), "needed: logicalType alone does not decide the type")
        try:
            kind = parse_type(spelled)
        except ValueError as error:
            self.refuse((*at, "physicalType" if prop.physicalType else "logicalType"), str(error))
        if prop.logicalType is not None:
            self.one_of(prop.logicalType, tuple(_LOGICAL_TYPES), (*at, "logicalType"))
            meant = _LOGICAL_TYPES[prop.logicalType]
            if meant and kind.name not in meant:
                self.refuse(
                    (*at, "physicalType"), f"{kind} is no {prop.logicalType}, which is one of {', '.join(meant)}"
                )
        options = dict(prop.logicalTypeOptions or {})
        if prop.logicalType in ("object", "array"):
            if kind.name != "string":
                self.refuse(
                    (*at, "logicalType"),
                    f"an {prop.logicalType} is kept as its JSON text: physicalType string",
                )
            if "format" in options:
                self.refuse((*at, "logicalTypeOptions", "format"), "a format is for date and timestamp columns")
            spelled_as: str | tuple[str, ...] | None = JSON_TEXT
        else:
            spelled_as = self._format(options, kind, (*at, "logicalTypeOptions", "format"))
        column = Column(
            name=prop.name,
            type=kind,
            description=prop.description or "",
            required=bool(prop.required),
            unique=bool(prop.unique),
            header=prop.physicalName or prop.name,
            format=spelled_as,
            classification=prop.classification,
            rules=read_value_rules(self, prop, options, kind, at),
        )
        here = (*at, "customProperties")
        return msgspec.structs.replace(
            column,
            spelling=read_spelling(self, column, custom, here),
            two_digit_year_start=read_two_digit_years(self, column, custom, here),
        )

    def _format(self, options: dict[str, Any], kind: ColumnType, at: Place) -> str | tuple[str, ...] | None:
        """Remove the format from ``options`` and return it; refuse one without effect, or that no value can have."""
        if "format" not in options:
            return None
        spelled = options.pop("format")
        if kind.name not in ("date", "timestamp"):
            self.refuse(at, f"a format is for date and timestamp columns, not {kind}")
        if kind.name == "timestamp" and isinstance(spelled, str) and spelled in EPOCH_FORMATS:
            return spelled
        given = [spelled] if isinstance(spelled, str) else spelled
        if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
            self.refuse(at, f"{spelled!r} is not allowed; a pattern or a list of patterns is wanted")
        if len(set(given)) < len(given):
            self.refuse(at, "a pattern stands twice in the list")
        for each in given:
            try:
                pattern = pattern_of(each)
            except ValueError as error:
                self.refuse(at, f"{error}; or, for a timestamp, one of {', '.join(EPOCH_FORMATS)} alone")
            if kind.name == "date" and has_time(pattern):
                self.refuse(at, f"{each!r} says a time, and a date has none")
        return spelled if isinstance(spelled, str) else tuple(given)

    @staticmethod
    def _key(table: SchemaObject) -> tuple[str, ...]:
        keys = [p for p in table.properties or [] if p.primaryKey]
        return tuple(cast(str, p.name) for p in sorted(keys, key=lambda p: p.primaryKeyPosition or 0))

    def _at_rules(self, odcs: OpenDataContractStandard) -> Refuse:
        """Return how a rule is refused: with its place below the custom property ``rules``."""
        index = next(i for i, c in enumerate(odcs.customProperties or []) if c.property == "rules")

        def refuse(below: Place, problem: str) -> NoReturn:
            self.refuse(("customProperties", index, "value", *below), problem)

        return refuse

    def _sort_order(self, custom: dict[str, Any], names: list[str], at: Place) -> tuple[str, ...]:
        order = custom.get("sortOrder", [])
        here = (*at, "customProperties")
        if not isinstance(order, list):
            self.refuse(here, f"{order!r} is not allowed; sortOrder is a list of columns")
        for column in order:
            self.one_of(column, names, here)
        if len(set(order)) < len(order):
            self.refuse(here, "sortOrder names a column twice")
        return tuple(order)

    def _retention(self, sla: dict[str | None, Any], *, stream: bool) -> int | None:
        """Return the days of the retention, None without one."""
        if "retention" not in sla:
            return None
        seconds = self.duration(sla, "retention", 0)
        at = ("slaProperties", list(sla).index("retention"), "value")
        if seconds < 86_400 or seconds % 86_400:
            self.refuse(at, "a retention has one or more whole days")
        days = seconds // 86_400
        if stream and days < LONGEST_DAYS:
            self.refuse(
                at,
                f"{days} days are fewer than the {LONGEST_DAYS} for which a record of a stream may come again (queues, "
                "the stream, staged files); its row is what recognises it, and without it the record would be there "
                f"twice; allowed: {LONGEST_DAYS} days and more",
            )
        return days
