"""Finds how delimited text is written: delimiter, quote and escape character, and whether a header comes first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sluice.contracts import Arrival
from sluice.ingestion.readers.csv_grammar import Grammar
from sluice.ingestion.readers.csv_split import Search

#: In the order in which they are preferred when several fit alike; those after the first four are rare.
_DELIMITERS = ("\t", ";", "|", ",", "\x01", "\x1f", "^", "~", ":", " ")
_USUAL = _DELIMITERS[:4]
#: Quote and escape characters, in the order in which they are preferred when several fit alike.
_MARKS = (('"', ""), ('"', "\\"), ("'", ""), ("'", "\\"), ("", ""), ("", "\\"))
_MOST_RECORDS = 500
_NUMBER = re.compile(r"[-+]?[$€£]?\s?[0-9][0-9.,' ]*(?:[eE][-+]?[0-9]+)?\s?%?")
#: A field between apostrophes that has one, doubled.
_DOUBLED = re.compile(r"'(?:[^']|'')*''(?:[^']|'')*'", re.DOTALL)
_DAY = re.compile(r"[0-9]{1,4}[-/.][0-9A-Za-z]{1,3}[-/.][0-9]{2,4}(?:[ T].*)?|[0-9]{1,2}:[0-9]{2}(?::[0-9.]+)?")


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written, as ``Arrival`` has it."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    header: bool = True
    encoding: str = "utf-8"

    def arrival(self, format_: str, nulls: Sequence[str] = ("",)) -> Arrival:
        """Return how a dataset of such files arrives."""
        if format_ != "csv":
            return Arrival(format=format_, encoding=self.encoding, null_values=tuple(nulls))
        return Arrival(
            format=format_,
            delimiter=self.delimiter,
            quote=self.quote,
            escape=self.escape,
            header=self.header,
            encoding=self.encoding,
            null_values=tuple(nulls),
        )


@dataclass(frozen=True)
class _Tried:
    """What one dialect makes of a text: the fields of its records, and how many lines are none."""

    dialect: Dialect
    rows: list[list[str]]
    refused: int

    @property
    def usual(self) -> int:
        """Return the number of fields that most records have."""
        return Counter(map(len, self.rows)).most_common(1)[0][0] if self.rows else 0

    @property
    def bad(self) -> float:
        """Return which share of the records would not be read."""
        usual = self.usual
        total = len(self.rows) + self.refused
        return (self.refused + sum(len(row) != usual for row in self.rows)) / total if total else 1.0


def sample_of(text: bytes, dialect: Dialect, most: int = _MOST_RECORDS) -> list[list[str]]:
    """Return the fields of the first records of a text in UTF-8."""
    return _tried(text, dialect, most).rows


def dialect_of(text: bytes) -> Dialect:
    """Return the dialect that reads most of a text in UTF-8; whether it has a header is not looked at."""
    tried = [
        _tried(text, Dialect(delimiter=delimiter, quote=quote, escape=escape))
        for delimiter in _DELIMITERS
        if text.count(delimiter.encode()) * 4 >= text.count(b"\n")
        for quote, escape in _MARKS
        if (not escape or escape.encode() in text) and (quote != "'" or _enclosing(text, delimiter, b"'"))
    ]
    fields = [each for each in tried if each.usual > 1]
    return min(fields, key=lambda each: _rank(each, text)).dialect if fields else _one_column(text)


def _one_column(text: bytes) -> Dialect:
    """Return the dialect of lines that are one field each: its delimiter is in none of them, where there is such."""
    tried = (
        _tried(text, Dialect(delimiter=delimiter, quote=quote))
        for delimiter in (",", ";", "|", "\t", "\x1f")
        for quote in ('"', "")
    )
    return min(tried, key=lambda each: each.refused + sum(len(row) != 1 for row in each.rows)).dialect


def _rank(tried: _Tried, text: bytes) -> tuple[object, ...]:
    dialect = tried.dialect
    first = len(tried.rows[0]) != tried.usual
    enclosed = dialect.quote != "'" and _in_apostrophes(tried.rows)
    # A backslash that stands before a quote, and nowhere before a plain letter, escapes it.
    escapes = bool(dialect.escape and dialect.quote) and (dialect.escape + dialect.quote).encode() in text
    marks = _MARKS.index((dialect.quote, dialect.escape)) - (10 if escapes else 0)
    coarse = round(tried.bad * 10)
    return (
        coarse + (2 if first else 0) + (0 if dialect.delimiter in _USUAL else 3),
        enclosed,
        tried.bad,
        _DELIMITERS.index(dialect.delimiter),
        marks,
    )


def better_for(refused: Sequence[bytes], text: bytes, dialect: Dialect) -> Dialect | None:
    """Return a dialect with other quotes or escapes that reads refused records, and no less of ``text``; or None."""
    broken = b"\n".join(refused).decode(errors="replace").encode()
    here = _tried(broken, dialect)
    usual = _tried(text, dialect).usual
    found, least = None, here.refused + sum(len(row) != usual for row in here.rows)
    for quote, escape in _MARKS:
        other = replace(dialect, quote=quote, escape=escape)
        if other == dialect:
            continue
        whole, there = _tried(text, other), _tried(broken, other)
        bad = there.refused + sum(len(row) != usual for row in there.rows)
        if bad < least and whole.usual == usual and whole.bad <= _tried(text, dialect).bad:
            found, least = other, bad
    return found


def _tried(text: bytes, dialect: Dialect, most: int = _MOST_RECORDS) -> _Tried:
    nulls = ("\\N",) if dialect.escape and b"\\N" in text else ()
    grammar = Grammar(dialect.delimiter, dialect.quote, dialect.escape, nulls)
    rows: list[list[str]] = []
    refused = 0
    for record in _records(text, grammar):
        if record is None:
            refused += 1
        elif record:
            rows.append(grammar.fields(record))
        if len(rows) + refused >= most:
            break
    return _Tried(dialect, rows, refused)


def _records(text: bytes, grammar: Grammar) -> Iterator[bytes | None]:
    """Yield the records of a text without their line ends, None for a line that is none."""
    search = Search(text, grammar, final=True)
    for run in search.spans():
        if run.reason is not None:
            yield None
        elif run.joined:
            yield search.lines.bytes_of(run.first, run.end)
        else:
            yield from (search.lines[line].removesuffix(b"\r") for line in range(run.first, run.end))


def _enclosing(text: bytes, delimiter: str, mark: bytes) -> bool:
    """Return whether fields seem to stand between such marks."""
    before = (delimiter.encode(), b"\n", b"\\")
    return text.startswith(mark) or mark + delimiter.encode() in text or any(each + mark in text for each in before)


def _in_apostrophes(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether apostrophes are quotes: around a fifth of all fields, or around one in which they are doubled."""
    fields = [field for row in rows for field in row if field]
    enclosed = [field for field in fields if len(field) > 1 and field[0] == field[-1] == "'"]
    return len(enclosed) * 5 > len(fields) or any(map(_DOUBLED.fullmatch, enclosed))


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first record names the columns."""
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    kinds = [_kind(field) for field in first]
    if not rest:
        return "number" not in kinds and "day" not in kinds
    evidence = 0
    for place, (name, kind) in enumerate(zip(first, kinds, strict=True)):
        below = [row[place] for row in rest if row[place].strip()]
        usual = Counter(map(_kind, below)).most_common(1)[0] if below else ("", 0)
        if usual[0] in ("number", "day") and usual[1] * 2 > len(below):
            evidence += 1 if kind == "text" else -1 if kind == usual[0] else 0
        elif kind == "text" and name in below:
            evidence -= 1
    if _are_years([name for name, kind in zip(first, kinds, strict=True) if kind == "number"]) and "text" in kinds:
        return True
    if evidence:
        return evidence > 0
    return "number" not in kinds and "day" not in kinds


def _are_years(names: Sequence[str]) -> bool:
    if len(names) < 2 or not all(re.fullmatch("(?:1[6-9]|20)[0-9]{2}", name) for name in names):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(names)}
    return len(steps) == 1 and steps != {0}


def _kind(field: str) -> str:
    field = field.strip()
    if not field:
        return ""
    if _DAY.fullmatch(field):
        return "day"
    return "number" if _NUMBER.fullmatch(field) else "text"


def before_header(counts: Sequence[int]) -> int:
    """Return how many records stand before those that have all their fields, 0 when the first one has them."""
    usual = Counter(counts).most_common(1)[0][0]
    if usual == 1 or counts[0] == usual:
        return 0
    at = list(counts).index(usual)
    after = counts[at:]
    return at if at <= 40 and sum(count == usual for count in after) * 10 >= 9 * len(after) else 0
