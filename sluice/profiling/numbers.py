"""Finds the type and the spelling of a column of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sluice.contracts import ColumnType, Spelling

_INTEGER = re.compile(r"[+-]?[0-9]+")
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: Numbers that are names: with zeros before them they are not the number that they would become.
_PADDED = re.compile(r"[+-]?0[0-9]")
#: Decimal and group separator, in the order in which they are tried.
_MARKS = tuple((".", group) for group in (",", " ", "'", "\u00a0", "\u202f", "_")) + tuple(
    (",", group) for group in ("", ".", " ", "'", "\u00a0", "\u202f")
)
_MONEY = re.compile(
    r"(?:^|_)(?:amount|price|cost|costs|total|subtotal|tax|vat|fee|fees|discount|revenue|sales|spend|spent|balance"
    r"|payment|paid|salary|wage|income|profit|margin|charges?|refund|budget|betrag|preis|summe|umsatz|montant|prix"
    r"|importe|precio|bid|cpc|cpm)(?:_|$)"
)
#: Names of numbers that name things; 17850.0 is one when it went through a spreadsheet.
_NAMED = re.compile(r"(?:^|_)(?:id|ids|no|nr|number|code|key)$")
#: Names of what is written in digits and is no number: what it begins or ends with, and its zeros, are part of it.
_WRITTEN = re.compile(
    r"(?:^|_)(?:zip|zip_?codes?|plz|postal|post_?codes?|postal_?codes?|phone|phones|telephone|tel|telefon|telefono"
    r"|fax|ssn|social_security|iban|bic|card|creditcard|account|version|versions)(?:_|$)"
)
_COUNTED = re.compile(
    r"(?:^|_)(?:count|counts|sum|avg|share|rate|percent|ratio|age|days|years|number_of|num_of)(?:_|$)"
)
#: So many different values with the same number of digits after the point are no chance.
_ENOUGH = 20
_USUAL_DIGITS, _MOST_DIGITS = 18, 38
#: An amount times a bigint has no more than 38 digits then, times an int no more than the 28 that a sum may have.
_AMOUNT_DIGITS = 17


@dataclass(frozen=True)
class NumberForm:
    """A type of numbers and how they are written; ``grouped`` when a mark may part groups of three digits."""

    type: ColumnType
    spelling: Spelling | None = None


def written_name(name: str) -> bool:
    """Return whether a column's name says that its values are digits and no numbers, as zip codes are."""
    return _WRITTEN.search(name) is not None and not (_MONEY.search(name) or _COUNTED.search(name))


def note_of_text(values: Sequence[str], name: str) -> str:
    """Return why values that look like numbers stay text, empty when they do not look so."""
    values = _with_point([value.strip(" \t") for value in values])
    if not values:
        return ""
    if written_name(name):
        return "Text, since its name says that zeros before or after the digits are part of the value."
    if any(value.startswith("+") for value in values):
        return "Text, since values that begin with a plus may be numbers of phones, which lose it as numbers."
    if ended_with_zeros(values):
        return "Text, since values that differ by zeros at their end alone, as 1.1 and 1.10, would be one number."
    return ""


def _with_point(values: Sequence[str]) -> list[str]:
    """Return the values with a decimal point, by the first marks by which all are numbers; empty when no marks are."""
    if all(map(_PLAIN.fullmatch, values)):
        return list(values)
    for decimal, group in _MARKS:
        if all(map(_spelled(decimal, group).fullmatch, values)):
            return [value.replace(group, "").replace(decimal, ".") for value in values]
    return []


def ended_with_zeros(values: Sequence[str]) -> list[str]:
    """Return texts that would be one number and are several, as the versions 1.1 and 1.10 are."""
    found: dict[tuple[str, str], list[str]] = {}
    for value in dict.fromkeys(values):
        number, _, power = value.lower().partition("e")
        found.setdefault((number.rstrip("0").rstrip(".") if "." in number else number, power), []).append(value)
    return [value for alike in found.values() if len(alike) > 1 for value in alike]


