"""Reads a column from a contract: its name, its type, how it is spelled, and what its values must satisfy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from open_data_contract_standard.model import SchemaProperty

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import JSON_TEXT, TWO_DIGIT_YEAR_START, Column
from sluice.contracts.spellings import read_spelling, read_two_digit_years
from sluice.contracts.types import ALLOWED, ColumnType, parse_type
from sluice.contracts.value_rules import known_options, read_value_rules
from sluice.contracts.values.patterns import has_time, pattern_of
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.gathered import Concerned

#: The name of a table or a column.
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
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


def read_column(file: ContractFile, prop: SchemaProperty, custom: Mapping[str, Any], at: Place) -> Column:
    """Return the column that ``prop``, which stands at ``at``, and its custom properties declare."""
    name = prop.name or ""
    tried = file.found.tried
    with file.found:
        if not NAME.fullmatch(name):
            said = "it is missing" if prop.name is None else f"{prop.name!r} is not a column name"
            meant = re.sub(r"\W+", "_", name.strip()).lower()
            asked = f" did you mean {meant!r}?" if NAME.fullmatch(meant) else ""
            file.refuse((*at, "name"), f"{said};{asked} lower case letters, digits, underscores")
    before = len(file.found.errors)
    options = known_options(file, prop, at)
    kind = tried(lambda: _type(file, prop, at), None)
    if kind is None:
        raise Concerned
    spelled = tried(lambda: _format(file, prop, options, kind, at), None)
    options.pop("format", None)
    column = Column(
        name=name,
        type=kind,
        description=prop.description or "",
        required=bool(prop.required),
        unique=bool(prop.unique),
        header=prop.physicalName or name,
        format=spelled,
        classification=prop.classification,
        rules=read_value_rules(file, prop, options, kind, at),
    )
    if len(file.found.errors) > before:
        return column  # refused already; its name and type are known, so that what names it is read
    here = (*at, "customProperties")
    spelling = tried(lambda: read_spelling(file, column, custom, here), None)
    start = tried(lambda: read_two_digit_years(file, column, custom, here), TWO_DIGIT_YEAR_START)
    return msgspec.structs.replace(column, spelling=spelling, two_digit_year_start=start)


def _type(file: ContractFile, prop: SchemaProperty, at: Place) -> ColumnType:
    """Return the physical type; without one the logical type's, if that means a single one."""
    spelled = prop.physicalType or _LOGICAL_DEFAULTS.get(prop.logicalType or "", "")
    if not spelled:
        said = f"logicalType {prop.logicalType} alone" if prop.logicalType in _LOGICAL_TYPES else "nothing else"
        if prop.logicalType is not None:
            file.one_of(prop.logicalType, tuple(_LOGICAL_TYPES), (*at, "logicalType"))
        file.refuse((*at, "physicalType"), f"needed: {said} decides the type; allowed: {', '.join(ALLOWED)}")
    try:
        kind = parse_type(spelled)
    except ValueError as error:
        file.refuse((*at, "physicalType" if prop.physicalType else "logicalType"), str(error))
    if prop.logicalType is not None:
        file.one_of(prop.logicalType, tuple(_LOGICAL_TYPES), (*at, "logicalType"))
        meant = _LOGICAL_TYPES[prop.logicalType]
        if meant and kind.name not in meant:
            file.refuse((*at, "physicalType"), f"{kind} is no {prop.logicalType}, which is one of {', '.join(meant)}")
    return kind


def _format(
    file: ContractFile, prop: SchemaProperty, options: dict[str, Any], kind: ColumnType, at: Place
) -> str | tuple[str, ...] | None:
    """Remove the format from ``options`` and return it; an object or array is kept as its JSON text."""
    here = (*at, "logicalTypeOptions", "format")
    if prop.logicalType not in ("object", "array"):
        return _patterns(file, options, kind, here)
    if kind.name != "string":
        file.refuse(
            (*at, "logicalType"),
            f"an {prop.logicalType} is kept as its JSON text: physicalType string",
        )
    if "format" in options:
        file.refuse(here, "a format is for date and timestamp columns")
    return JSON_TEXT


def _patterns(file: ContractFile, options: dict[str, Any], kind: ColumnType, at: Place) -> str | tuple[str, ...] | None:
    """Remove the format from ``options`` and return it; refuse one without effect, or that no value can have."""
    if "format" not in options:
        return None
    spelled = options.pop("format")
    if kind.name not in ("date", "timestamp"):
        file.refuse(at, f"a format is for date and timestamp columns, not {kind}")
    if kind.name == "timestamp" and isinstance(spelled, str) and spelled in EPOCH_FORMATS:
        return spelled
    given = [spelled] if isinstance(spelled, str) else spelled
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        file.refuse(at, f"{spelled!r} is not allowed; a pattern or a list of patterns is wanted")
    if len(set(given)) < len(given):
        file.refuse(at, "a pattern stands twice in the list")
    for each in given:
        try:
            pattern = pattern_of(each)
        except ValueError as error:
            file.refuse(at, f"{error}; or, for a timestamp, one of {', '.join(EPOCH_FORMATS)} alone")
        if kind.name == "date" and has_time(pattern):
            file.refuse(at, f"{each!r} says a time, and a date has none")
    return spelled if isinstance(spelled, str) else tuple(given)
