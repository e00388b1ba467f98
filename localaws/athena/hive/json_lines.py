"""Lines of JSON, as the OpenX and the Hive JSON SerDe read and write them, and CloudTrail's files of records.

https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
https://docs.aws.amazon.com/athena/latest/ug/hive-json-serde.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.values import NESTED, of_epoch, parsed, spelled
from localaws.athena.typing import DType

_NUMBERS: Final = frozenset({*types.INTEGERS, *types.FLOATS, DType.DECIMAL})


_HALF: Final = re.compile("[\ud800-\udfff]")


class _Number(str):
    """A number as the file spells it, so that no digit of it is lost."""

    __slots__ = ()


class JsonLines:
    """Reads and writes one JSON object a line."""

    def __init__(self, told: Told, fields: Sequence[Field], *, openx: bool) -> None:
        self._told, self._fields, self._openx = told, fields, openx
        properties = {key.lower(): value for key, value in told.properties.items()}
        self._lenient = properties.get("ignore.malformed.json", "").lower() == "true"
        self._folded = not openx or properties.get("case.insensitive", "true").lower() == "true"
        self._dotted = openx and properties.get("dots.in.keys", "").lower() == "true"
        said = {key[len("mapping.") :]: value for key, value in properties.items() if key.startswith("mapping.")}
        self._names = {name: self._key(said[name]) for name in said} if openx else {}

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each line; lines without text are left out."""
        for number, line in self._told.lines(text):
            if line.strip():
                record = self._record(line, number, path)
                yield [self._read(record.get(field.name), field.kind) for field in self._fields]

    def line(self, values: Sequence[Any]) -> str:
        """Return a record's values as a line; a field that is NULL is left out."""
        record = {
            self._names.get(field.name, field.name): _plain(value, field.kind)
            for value, field in zip(values, self._fields, strict=True)
            if value is not None
        }
        return _text(record) + "\n"

    def _record(self, line: str, number: int, path: str) -> dict[str, Any]:
        try:
            found = loaded(line)
            if isinstance(found, list):  # the OpenX SerDe takes an array for the values of the columns
                return {field.name: found[field.place] for field in self._fields if field.place < len(found)}
            if not isinstance(found, dict):
                raise ValueError("it is no object")
        except (ValueError, RecursionError) as error:
            if self._lenient:
                return {}
            raise QueryFailed(
                "HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - s3://{path} line {number}: {error}"
            ) from None
        return self.by_name(found)

    def by_name(self, record: dict[str, Any]) -> dict[str, Any]:
        """Return a record's values by the names of the table's columns."""
        keyed = {self._key(key): value for key, value in record.items()}
        return {field.name: keyed.get(self._names.get(field.name, field.name)) for field in self._fields}

    def _key(self, key: str) -> str:
        key = key.replace(".", "_") if self._dotted else key
        return key.lower() if self._folded else key

    def _read(self, value: Any, kind: exp.DataType) -> Any:  # noqa: PLR0911  one branch a type
        if value is None:
            return None
        if kind.this in types.TEXT:
            return _whole(value if isinstance(value, str) else _text(value))
        if kind.this not in NESTED:
            return self._scalar(value, kind)
        if kind.this == DType.ARRAY:
            items = value if isinstance(value, list) else [value]
            return [self._read(item, kind.expressions[0]) for item in items]
        if not isinstance(value, dict):
            return None
        if kind.this == DType.MAP:
            inner, item = kind.expressions
            entries: dict[Any, Any] = {}
            for name, found in value.items():
                key = parsed(_whole(name), inner)
                if key is not None:  # of two texts that are one key, as 1 and 01, the first is taken
                    entries.setdefault(key, self._read(found, item))
            return list(entries.items())
        keyed = {self._key(key): found for key, found in value.items()}
        return {f.name.lower(): self._read(keyed.get(self._key(f.name)), f.kind) for f in kind.expressions}

    def _scalar(self, value: Any, kind: exp.DataType) -> Any:
        if isinstance(value, bool):
            return value if kind.this == DType.BOOLEAN else None
        if not isinstance(value, str):
            return None
        if kind.this in types.TIMESTAMPS:
            if isinstance(value, _Number):  # seconds with decimals, or milliseconds
                return of_epoch(value, seconds="." in value)
            if self._openx and not self._told.formats:
                value = value.removesuffix("Z").replace("T", " ")
        return self._told.value(_whole(value), kind)


class CloudTrail(JsonLines):
    """Reads files whose ``Records`` are the rows.

    https://docs.aws.amazon.com/athena/latest/ug/cloudtrail-logs.html
    """

    def __init__(self, told: Told, fields: Sequence[Field]) -> None:
        super().__init__(told, fields, openx=False)

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each record of the file."""
        try:
            records = loaded(text)["Records"]
            found = [self.by_name(record) for record in records]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise QueryFailed("HIVE_CURSOR_ERROR", f"s3://{path} is no file of CloudTrail records: {error!r}") from None
        for record in found:
            yield [self._read(record[field.name], field.kind) for field in self._fields]


def loaded(text: str) -> Any:
    """Return JSON with its numbers as they are spelled."""
    return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def _whole(text: str) -> str:
    """Return a text with U+FFFD for each half of a pair of UTF-16 that stands alone, which no text of UTF-8 holds."""
    return _HALF.sub("\ufffd", text)


def _plain(value: Any, kind: exp.DataType) -> Any:
    if value is None or kind.this == DType.BOOLEAN:
        return value
    if kind.this == DType.ARRAY:
        return [_plain(item, kind.expressions[0]) for item in value]
    if kind.this == DType.MAP:
        inner, item = kind.expressions
        return {spelled(key, inner): _plain(found, item) for key, found in value}
    if kind.this == DType.STRUCT:
        return {f.name.lower(): _plain(value[f.name.lower()], f.kind) for f in kind.expressions}
    text = spelled(value, kind)
    return _Number(text) if kind.this in _NUMBERS and text[-1].isdigit() else text


def _text(value: Any) -> str:
    """Return JSON without blanks, with its numbers as they were spelled."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(str(key))}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
