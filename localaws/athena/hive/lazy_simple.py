"""Delimited text with nested values, as Hive's LazySimpleSerDe reads and writes it.

https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlglot import exp

from localaws.athena.errors import QueryFailed
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.values import NESTED, spelled
from localaws.athena.typing import DType

#: How deep Hive's delimiters go: the characters 4 to 8 follow the three that a table may name.
_DEEPEST: Final = 8
#: What these letters mean behind an escape character.
_BREAKS: Final = {"n": "\n", "r": "\r"}


@dataclass(frozen=True)
class Delimiters:
    """The characters of a table's text: ``levels`` separate fields, items, keys of maps, and what is nested deeper."""

    levels: tuple[str, ...]
    escape: str
    null: str
    takes_rest: bool

    @classmethod
    def by(cls, properties: Mapping[str, str]) -> Delimiters:
        """Return those that a SerDe's properties declare."""
        levels = [
            _character(properties.get("field.delim") or properties.get("serialization.format") or "1"),
            _character(properties.get("collection.delim") or properties.get("colelction.delim") or "2"),
            _character(properties.get("mapkey.delim") or "3"),
            *(chr(code) for code in range(4, _DEEPEST + 1)),
        ]
        escape = properties.get("escape.delim", "")
        return cls(
            tuple(levels),
            _character(escape) if escape else "",
            properties.get("serialization.null.format", "\\N"),
            properties.get("serialization.last.column.takes.rest", "").lower() == "true",
        )

    def level(self, number: int) -> str:
        """Return the delimiter of a level; raise where values are nested deeper than Hive has delimiters."""
        if number >= len(self.levels):
            raise QueryFailed(
                "HIVE_BAD_DATA", f"Number of levels of nesting supported for LazySimpleSerde is {len(self.levels) - 1}"
            )
        return self.levels[number]

    def split(self, text: str, number: int, most: int = -1) -> list[str]:
        """Return the parts of a text between a level's delimiters, with what escapes others still in them."""
        delimiter = self.level(number)
        if not self.escape or self.escape not in text:
            return text.split(delimiter, most)
        found: list[str] = []
        start = at = 0
        while at < len(text) and most != len(found):
            if text[at] == self.escape:
                at += 2
            elif text[at] == delimiter:
                found.append(text[start:at])
                start = at = at + 1
            else:
                at += 1
        return [*found, text[start:]]

    def unescaped(self, text: str) -> str:
        """Return a text without what escapes its delimiters."""
        if not self.escape or self.escape not in text:
            return text
        return self._escaping.sub(lambda found: _BREAKS.get(found[1], found[1]), text)

    def escaped(self, text: str) -> str:
        """Return a text as it is written; raise where a reader would take it for something else."""
        if self.escape:
            if "\n" in text or "\r" in text:
                raise _unreadable(text, "a line break")
            written = self._special.sub(lambda found: self.escape + found[0], text)
            return self.escape + written if text and written == self.null else written
        found = self._special.search(text)
        if found or text == self.null:
            raise _unreadable(text, f"the delimiter {found[0]!r}" if found else "what stands for NULL")
        return text

    @cached_property
    def _escaping(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.escape) + "(.)", re.DOTALL)

    @cached_property
    def _special(self) -> re.Pattern[str]:
        """Return what the text of a value cannot hold, unless it is escaped."""
        special = {*self.levels, self.escape} - {""} if self.escape else {*self.levels, "\n", "\r"}
        return re.compile("[" + "".join(map(re.escape, sorted(special))) + "]")