def number_forms(values: Sequence[str], name: str, *, spelled: bool = True) -> list[NumberForm]:
    """Return the forms in which all values are numbers, the one to prefer first; two readings where there are two.

    With ``spelled`` separators other than a decimal point may be declared. Values that begin with a needless zero,
    whole numbers that no ``bigint`` holds, and values that have a plus where none has a minus, as numbers of phones
    have, are no numbers: they are names of things.
    """
    if any(map(_PADDED.match, values)) or (spelled and written_name(name)):
        return []
    if any(value.startswith("+") for value in values) and not any(value.startswith("-") for value in values):
        return []
    plain = [_form(values, name)] if all(map(_PLAIN.fullmatch, values)) else []
    if not spelled:
        return [form for form in plain if form is not None]
    found = [form for form in plain if form is not None]
    letters = set().union(*values)
    for decimal, group in _MARKS:
        needed = group or ","  # else it would be the same as without
        if needed not in letters:
            continue
        if not all(map(_spelled(decimal, group).fullmatch, values)):
            continue
        # What is written with thousands is an amount.
        form = _form([value.replace(group, "").replace(decimal, ".") for value in values], "amount" if group else name)
        if form is None:
            continue
        kind = form.type
        if kind.name == "bigint" and decimal == ",":
            if group != ".":
                continue  # there is one with a decimal point already
            # With points between thousands a contract must say that fractions have none, and a bigint has none to say.
            kind = ColumnType("decimal", _USUAL_DIGITS, 0)
        found.append(NumberForm(kind, Spelling(decimal=decimal, group=group)))
    return found


def _spelled(decimal: str, group: str) -> re.Pattern[str]:
    whole = rf"[0-9]+|[1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+" if group else "[0-9]+"
    return re.compile(rf"[+-]?(?:{whole})(?:{re.escape(decimal)}[0-9]+)?")


def _form(values: Sequence[str], name: str) -> NumberForm | None:
    """Return the type of numbers with a decimal point, None when no type holds them all as they are."""
    if all(map(_INTEGER.fullmatch, values)):
        return _whole(values)
    if any("e" in value.lower() for value in values):
        return NumberForm(ColumnType("double")) if all(map(exact_in_double, values)) else None
    wholes, scales = zip(*(_digits(value) for value in values), strict=True)
    money = _MONEY.search(name) is not None and max(scales) <= 6
    fixed = len(set(scales)) == 1 and 2 <= scales[0] <= 4 and len(set(values)) >= _ENOUGH
    if _NAMED.search(name) and all(not value.partition(".")[2].strip("0") for value in values):
        return NumberForm(ColumnType("decimal", _USUAL_DIGITS, 0)) if max(wholes) <= _USUAL_DIGITS else None
    if not (money or fixed) and all(map(exact_in_double, values)):
        alike = ended_with_zeros(values)
        if not (alike and _COUNTED.search(name)):
            return None if alike else NumberForm(ColumnType("double"))
    scale = max(2, *scales)
    needed = max(wholes) + scale
    if needed > _MOST_DIGITS:
        return None
    return NumberForm(ColumnType("decimal", _AMOUNT_DIGITS if needed < _AMOUNT_DIGITS else _MOST_DIGITS, scale))


def _whole(values: Sequence[str]) -> NumberForm | None:
    if any(len(value) >= 30 or not -(2**63) <= int(value) < 2**63 for value in values):
        return None
    # A bigint is written without a plus.
    plus = any(value.startswith("+") for value in values)
    return NumberForm(ColumnType("decimal", _USUAL_DIGITS, 0) if plus else ColumnType("bigint"))


def _digits(value: str) -> tuple[int, int]:
    """Return how many digits a number has before and after its point."""
    whole, _, fraction = value.lstrip("+-").partition(".")
    return len(whole), len(fraction)


def exact_in_double(value: str) -> bool:
    """Return whether a double, written again, is the same number."""
    return len(value) <= 16 or Decimal(repr(float(value))) == Decimal(value)
