"""Reads files as records for a stream: lines of JSON, elements of JSON arrays, and delimited rows as JSON objects."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from sluice.decoding import json_decoder
from sluice.errors import CommandError, WrongArgument

_DELIMITED, _LINES = (".csv", ".tsv"), (".ndjson", ".jsonl")
FORMATS = (*_LINES, ".json", *_DELIMITED)
#: Column types whose values are JSON numbers.
_NUMERIC = re.compile(r"^(tinyint|smallint|int|integer|bigint|float|double|decimal(\(.*\))?)$")
#: Texts that are JSON numbers without any change; 007 and 1e5x are not.
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_decode_elements = json_decoder(list[msgspec.Raw])
_BOM = b"\xef\xbb\xbf"
#: The csv module's limit for a field, longer than any record, so that a long record is refused for its length.
_LONGEST_FIELD = 1 << 30


class Record(NamedTuple):
    """One record: its line in the file (or its number in an array) and its bytes, empty if something is ``wrong``."""

    line: int
    data: bytes
    wrong: str = ""


class RecordFile:
    """A file that is read record by record; ``position`` of its ``size`` bytes have been read."""

    def __init__(self, path: Path, types: dict[str, str]) -> None:
        if not path.is_file():
            raise WrongArgument(
                f"There is no file {path}.",
                safe="nothing was sent.",
                next_step="check the path.",
                file=str(path),
            )
        suffixes = [suffix.lower() for suffix in path.suffixes]
        self.packed = suffixes[-1:] == [".gz"]
        self.format = next(iter(suffixes[-2:-1] if self.packed else suffixes[-1:]), "")
        if self.format not in FORMATS:
            raise WrongArgument(
                f"{path} does not have the ending of a format that can be sent.",
                safe="nothing was sent.",
                next_step=f"give the file one of these endings, with or without .gz: {', '.join(FORMATS)}.",
                file=str(path),
            )
        self.path, self.size, self._types = path, path.stat().st_size, types
        self._raw: IO[bytes] | None = None

    @property
    def position(self) -> int:
        """Return how many bytes of the file have been read."""
        return self.size if self._raw is None or self._raw.closed else self._raw.tell()

    def records(self) -> Iterator[Record]:
        """Yield every record; ``CommandError`` with the position when the rest of the file cannot be read."""
        read = _lines if self.format in _LINES else _json if self.format == ".json" else self._rows
        with self.path.open("rb") as self._raw:
            source = gzip.GzipFile(fileobj=self._raw) if self.packed else self._raw
            try:
                yield from read(source)
            except (
                gzip.BadGzipFile,
                zlib.error,
                EOFError,
                UnicodeDecodeError,
                csv.Error,
                json.JSONDecodeError,
            ) as error:
                raise CommandError(
                    f"{self.path} cannot be read further: {error}",
                    safe="the records before that were sent.",
                    next_step="mend the file and send it again; records sent twice count once in silver.",
                    file=str(self.path),
                ) from error

    def _rows(self, source: IO[bytes] | gzip.GzipFile) -> Iterator[Record]:
        text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
        first = text.readline()
        delimiter = "\t" if self.format == ".tsv" else ";" if first.count(";") > first.count(",") else ","
        csv.field_size_limit(_LONGEST_FIELD)
        header = next(csv.reader([first], delimiter=delimiter, strict=True), [])
        encoders = [_encoder(self._types.get(name, "")) for name in header]
        names = [json.dumps(name, ensure_ascii=False) + ":" for name in header]
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        line = 2
        for row in rows:
            if len(row) == len(header):
                values = [name + encode(value) for name, encode, value in zip(names, encoders, row, strict=True)]
                yield Record(line, ("{" + ",".join(values) + "}").encode())
            elif row:
                yield Record(line, b"", f"has {len(row)} fields where the header has {len(header)}")
            line = rows.line_num + 2


def _lines(source: IO[bytes] | gzip.GzipFile) -> Iterator[Record]:
    for number, line in enumerate(source, 1):
        start = len(_BOM) if number == 1 and line.startswith(_BOM) else 0
        data = line[start:].removesuffix(b"\n").removesuffix(b"\r")
        if data.strip():
            yield Record(number, data)


def _json(source: IO[bytes] | gzip.GzipFile) -> Iterator[Record]:
    """Yield the elements of an array, or consecutive objects, with their own spelling but on one line each."""
    text = source.read().decode("utf-8-sig")
    at, end, number = _skip(text, 0), len(text), 0
    if text.startswith("[", at):
        try:
            elements = _decode_elements(text.encode())
        except msgspec.DecodeError as error:
            raise json.JSONDecodeError(str(error), text, 0) from error
        for number, element in enumerate(elements, 1):
            yield Record(number, _one_line(bytes(element)))
        return
    decoder = json.JSONDecoder()
    while at < end:
        _, after = decoder.raw_decode(text, at)
        number += 1
        yield Record(number, _one_line(text[at:after].encode()))
        at = _skip(text, after)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _one_line(data: bytes) -> bytes:
    """Return JSON without line ends, which are only between its tokens: in texts they are always escaped."""
    return data.replace(b"\r", b"").replace(b"\n", b"")


def _encoder(kind: str) -> Callable[[str], str]:
    return _number if _NUMERIC.match(kind) else _text


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if value else "null"


def _number(value: str) -> str:
    return value if _PLAIN_NUMBER.fullmatch(value) else _text(value)
