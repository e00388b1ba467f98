"""The readers of text files: a SerDe of lines gives each line's cells."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Protocol

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.hive.moments import declared_formats, moment_of
from localaws.athena.hive.values import parsed

#: Hadoop's lines end with these, and with no other of Unicode's line ends.
_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class Field:
    """A column that a query reads: its place among the table's columns, its name and type."""

    place: int
    name: str
    kind: exp.DataType


class TextReader(Protocol):
    """Reads the records of a file's text."""

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each record, in the shape that Arrow takes."""


@dataclass(frozen=True)
class Told:
    """What a table says of its text: the SerDe's properties, and lines to leave out at both ends of a file."""

    properties: Mapping[str, str]
    header: int = 0
    footer: int = 0

    @cached_property
    def formats(self) -> tuple[tuple[str, str], ...]:
        """Return the patterns of timestamps that the table declares beside Hive's own."""
        return declared_formats(self.properties)

    def value(self, text: str, kind: exp.DataType) -> Any:
        """Return the value that a text is read as; None for what is none of the type."""
        found = parsed(text, kind)
        if found is None and self.formats and kind.this in types.TIMESTAMPS:
            return moment_of(text, self.formats)
        return found

    @classmethod
    def by(cls, properties: Mapping[str, str], table: Mapping[str, str]) -> Told:
        """Return what the SerDe's and the table's properties say."""

        def number(name: str) -> int:
            said = properties.get(name, table.get(name, "0")).strip()
            return int(said) if said.isdecimal() else 0

        return cls(properties, number("skip.header.line.count"), number("skip.footer.line.count"))

    def lines(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the lines to read, with their numbers."""
        found = _END.split(text)
        if not found[-1]:
            found.pop()
        last = max(len(found) - self.footer, 0)
        for number, line in enumerate(found[:last] if self.footer else found, start=1):
            if number > self.header:
                yield number, line
