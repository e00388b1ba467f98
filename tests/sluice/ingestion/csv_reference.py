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


def read_reference(data: bytes, width: int, longest: int, delimiter: bytes = b",") -> list[Found]:
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
        parsed = _record(data, at, delimiter)
        if parsed is not None:
            fields, stop = parsed
            if stop - at > longest or ("\n" in data[at:stop].decode("latin-1") and _other_meaning(line, delimiter)):
                parsed = None
        if parsed is None:
            found.append(_judged(line.removesuffix(b"\r"), None, width))
            at = end + 1
            continue
        fields, stop = parsed
        raw = data[at:stop].removesuffix(b"\r")
        other = _escaped(raw, delimiter)
        if other is not None and other != [len(field) for field in _written(raw, delimiter)]:
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


def _record(data: bytes, at: int, delimiter: bytes) -> tuple[list[bytes], int] | None:
    """Return the fields of the record at ``at`` and where its line feed is; none when it is malformed."""
    fields: list[bytes] = []
    while True:
        value = b""
        if data[at : at + 1] == b'"':
            at += 1
            while True:
                letter = data[at : at + 1]
                if letter == b"":
                    return None
                if letter == b'"':
                    if data[at + 1 : at + 2] != b'"':
                        break
                    at += 1
                value += letter
                at += 1
            at += 1
        else:
            while data[at : at + 1] not in (b"", b"\n", b"\r", delimiter):
                value += data[at : at + 1]
                at += 1
        fields.append(value)
        after = data[at : at + 1]
        if after == delimiter:
            at += 1
            continue
        if after == b"\r":
            at += 1
            after = data[at : at + 1]
        return (fields, at) if after in (b"", b"\n") else None


def _written(raw: bytes, delimiter: bytes) -> list[bytes]:
    """Return the fields of a sound record as they are written."""
    parts, part, inside = [], b"", False
    for place, letter in enumerate(raw):
        char = bytes([letter])
        doubled = part.startswith(b'"') and raw[place - 1 : place] == b'"'
        if char == b'"' and (inside or part == b"" or doubled):
            inside = not inside
        if char == delimiter and not inside:
            parts.append(part)
            part = b""
        else:
            part += char
    return [*parts, part]


def _escaped(raw: bytes, delimiter: bytes) -> list[int] | None:
    """Return the lengths of the fields where a backslash escapes inside quotes; none when that makes no record."""
    if b'\\"' not in raw:
        return None
    lengths, at = [], 0
    while True:
        start = at
        if raw[at : at + 1] == b'"':
            at += 1
            while raw[at : at + 1] != b'"' or raw[at + 1 : at + 2] == b'"':
                if at >= len(raw):
                    return None
                at += 2 if raw[at : at + 1] in (b"\\", b'"') else 1
                if at > len(raw):
                    return None
            at += 1
        else:
            while at < len(raw) and raw[at : at + 1] not in (delimiter, b"\r", b"\n"):
                at += 1
        lengths.append(at - start)
        if at == len(raw):
            return lengths
        if raw[at : at + 1] != delimiter:
            return None
        at += 1


def _other_meaning(line: bytes, delimiter: bytes) -> bool:
    return _escaped(line.removesuffix(b"\r"), delimiter) is not None
