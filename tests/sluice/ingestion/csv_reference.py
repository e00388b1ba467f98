"""Delimited text read one character after the other, as slowly as can be: what the reader is held against.

It knows nothing of lines, blocks or regular expressions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Found:
    """One record: its bytes, and its fields or the code of its refusal."""

    raw: bytes
    fields: list[bytes] | None
    code: str = ""


@dataclass(frozen=True)
class Dialect:
    """Characters that part and quote fields; empty ones are not there. ``nulls`` begin with the escape character."""

    delimiter: bytes = b","
    quote: bytes = b'"'
    escape: bytes = b""
    nulls: tuple[bytes, ...] = ()

    @property
    def doubtful(self) -> bytes:
        return b"\\" + self.quote if self.quote and not self.escape else b""


RFC_4180 = Dialect()


class _OpenQuotes(Exception):
    """The text ended inside quotes."""


def read_reference(data: bytes, width: int, longest: int, d: Dialect = RFC_4180) -> list[Found]:
    """Return every record of ``data``, blank lines left out; one has ``width`` fields and ``longest`` bytes at most."""
    at, found = 0, []
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = data[at:end]
        if line.removesuffix(b"\r") == b"":
            at = end + 1
            continue
        if len(line) > longest:
            found.append(Found(line, None, "record_too_long"))
            at = end + 1
            continue
        parsed = _whole(data, at, d)
        if parsed is not None:
            fields, stop = parsed
            if stop - at > longest or (b"\n" in data[at:stop] and _other_meaning(line, d)):
                parsed = None
        if parsed is None:
            if not _opens(line, d):
                while _carried(data[at:end], d) and end < len(data):
                    more = data.find(b"\n", end + 1)
                    more = len(data) if more < 0 else more
                    if more - at > longest or end + 1 == len(data):
                        break
                    end = more
            found.append(_judged(data[at:end].removesuffix(b"\r"), None, width))
            at = end + 1
            continue
        fields, stop = parsed
        raw = data[at:stop].removesuffix(b"\r")
        other = _escaped(raw, d)
        if other is not None and other != [len(field) for field in _written(raw, d)]:
            found.append(_judged(raw, None, width))
        else:
            found.append(_judged(raw, fields, width))
        at = stop + 1
    return found


def _judged(raw: bytes, fields: list[bytes] | None, width: int) -> Found:
    if b"\x00" in raw:
        return Found(raw, None, "nul_byte")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Found(raw, None, "wrong_encoding")
    if fields is None:
        return Found(raw, None, "malformed_record")
    return Found(raw, fields) if len(fields) == width else Found(raw, None, "wrong_field_count")


def _carried(text: bytes, d: Dialect) -> bool:
    """Tell whether an escape character that is not escaped stands before the end."""
    if not d.escape:
        return False
    rest = text.removesuffix(b"\r")
    if rest == text or not rest.endswith(d.escape):
        rest = text if text.endswith(d.escape) else rest
    return (len(rest) - len(rest.rstrip(d.escape))) % 2 == 1


def _opens(line: bytes, d: Dialect) -> bool:
    try:
        _record(line, 0, d)
    except _OpenQuotes:
        return True
    return False


def _whole(data: bytes, at: int, d: Dialect) -> tuple[list[bytes], int] | None:
    try:
        return _record(data, at, d)
    except _OpenQuotes:
        return None


def _record(data: bytes, at: int, d: Dialect) -> tuple[list[bytes], int] | None:
    """Return the fields of the record at ``at`` and where its line feed is; none when it is malformed."""
    fields: list[bytes] = []
    while True:
        read = _quoted if d.quote and data[at : at + 1] == d.quote else _bare
        field = read(data, at, d)
        if field is None:
            return None
        value, at = field
        fields.append(value)
        after = data[at : at + 1]
        if after == d.delimiter:
            at += 1
            continue
        if after == b"\r":
            at += 1
            after = data[at : at + 1]
        return (fields, at) if after in (b"", b"\n") else None


def _quoted(data: bytes, at: int, d: Dialect) -> tuple[bytes, int] | None:
    value = b""
    at += 1
    while True:
        letter, after = data[at : at + 1], data[at + 1 : at + 2]
        if letter == b"" or (letter == d.escape and after == b""):
            raise _OpenQuotes
        if letter == d.escape:
            if after not in (d.quote, d.escape, d.delimiter, b"\r", b"\n"):
                return None
            value += after
            at += 2
        elif letter == d.quote and (d.escape or after != d.quote):
            return value, at + 1
        else:
            value += letter
            at += 2 if letter == d.quote else 1


def _bare(data: bytes, at: int, d: Dialect) -> tuple[bytes, int] | None:
    for null in d.nulls:
        after = data[at + len(null) :]
        if data.startswith(null, at) and (
            after[:1] in (b"", b"\n", d.delimiter) or after == b"\r" or after.startswith(b"\r\n")
        ):
            return null, at + len(null)
    value = b""
    while data[at : at + 1] not in (b"", b"\n", b"\r", d.delimiter):
        if data[at : at + 1] == d.escape:
            at += 1
            if data[at : at + 1] not in {d.quote, d.escape, d.delimiter} - {b""}:
                return None
        value += data[at : at + 1]
        at += 1
    return value, at


def _written(raw: bytes, d: Dialect) -> list[bytes]:
    """Return the fields of a sound record as they are written."""
    parts, part, inside = [], b"", False
    for place, letter in enumerate(raw):
        char = bytes([letter])
        doubled = part.startswith(d.quote) and raw[place - 1 : place] == d.quote
        if char == d.quote and (inside or part == b"" or doubled):
            inside = not inside
        if char == d.delimiter and not inside:
            parts.append(part)
            part = b""
        else:
            part += char
    return [*parts, part]


def _escaped(raw: bytes, d: Dialect) -> list[int] | None:
    """Return the lengths of the fields where a backslash escapes inside quotes; none when that makes no record."""
    if not d.doubtful or d.doubtful not in raw:
        return None
    lengths, at = [], 0
    while True:
        start = at
        if raw[at : at + 1] == d.quote:
            at += 1
            while raw[at : at + 1] != d.quote or raw[at + 1 : at + 2] == d.quote:
                if at >= len(raw):
                    return None
                at += 2 if raw[at : at + 1] in (b"\\", d.quote) else 1
                if at > len(raw):
                    return None
            at += 1
        else:
            while at < len(raw) and raw[at : at + 1] not in (d.delimiter, b"\r", b"\n"):
                at += 1
        lengths.append(at - start)
        if at == len(raw):
            return lengths
        if raw[at : at + 1] != d.delimiter:
            return None
        at += 1


def _other_meaning(line: bytes, d: Dialect) -> bool:
    return _escaped(line.removesuffix(b"\r"), d) is not None
