"""Reads one contract file; refuses a broken one with file, line, field and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias, cast

from open_data_contract_standard.model import (
    CustomProperty,
    OpenDataContractStandard,
    SchemaObject,
    ServiceLevelAgreementProperty,
)
from pydantic import BaseModel

from sluice.contracts.arrival import read_arrival, refuse_arrival
from sluice.contracts.checks import read_checks, stated_places
from sluice.contracts.columns import NAME, read_column
from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.formats import Formats
from sluice.contracts.latency import read_latency
from sluice.contracts.model import AnyContract, Arrival, Column, DerivedContract, LandingContract, StreamRule
from sluice.contracts.odcs import STATED, has_effect, no_such_field, without_effect
from sluice.contracts.partitions import read_partitioning
from sluice.contracts.positions import NO_POSITION, in_order
from sluice.contracts.rules import RULES_ARE_FOR, Refuse, read_rules
from sluice.contracts.sound import sound_part
from sluice.contracts.spellings import SPELLINGS, TWO_DIGIT_YEARS
from sluice.contracts.yaml_lines import line_of
from sluice.gathered import Concerned
from sluice.nearest import nearest
from sluice.redelivery import LONGEST_DAYS, TOKEN_DAYS
from sluice.shortened import shortened

DATABASES = ("bronze", "silver", "gold")
_VERSION = re.compile(r"v?[0-9]{1,9}(\.[0-9]{1,9}){0,3}([-+][0-9A-Za-z.+-]{1,64})?")
#: The service levels that act.
SERVICE_LEVELS = ("freshness", "latency", "retention", "lateness")
#: Where a contract's one table stands.
_TABLE: Final[Place] = ("schema", 0)
_ServiceLevels: TypeAlias = dict[str | None, ServiceLevelAgreementProperty]
_COLUMN_CUSTOM = ("partitionTransform", TWO_DIGIT_YEARS, *SPELLINGS)


class _Parts(NamedTuple):
    """The parts of a file that make a contract one of a landing dataset, or of a derived table."""

    odcs: OpenDataContractStandard
    table: SchemaObject
    name: str
    #: Of all columns, refused ones, too.
    names: list[str]
    #: The columns that are sound, by their index among the properties.
    columns: dict[int, Column]
    custom: dict[str, Any]
    sla: _ServiceLevels


class ContractReader(ContractFile):
    """Reads one file."""

    #: Where each of the contract's checks stands, in their order.
    check_places: tuple[Place, ...] = ()

    def __init__(self, path: Path, formats: Formats) -> None:
        super().__init__(path)
        self.formats = formats

    def contract(self) -> AnyContract:
        """Return the whole file as a contract: that of a landing dataset in bronze, else that of a derived table.

        Raise ``ContractError`` with everything that is wrong, each at its line.
        """
        found = self.found
        odcs = self._standard()
        with found:
            contract = self._contract(odcs)
        found.refuse()
        return contract

    def _contract(self, odcs: OpenDataContractStandard) -> AnyContract:
        if not odcs.schema_:
            self.refuse(
                ("schema",), "a contract describes its table here, and there is none; write schema: with one table, "
                "its name, physicalName and properties"
            )  # fmt: skip
        if len(odcs.schema_) != 1:
            self.refuse(("schema",), f"a contract describes one table, and here are {len(odcs.schema_)}: one file each")
        (table,) = odcs.schema_
        tried = self.found.tried
        owner = tried(lambda: self._owner(odcs), "")
        database, name = tried(lambda: self._table_name(table, _TABLE), ("", table.name or ""))
        column_custom, by_place = self._columns(table)
        names = [prop.name for prop in table.properties or [] if prop.name]
        custom = self._custom(odcs.customProperties, ("customProperties",), ("arrival", "rules"))
        sla = self._service_levels(odcs)
        self._refuse_shared_headers(by_place, _TABLE)
        table_custom = self._custom(table.customProperties, (*_TABLE, "customProperties"), ("sortOrder",))
        by_name = {column.name: column for column in by_place.values()}
        key = tried(lambda: self._key(table, _TABLE), ())
        properties = table.properties or []
        partitioning = tried(lambda: read_partitioning(self, properties, column_custom, by_name, _TABLE), ())
        sort_order = tried(lambda: self._sort_order(table_custom, names, _TABLE), ())
        freshness = tried(lambda: self.duration(sla, "freshness", 86_400), None)
        arrives = self._arrives(odcs, database)
        latency = tried(lambda: read_latency(self, sla, freshness, arrives=arrives), 1)
        read = self._landing if arrives else self._derived
        of_its_kind = read(_Parts(odcs, table, name, names, by_place, custom, sla))
        self.found.refuse()
        return of_its_kind(
            name=name,
            database=database,
            columns=tuple(by_place.values()),
            description=table.description or "",
            version=odcs.version or "",
            domain=odcs.domain or "",
            owner=owner,
            key=key,
            partitioning=partitioning,
            sort_order=sort_order,
            freshness_seconds=freshness,
            latency_seconds=latency,
            file=str(self.path),
        )

    @staticmethod
    def _arrives(odcs: OpenDataContractStandard, database: str) -> bool:
        """Return whether the contract is one of what arrives: where the table's name is refused, as it has a server."""
        return database == "bronze" or (not database and bool(odcs.servers))

    def _standard(self) -> OpenDataContractStandard:
        """Return the file as the standard's model has it; gather what the standard does not know."""
        if not isinstance(self.raw, dict):
            self.refuse((), "a contract is a YAML mapping")
        if other := [key for key in self.raw if not isinstance(key, str)]:
            self.refuse((), f"{other[0]!r} is no such field in the Open Data Contract Standard")
        raw, refused = sound_part(self.raw)
        for at, problem in refused.items():
            with self.found:
                self.refuse(at, problem)
            self.refused.add(at)
        odcs = OpenDataContractStandard(**raw)
        self._refuse_unknown_fields(odcs, raw, ())
        for field in ("kind", "apiVersion"):
            with self.found:
                self.one_of(getattr(odcs, field), STATED["OpenDataContractStandard", field], (field,))
        if odcs.version is not None and not _VERSION.fullmatch(odcs.version):
            with self.found:
                self.refuse(("version",), f"{shortened(repr(odcs.version))} is no version; write one such as '1.0.0'")
        return odcs

    def _columns(self, table: SchemaObject) -> tuple[list[dict[str, Any]], dict[int, Column]]:
        """Return each column's custom properties, and the columns that are sound, by their index."""
        at: Place = (*_TABLE, "properties")
        properties = table.properties or []
        custom = [
            self._custom(prop.customProperties, (*at, index, "customProperties"), _COLUMN_CUSTOM)
            for index, prop in enumerate(properties)
        ]
        columns: dict[int, Column] = {}
        names: list[str | None] = []
        for index, prop in enumerate(properties):
            with self.found:
                columns[index] = read_column(self, prop, custom[index], (*at, index))
            with self.found:
                if prop.name in names:
                    first = line_of(self.root, (*at, names.index(prop.name), "name"))
                    self.refuse((*at, index, "name"), f"column {prop.name!r} is declared twice, first in line {first}")
            names.append(prop.name)
        if not properties:
            with self.found:
                self.refuse(at, "a table needs at least one column")
        return custom, columns

    def _landing(self, parts: _Parts) -> Callable[..., LandingContract]:
        """Return the contract but for the fields that every contract has; it has no checks of a whole table."""
        for index, prop in enumerate(parts.table.properties or []):
            if prop.unique:
                with self.found:
                    self.refuse(
                        (*_TABLE, "properties", index, "unique"),
                        "of what arrives each record is checked by itself; remove it, and declare unique or primaryKey "
                        "on the derived table, whose rows are compared with each other",
                    )
        for place in stated_places(parts.table, _TABLE):
            with self.found:
                self.refuse(
                    place,
                    "quality and relationships are checks of a derived table; of what arrives each record is checked",
                )
        arrival = self.found.tried(
            lambda: read_arrival(
                self, parts.odcs, parts.custom, parts.sla, name=parts.name, columns=parts.names, formats=self.formats
            ),
            None,
        )
        days = self.found.tried(lambda: self._retention(parts.sla, arrival), None)
        if arrival is None:
            raise Concerned
        self._refuse_idle_spellings(parts.columns, arrival, _TABLE)
        rules: tuple[StreamRule, ...] = ()
        if "rules" in parts.custom:
            rules = self.found.tried(lambda: self._rules(parts, arrival), ())
        return partial(LandingContract, arrival=arrival, rules=rules, retention_days=days)

    def _rules(self, parts: _Parts, arrival: Arrival) -> tuple[StreamRule, ...]:
        columns = {column.name: column for column in parts.columns.values()}
        refuse = self._at_rules(parts.odcs)
        return read_rules(
            parts.custom["rules"], {name: columns.get(name) for name in parts.names}, arrival, refuse, self.found
        )

    def _derived(self, parts: _Parts) -> Callable[..., DerivedContract]:
        """Return the contract but for the fields that every contract has; nothing may be said of how it arrives."""
        with self.found:
            refuse_arrival(self, parts.odcs, parts.custom, parts.sla)
        self._refuse_how_columns_come(parts.table)
        self._refuse_idle_spellings(parts.columns, None, _TABLE)
        stated = read_checks(self, parts.table, _TABLE)
        self.check_places = tuple(place for _, place in stated)
        if "rules" in parts.custom:
            with self.found:
                self._at_rules(parts.odcs)((), RULES_ARE_FOR)
        checks = tuple(check for check, _ in stated)
        days = self.found.tried(lambda: self._retention(parts.sla, None), None)
        return partial(DerivedContract, checks=checks, retention_days=days)

    def _refuse_how_columns_come(self, table: SchemaObject) -> None:
        """Refuse what says how a column's values come in files: a transform makes those of a derived table."""
        for index, prop in enumerate(table.properties or []):
            here = (*_TABLE, "properties", index)
            if "format" in (prop.logicalTypeOptions or {}):
                with self.found:
                    self.refuse(
                        (*here, "logicalTypeOptions", "format"),
                        "a format says how texts are read that arrive; remove it: the transform makes this column's "
                        "values",
                    )
            if prop.physicalName not in (None, prop.name):
                with self.found:
                    self.refuse(
                        (*here, "physicalName"),
                        f"it is the name in what arrives; remove it: the table's column is called {prop.name}",
                    )

    def _owner(self, odcs: OpenDataContractStandard) -> str:
        """Return the name of the team that answers for the dataset."""
        if isinstance(odcs.team, list):  # as version 3.0 of the standard has it
            self.refuse(("team",), "a list of members names no team; write a mapping with name and members")
        return (odcs.team.name if odcs.team else None) or ""

    def _service_levels(self, odcs: OpenDataContractStandard) -> _ServiceLevels:
        found: _ServiceLevels = {}
        for index, item in enumerate(odcs.slaProperties or []):
            at: Place = ("slaProperties", index)
            with self.found:
                if item.property in found:
                    self.refuse((*at, "property"), f"{item.property} is declared twice")
                self.one_of(item.property, SERVICE_LEVELS, (*at, "property"))
                found[item.property] = item
            if item.element is not None and item.property in SERVICE_LEVELS and item.property != "lateness":
                with self.found:
                    self.refuse((*at, "element"), f"{item.property} is one of the whole dataset; remove it")
        return found

    def _refuse_shared_headers(self, columns: Mapping[int, Column], at: Place) -> None:
        """Refuse two columns with the same name in delivered files: one of them would stay empty."""
        by_header: dict[str, str] = {}
        for index, column in columns.items():
            other = by_header.setdefault(column.header, column.name)
            if other != column.name:
                with self.found:
                    self.refuse(
                        (*at, "properties", index),
                        f"{column.name} and {other} are both called {column.header!r} in what arrives",
                    )

    def _refuse_idle_spellings(self, columns: Mapping[int, Column], arrival: Arrival | None, at: Place) -> None:
        """Refuse how a column's values are spelled where they come in no such texts."""
        spelled = [name for name, each in self.formats.files.items() if each.spelled]
        if arrival is not None and not arrival.stream and arrival.format in spelled:
            return
        for index, column in columns.items():
            if column.spelling is not None:
                here = (*at, "properties", index, "customProperties")
                with self.found:
                    self.refuse(here, f"{', '.join(SPELLINGS)} are for {', '.join(spelled)}")

    def _refuse_unknown_fields(self, model: BaseModel, raw: dict[str, Any], at: Place) -> None:
        """Refuse fields without effect, and unknown ones, which the standard's models would ignore.

        A misspelt field must not count as absent.
        """
        names = {field.alias or name: name for name, field in type(model).model_fields.items()}
        kind = type(model).__name__
        for key, value in raw.items():
            with self.found:
                self._refuse_field(kind, key, value, names, (*at, key))
            parsed = getattr(model, names[key]) if key in names else None
            if isinstance(parsed, BaseModel) and isinstance(value, dict):
                self._refuse_unknown_fields(parsed, value, (*at, key))
            elif isinstance(parsed, list):
                for index, (item, given) in enumerate(zip(parsed, value, strict=True)):
                    if isinstance(item, BaseModel) and isinstance(given, dict):
                        self._refuse_unknown_fields(item, given, (*at, key, index))

    def _refuse_field(self, kind: str, key: str, value: Any, names: Collection[str], at: Place) -> None:
        """Refuse a field that the standard does not know, or that has no effect, or says what it cannot."""
        if key not in names:
            if near := nearest(key, names):
                self.refused.add((*at[:-1], near))  # that it is missing is said hereby
            self.refuse(at, no_such_field(kind, key, names))
        if not has_effect(kind, key):
            self.refuse(at, without_effect(kind, key))
        if value is not None and (kind, key) in STATED:
            self.one_of(value, STATED[kind, key], at)

    def _table_name(self, table: SchemaObject, at: Place) -> tuple[str, str]:
        physical = table.physicalName or ""
        database, _, name = physical.partition(".")
        if database not in DATABASES or not NAME.fullmatch(name):
            near = nearest(database, DATABASES) if NAME.fullmatch(name) else ""
            meant = f" did you mean '{near}.{name}'?" if near else ""
            self.refuse(
                (*at, "physicalName"),
                f"{physical!r} is not allowed;{meant} it is <database>.<table>, database one of "
                f"{', '.join(DATABASES)}, table in lower case letters, digits and underscores",
            )
        if table.name != name:
            said = "it is missing" if table.name is None else f"{table.name!r} is not allowed"
            self.refuse((*at, "name"), f"{said}; it is the table's own name, {name!r}")
        return database, name

    def _custom(self, items: list[CustomProperty] | None, at: Place, allowed: tuple[str, ...]) -> dict[str, Any]:
        found = {}
        for index, item in enumerate(items or []):
            with self.found:
                self.one_of(item.property, allowed, (*at, index, "property"))
                if item.property in found:
                    self.refuse((*at, index, "property"), f"{item.property} is declared twice")
                found[cast(str, item.property)] = item.value
        return found

    def _key(self, table: SchemaObject, at: Place) -> tuple[str, ...]:
        """Return the columns of the primary key in their order."""
        found = []
        for index, prop in enumerate(table.properties or []):
            here = (*at, "properties", index, "primaryKeyPosition")
            if prop.primaryKey:
                found.append((prop.primaryKeyPosition, here, cast(str, prop.name)))
            elif prop.primaryKeyPosition not in NO_POSITION and not self.concerned((*here[:-1], "primaryKey")):
                self.refuse(here, f"{prop.name} is not primaryKey: true")
        return in_order(self, found)

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

    def _retention(self, sla: _ServiceLevels, arrival: Arrival | None) -> int | None:
        """Return the days of the retention, None without one."""
        if "retention" not in sla:
            return None
        seconds = self.duration(sla, "retention", 0)
        at = (*self.service_level_at("retention"), "value")
        if seconds < 86_400 or seconds % 86_400:
            unit = sla["retention"].unit
            said = f"{sla['retention'].value} {unit}{' (minutes)' if unit == 'm' else ''}"
            self.refuse(at, f"{said} is no retention, which has one or more whole days, such as value: 30, unit: d")
        days = seconds // 86_400
        if arrival is not None and not arrival.stream and days < TOKEN_DAYS:
            self.refuse(
                at,
                f"{days} days are fewer than the {TOKEN_DAYS} for which a file may come again (a queue, then its "
                "dead-letter queue, then a unit that was set aside) and is recognised by what its table tells; "
                f"allowed: {TOKEN_DAYS} days and more",
            )
        if arrival is not None and arrival.stream and days < LONGEST_DAYS:
            self.refuse(
                at,
                f"{days} days are fewer than the {LONGEST_DAYS} for which a record of a stream may come again (queues, "
                "the stream, staged files); its row is what recognises it, and without it the record would be there "
                f"twice; allowed: {LONGEST_DAYS} days and more",
            )
        return days
