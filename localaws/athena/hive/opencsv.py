"""Values in quotes, as the OpenCSV SerDe reads and writes them: a line is a record, whatever its quotes.

https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.values import NESTED, spelled, strict

#: The place of the last quote that OpenCSV takes for an opening one wherever it stands.
_FIRST_KEPT: Final = 2


class OpenCsv:
    """Reads and writes lines of values in quotes."""

    def __init__(self, told: Told, fields: Sequence[Field]) -> None:
        self._told, self._fields = told, fields
        self._separator = told.properties.get("separatorChar", ",")[:1]
        self._quote = told.properties.get("quoteChar", '"')[:1]
        self._escape = told.properties.get("escapeChar", "\\")[:1]
        for field in fields:
            if field.kind.this in NESTED:
                raise not_supported(f"column {field.name} of type {types.trino_name(field.kind)} in an OpenCSV table")

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each line; a field that a line does not have is NULL."""
        del path
        for _, line in self._told.lines(text):
            parts = self._parts(line) if line else []
            yield [
                self._value(parts[field.place], field) if field.place < len(parts) else None for field in self._fields
            ]

    def line(self, values: Sequence[Any]) -> str:
        """Return a record's values as a line; NULL is written as an empty text."""
        texts = ["" if v is None else spelled(v, f.kind) for v, f in zip(values, self._fields, strict=True)]
        broken = next((text for text in texts if "\n" in text or "\r" in text), None)
        if broken is not None:
            raise QueryFailed(
                "HIVE_WRITER_DATA_ERROR",
                f"the value {broken[:100]!r} has a line break, which the OpenCSV SerDe would read back as two records; "
                "nothing was written. Choose the format JSON or PARQUET",
            )
        return self._separator.join(self._quoted(text) for text in texts) + "\n"

    def _quoted(self, text: str) -> str:
        for special in dict.fromkeys((self._escape, self._quote)):
            text = text.replace(special, self._escape + special)
        return f"{self._quote}{text}{self._quote}"

    def _parts(self, line: str) -> list[str]:
        """Return a line's fields, as OpenCSV's reader finds them: one whose quotes are not closed is left out.

        An escape character is kept nowhere; it escapes itself and a quote, inside of quotes and behind a field's first
        character. A quote amid a field's text is kept, from the fourth character of the line on.
        """
        if self._quote not in line and self._escape not in line:
            return line.split(self._separator)
        found: list[str] = []
        text, quoted, begun, at = "", False, False, 0
        while at < len(line):
            here, following = line[at], line[at + 1 : at + 2]
            if here == self._escape and here != self._quote:
                if (quoted or begun) and following and following in (self._quote, self._escape):
                    text, at = text + following, at + 1
            elif here == self._quote:
                if (quoted or begun) and following == self._quote:
                    text, at = text + following, at + 1
                else:
                    amid = (
                        at > _FIRST_KEPT and line[at - 1] != self._separator and following not in ("", self._separator)
                    )
                    text = text if not amid else "" if text and text.isspace() else text + here
                    quoted = not quoted
                begun = not begun
            elif here == self._separator and not quoted:
                found.append(text)
                text, begun = "", False
            else:
                text, begun = text + here, True
            at += 1
        return found if quoted else [*found, text]

    def _value(self, text: str, field: Field) -> Any:
        return text if field.kind.this in types.TEXT else strict(text, field.kind, field.place)
