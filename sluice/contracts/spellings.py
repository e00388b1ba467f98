"""Reads how a delimited file spells a column's values; refuses options without effect or with two meanings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contracts.contract_file import ContractFile, Place
from sluice.contracts.model import JSON_TEXT, TWO_DIGIT_YEAR_START, Column, Spelling
from sluice.contracts.values.patterns import has_two_digit_year, patterns_of
from sluice.contracts.values.texts import EPOCH_FORMATS

#: The custom properties of a column that say how a delimited file spells its values, and the types that they are for.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "decimalSeparator": ("decimal", "float", "double"),
    "groupSeparator": ("decimal", "float", "double", "int", "bigint"),
    "trueValues": ("boolean",),
    "falseValues": ("boolean",),
    "trim": ("string", "int", "bigint", "float", "double", "boolean", "date", "timestamp", "decimal"),
}
#: The custom property that says of which hundred years a year of two digits is, by the first of them.
TWO_DIGIT_YEARS = "twoDigitYearStart"
_LAST_START = 9900
#: Marks between digits: of decimals, and of groups of three.
MARKS = {"decimalSeparator": (".", ","), "groupSeparator": (",", ".", " ", "'", "_", "\u00a0", "\u202f")}


def read_spelling(file: ContractFile, column: Column, custom: Mapping[str, Any], at: Place) -> Spelling | None:
    """Return how the column's values are spelled, or None when its ``custom`` properties do not say."""
    given = {name: value for name, value in custom.items() if name in SPELLINGS}
    if not given:
        return None
    for name, value in given.items():
        if column.type.name not in SPELLINGS[name]:
            file.refuse(at, f"{name} is for {', '.join(SPELLINGS[name])}, not {column.type}")
        if name in MARKS:
            file.one_of(value, MARKS[name], at)
        elif name == "trim":
            if not isinstance(value, bool):
                file.refuse(at, f"trim: {value!r} is not allowed; allowed: true, false")
        elif not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
            file.refuse(
                at,
                f"{name}: {value!r} is not allowed; a list of texts is wanted, between quotes such as 'TRUE', '1'",
            )
    decimal, group = given.get("decimalSeparator", "."), given.get("groupSeparator", "")
    if decimal == group:
        file.refuse(at, f"decimalSeparator and groupSeparator are both {group!r}")
    true, false = given.get("trueValues", []), given.get("falseValues", [])
    if bool(true) != bool(false):
        file.refuse(at, "trueValues and falseValues are said together")
    if both := set(true) & set(false):
        file.refuse(at, f"{sorted(both)[0]!r} is both true and false")
    return Spelling(decimal=decimal, group=group, true=tuple(true), false=tuple(false), trim=given.get("trim", False))


def read_two_digit_years(file: ContractFile, column: Column, custom: Mapping[str, Any], at: Place) -> int:
    """Return the first of the hundred years to which the column's two-digit years belong."""
    if TWO_DIGIT_YEARS not in custom:
        return TWO_DIGIT_YEAR_START
    start = custom[TWO_DIGIT_YEARS]
    if not isinstance(start, int) or isinstance(start, bool) or not 1 <= start <= _LAST_START:
        file.refuse(at, f"{TWO_DIGIT_YEARS}: {start!r} is not allowed; a year of 1 to {_LAST_START} is wanted")
    known = column.format is None or column.format == JSON_TEXT or column.format in EPOCH_FORMATS
    if known or not any(map(has_two_digit_year, patterns_of(column))):
        file.refuse(at, f"{TWO_DIGIT_YEARS} does nothing: no pattern of the column's format has yy")
    return start
