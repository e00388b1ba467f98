"""Writes the contract of files that were studied, with what it could also say as comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from sluice.contracts import Arrival, Column
from sluice.contracts.model import JSON_TEXT, TWO_DIGIT_YEAR_START
from sluice.profiling.keys import proposed_key, unique_columns
from sluice.profiling.studies import Studied, Study
from sluice.profiling.yaml_text import flow, scalar

#: What stands where a description is to be filled in.
TO_DESCRIBE = "TODO"
_MOST_LISTED, _MOST_LETTERS = 8, 90
#: Addresses of mail and numbers of phones, whatever their column is called.
_OF_PERSON = re.compile(r"@|[0-9](?:[ ()/.-]*[0-9]){6}")
#: Digits that a number of a phone has.
_LEAST_DIALLED, _MOST_DIALLED = 7, 15
#: So often must values come again, on the average, that they are a list.
_REPEATED = 5


def contract_text(study: Study, dataset: str, project: str) -> str:
    """Return the contract of ``dataset`` for files such as the studied ones, as YAML."""
    layout = study.layout
    lines = [
        "apiVersion: v3.1.0",
        "kind: DataContract",
        f"id: {scalar(f'{project}.bronze.{dataset}')}",
        f"name: {scalar(dataset.replace('_', ' ').capitalize())}",
        "version: 1.0.0",
        "status: active",
        "description:",
        f"  purpose: {TO_DESCRIBE}",
        "servers:",
        "  - server: landing",
        "    type: s3",
        f"    location: s3://landing/{dataset}/",
        f"    format: {layout.format}",
    ]
    arrival = layout.arrival(study.nulls)
    if arrival.delimiter != ",":
        lines.append(f"    delimiter: {scalar(arrival.delimiter)}")
    lines += [
        "schema:",
        f"  - name: {scalar(dataset)}",
        f"    physicalName: bronze.{dataset}",
        "    physicalType: table",
        f"    description: {TO_DESCRIBE}",
    ]
    lines += [f"    # {note}" for note in study.notes]
    lines += [f"    # {note}" for note in _of_key(study.columns)]
    lines.append("    properties:")
    key = proposed_key(study.columns)
    for column in study.columns:
        if column.guess is None:
            lines.append(f"      # {scalar(column.header)} is not loaded: its values are of kinds that no type holds.")
        else:
            lines += [f"      {line}" for line in _column(column, is_key=column is key)]
    lines += list(_arrival(arrival, study))
    return "\n".join(lines) + "\n"


def _of_key(columns: Sequence[Studied]) -> Iterator[str]:
    key = proposed_key(columns)
    others = [column.name for column in unique_columns(columns) if column is not key]
    if key is not None:
        yield f"{key.name} is proposed as the key: it is in every record, and nowhere twice."
    if others:
        some = ", ".join(others[:10]) + (", …" if len(others) > 10 else "")
        yield f"{'So is' if key else 'In every record, and nowhere twice:'} {some}."


def _column(found: Studied, *, is_key: bool) -> Iterator[str]:
    """Yield the lines of a column; the first begins its list item."""
    column, guess = found.column, found.guess
    yield f"- name: {scalar(column.name)}"
    if column.header != column.name:
        yield f"  physicalName: {scalar(column.header)}"
    if guess is not None and guess.logical:
        yield f"  logicalType: {guess.logical}"
    yield f"  physicalType: {column.type}"
    yield f"  description: {TO_DESCRIBE}"
    if found.personal:
        yield "  classification: personal  # by its name"
    if is_key:
        yield from ("  primaryKey: true", "  primaryKeyPosition: 1", "  required: true")
    if guess is not None and guess.note:
        yield f"  # {guess.note}"
    yield from _rules(found)
    yield from _spelling(column)


def _rules(found: Studied) -> Iterator[str]:
    """Yield the format, and as comments the rules that all values seen would keep."""
    column = found.column
    formatted = column.format is not None and column.format != JSON_TEXT
    if formatted:
        given = column.format
        patterns = scalar(given) if isinstance(given, str) else flow([scalar(each) for each in given or ()])
        yield "  logicalTypeOptions:"
        yield f"    format: {patterns}"
    if found.reach is not None and not found.personal and not any(map(_of_phone, found.reach)):
        ordered = column.type.name in ("date", "timestamp")
        low, high = (scalar(bound) if ordered else bound for bound in found.reach)
        yield f"  #   minimum: {low}" if formatted else f"  # logicalTypeOptions: {{minimum: {low}, maximum: {high}}}"
        if formatted:
            yield f"  #   maximum: {high}"
    elif listed := _listed(found):
        yield f"  # enum: {flow([f'{{value: {each}}}' for each in listed])}"
    if not found.measures.rows - found.measures.nulls:
        yield "  # No record has a value."


def _of_phone(bound: str) -> bool:
    """Return whether a number may be one of a phone: a whole one of as many digits, whatever its column is called."""
    try:
        number = Decimal(bound)
    except InvalidOperation:
        return False  # a day or time
    whole = number.is_finite() and number == number.to_integral_value()
    return whole and _LEAST_DIALLED <= number.adjusted() + 1 <= _MOST_DIALLED


def _listed(found: Studied) -> list[str]:
    """Return the values of a text column with few of them, as YAML."""
    measures = found.measures
    few = 1 < measures.distinct <= _MOST_LISTED and measures.distinct * _REPEATED <= measures.rows - measures.nulls
    if (
        not few
        or measures.cut
        or found.column.type.name != "string"
        or found.column.format is not None
        or found.personal
    ):
        return []
    if any(_OF_PERSON.search(value) for value, _ in measures.top):
        return []
    listed = sorted(scalar(value) for value, _ in measures.top)
    return listed if sum(map(len, listed)) <= _MOST_LETTERS and all(map(str.isprintable, listed)) else []


def _spelling(column: Column) -> Iterator[str]:
    given = column.spelling
    custom: list[tuple[str, str]] = []
    if given is not None:
        if given.decimal != ".":
            custom.append(("decimalSeparator", scalar(given.decimal)))
        if given.group:
            custom.append(("groupSeparator", scalar(given.group)))
        if given.true:
            custom.append(("trueValues", flow(list(map(scalar, given.true)))))
            custom.append(("falseValues", flow(list(map(scalar, given.false)))))
        if given.trim:
            custom.append(("trim", "true"))
    formats = (column.format,) if isinstance(column.format, str) else column.format or ()
    short = any("yy" in each and "yyyy" not in each for each in formats)
    if custom:
        yield "  customProperties:"
        yield from (f"    - {{property: {name}, value: {value}}}" for name, value in custom)
    if short:
        last = TWO_DIGIT_YEAR_START + 99
        yield f"  # Years of two digits are {TWO_DIGIT_YEAR_START} to {last}; twoDigitYearStart says another century."


def _arrival(arrival: Arrival, study: Study) -> Iterator[str]:
    """Yield the custom property that says how files arrive, where that is not what is usual."""
    values: list[tuple[str, Any]] = []
    if arrival.encoding != "utf-8":
        unsure = f"  # {study.layout.unsure}" if study.layout.unsure else ""
        values.append(("encoding", scalar(arrival.encoding) + unsure))
    if arrival.format == "csv":
        if not arrival.header:
            values.append(("header", "false  # the files have none: columns are told by their order"))
        if arrival.quote != '"':
            values.append(("quoteChar", scalar(arrival.quote) if arrival.quote else "none"))
        if arrival.escape:
            values.append(("escapeChar", scalar(arrival.escape)))
        if arrival.null_values != ("",):
            values.append(("nullValues", flow(list(map(scalar, arrival.null_values)))))
    if values:
        yield "customProperties:"
        yield "  - property: arrival"
        yield "    value:"
        yield from (f"      {name}: {value}" for name, value in values)