class LazySimple:
    """Reads and writes lines of delimited fields."""

    def __init__(self, told: Told, fields: Sequence[Field], width: int) -> None:
        self._told, self._fields = told, fields
        self._delimiters = Delimiters.by(told.properties)
        self._most = width - 1 if self._delimiters.takes_rest else -1

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each line; a field that a line does not have is NULL."""
        del path
        for _, line in self._told.lines(text):
            parts = self._delimiters.split(line, 0, self._most)
            yield [
                self._read(parts[field.place], field.kind, 1) if field.place < len(parts) else None
                for field in self._fields
            ]

    def line(self, values: Sequence[Any]) -> str:
        """Return a record's values, one for each of the fields, as a line; raise where it is read as others."""
        parts = [self._written(value, field.kind, 1) for value, field in zip(values, self._fields, strict=True)]
        line = self._delimiters.level(0).join(parts) + "\n"
        read = list(self.records(line, ""))
        if len(read) != 1:
            raise _unreadable(line, f"what ends a line, and is {len(read)} records")
        for value, found, field in zip(values, read[0], self._fields, strict=True):
            if not _same(value, found, field.kind):
                raise _unreadable(str(value), f"in column {field.name} what is written as NULL or as a delimiter")
        return line

    def _read(self, text: str, kind: exp.DataType, level: int) -> Any:
        given = self._delimiters
        if text == given.null:
            return None
        if kind.this not in NESTED:
            return self._told.value(given.unescaped(text), kind)
        if kind.this == DType.STRUCT:
            parts = given.split(text, level)
            return {
                field.name.lower(): self._read(parts[place], field.kind, level + 1) if place < len(parts) else None
                for place, field in enumerate(kind.expressions)
            }
        if not text:
            return []
        if kind.this == DType.ARRAY:
            return [self._read(part, kind.expressions[0], level + 1) for part in given.split(text, level)]
        entries: dict[Any, Any] = {}
        for part in given.split(text, level):
            key, *value = given.split(part, level + 1, 1)
            read = self._read(key, kind.expressions[0], level + 2)
            if read is not None:
                found = self._read(value[0], kind.expressions[1], level + 2) if value else None
                entries.setdefault(read, found)
        return list(entries.items())

    def _written(self, value: Any, kind: exp.DataType, level: int) -> str:
        given = self._delimiters
        if value is None:
            return given.null
        if kind.this not in NESTED:
            return given.escaped(spelled(value, kind))
        if kind.this == DType.STRUCT:
            parts = [self._written(value[f.name.lower()], f.kind, level + 1) for f in kind.expressions]
        elif kind.this == DType.ARRAY:
            parts = [self._written(item, kind.expressions[0], level + 1) for item in value]
        else:
            parts = [
                self._written(key, kind.expressions[0], level + 2)
                + given.level(level + 1)
                + self._written(item, kind.expressions[1], level + 2)
                for key, item in value
            ]
        return given.level(level).join(parts)


def _same(value: Any, found: Any, kind: exp.DataType) -> bool:
    """Return whether a value that was read is the one that was written."""
    if value is None or found is None:
        return value is None and found is None
    if kind.this == DType.STRUCT:
        names = [(field.name.lower(), field.kind) for field in kind.expressions]
        return all(_same(value[name], found[name], inner) for name, inner in names)
    if kind.this == DType.ARRAY:
        return len(value) == len(found) and all(
            _same(one, other, kind.expressions[0]) for one, other in zip(value, found, strict=True)
        )
    if kind.this == DType.MAP:
        return len(value) == len(found) and all(
            _same(part, there, inner)
            for one, other in zip(value, found, strict=True)
            for part, there, inner in zip(one, other, kind.expressions, strict=True)
        )
    return spelled(value, kind) == spelled(found, kind)


def _character(declared: str) -> str:
    """Return the character that a property means: the first one, or that of a code in digits."""
    return chr(int(declared)) if declared.isdecimal() and int(declared) < 128 else declared[0]


def _unreadable(text: str, what: str) -> QueryFailed:
    return QueryFailed(
        "HIVE_WRITER_DATA_ERROR",
        f"the value {text[:100]!r} has {what}, and in this table's text it would be read back as something else; "
        "nothing was written. Choose another field_delimiter, a table with escape.delim, or the format PARQUET",
    )
