"""Reads the rules for a column's values from a contract; refuses rules that no value can satisfy."""

from __future__ import annotations

import re
from typing import Any

from open_data_contract_standard.model import SchemaProperty

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import Rules
from sluice.contracts.odcs import COLUMN_OPTIONS
from sluice.contracts.patterns import common_pattern
from sluice.contracts.types import ColumnType
from sluice.contracts.values.limits import Bound, bound, own_values
from sluice.shortened import shortened

_WHOLE = re.compile(r"[+-]?[0-9]{1,38}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,38}(\.[0-9]{0,38})?|\.[0-9]{1,38})([eE][+-]?[0-9]{1,3})?")
_BOUNDS = {
    "minimum": "minimum",
    "exclusiveMinimum": "exclusive_minimum",
    "maximum": "maximum",
    "exclusiveMaximum": "exclusive_maximum",
}
_LENGTHS = {"minLength": "min_length", "maxLength": "max_length"}
#: Where each field of ``Rules`` is said, below its column.
PLACES: dict[str, Place] = {
    "allowed": ("enum",),
    **{
        field: ("logicalTypeOptions", option) for option, field in {"pattern": "pattern", **_BOUNDS, **_LENGTHS}.items()
    },
}
#: Characters of the longest text that Arrow holds.
_LONGEST = 2**31 - 1


def known_options(file: ContractFile, prop: SchemaProperty, at: Place) -> dict[str, Any]:
    """Return the ``logicalTypeOptions`` of a column that there are, whatever its type; gather the others."""
    known: dict[str, Any] = {}
    for option, value in (prop.logicalTypeOptions or {}).items():
        with file.found:
            known[file.one_of(option, COLUMN_OPTIONS, (*at, "logicalTypeOptions", option))] = value
    if prop.enum is not None and not prop.enum:
        with file.found:
            file.refuse((*at, "enum"), "the enum is empty, so that no value is allowed; list values, or remove it")
    return known


def read_value_rules(
    file: ContractFile, prop: SchemaProperty, options: dict[str, Any], kind: ColumnType, at: Place
) -> Rules:
    """Return the rules of a column of that type; ``options`` are its ``logicalTypeOptions`` without the format."""
    here = (*at, "logicalTypeOptions")
    values: dict[str, Any] = {}
    for option, given in options.items():
        with file.found:
            field, value = _option(file, option, given, kind, (*here, option))
            values[field] = value
    if values.get("min_length", 0) > values.get("max_length", _LONGEST):
        with file.found:
            file.refuse((*here, "minLength"), "no text is as long as minLength and as short as maxLength")
    with file.found:
        _refuse_bounds(file, values, kind, here)
    if prop.enum is not None:
        count = len(prop.enum)
        values["allowed"] = file.found.tried(lambda: _allowed(file, count, kind, (*at, "enum")), ())
    return Rules(**values)


def _option(file: ContractFile, option: str, value: Any, kind: ColumnType, at: Place) -> tuple[str, Any]:
    """Return an option as the field of ``Rules`` and its value."""
    if option in ("pattern", *_LENGTHS) and kind.name != "string":
        file.refuse(at, f"pattern and length are for string columns, not {kind}")
    if option in _LENGTHS:
        return _LENGTHS[option], _length(file, value, at)
    text = file.written(at)
    if option == "pattern":
        try:
            common_pattern(text)
        except ValueError as error:
            file.refuse(at, f"not a regular expression that every engine reads alike: {error}")
    return _BOUNDS.get(option, option), text


def _length(file: ContractFile, value: Any, at: Place) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST:
        said = shortened(repr(value))
        file.refuse(at, f"{said} is not allowed; a whole number of at least 0 is wanted, {_LONGEST:,} at most")
    return value


def _allowed(file: ContractFile, count: int, kind: ColumnType, at: Place) -> tuple[str, ...]:
    texts = [""] * count
    for number in range(count):
        here = (*at, number, "value")
        with file.found:
            texts[number] = file.written(here)
            try:
                own_values((texts[number],), kind)
            except ValueError as error:
                file.refuse(here, str(error))
    return tuple(texts)


def _refuse_bounds(file: ContractFile, values: dict[str, Any], kind: ColumnType, at: Place) -> None:
    """Refuse a minimum or maximum that is not of the column's type, and two that no value can satisfy."""
    found: list[tuple[str, Bound]] = []
    for option, rule in _BOUNDS.items():
        if rule not in values:
            continue
        if kind.name in ("string", "boolean", "binary"):
            file.refuse(at, f"minimum and maximum are not for {kind} columns")
        try:
            found.append((option, _bound(rule, values[rule], kind)))
        except ValueError as error:
            file.refuse((*at, option), str(error))
    for option, low in found:
        for other, high in found:
            if not low.lower or high.lower:
                continue
            least, most = low.value.as_py(), high.value.as_py()
            if least > most or (least == most and "=" in low.breaks + high.breaks):
                file.refuse((*at, option), f"no {kind} keeps both {option} {low.written} and {other} {high.written}")


def _bound(rule: str, text: str, kind: ColumnType) -> Bound:
    whole = kind.name in ("int", "bigint")
    if kind.name not in ("date", "timestamp") and not (_WHOLE if whole else _NUMBER).fullmatch(text):
        raise ValueError(f"{shortened(text)!r} is not a {'whole ' if whole else ''}number, and the column is {kind}")
    return bound(rule, text, kind)
