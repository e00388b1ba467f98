"""Values in quotes, as the OpenCSV SerDe reads and writes them: a line is a record, whatever its quotes.

https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.values import NESTED, spelled, strict


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
        for number, line in self._told.lines(text):
            if not line:
                continue
            parts = self._parts(line, number, path)
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

    def _parts(self, line: str, number: int, path: str) -> list[str]:
        try:
            return next(
                csv.reader(
                    [line],
                    delimiter=self._separator,
                    quotechar=self._quote,
                    escapechar=self._escape if self._escape != self._quote else None,
                )
            )
        except csv.Error as error:
            raise QueryFailed("HIVE_CURSOR_ERROR", f"s3://{path} line {number}: {error}") from None

    def _value(self, text: str, field: Field) -> Any:
        return text if field.kind.this in types.TEXT else strict(text, field.kind, field.place)
