"""Splits a JSON file (one array, or values one after another) into its elements, without holding all of it in memory.

The characters between elements are checked here; the elements themselves are parsed by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sluice.errors import UnreadableFile
from sluice.ingestion.lines import BLOCK_SIZE, MAX_RECORD, Oversized
from sluice.ingestion.source import ByteSource

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN = rb'[^{}\[\]"]'


def _nested(levels: int) -> bytes:
    inner = rb"[{\[]" + _PLAIN + rb"*+(?:" + _STRING + _PLAIN + rb"*+)*+[}\]]"
    for _ in range(levels):
        inner = rb"[{\[](?:" + _PLAIN + rb"++|" + _STRING + rb"|" + inner + rb")*+[}\]]"
    return inner


#: An object without others in it, then objects with a few levels; which bracket closes which is not looked at.
_FLAT = re.compile(_nested(0), re.DOTALL)
_DEEP = re.compile(_nested(4), re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCALAR = re.compile(rb'[^ \t\r\n,\[\]{}"]++')
_MARK = re.compile(rb'["{}\[\]]')
_IN_STRING = re.compile(rb'["\\]')


#: No valid value is nested deeper than this.
_MOST_DEPTH = 10_000


class _TooDeep(Exception):
    """More brackets are open than any valid value has."""


class _Scan:
    """Searches for the end of one value, chunk by chunk."""

    def __init__(self) -> None:
        self.depth, self.in_string, self.escaped = 0, False, False

    def end(self, data: bytes, at: int) -> int:
        """Return the offset where the value ends; -1 when the end is not in ``data``, which is searched from ``at``."""
        while at < len(data):
            if self.escaped:
                self.escaped = False
                at += 1
                continue
            found = (_IN_STRING if self.in_string else _MARK).search(data, at)
            if found is None:
                return -1
            at = found.end()
            mark = found[0]
            if mark == b"\\":
                self.escaped = True
            elif mark == b'"':
                self.in_string = not self.in_string
            else:
                self.depth += 1 if mark in b"{[" else -1
                if self.depth > _MOST_DEPTH:
                    raise _TooDeep
            if self.depth <= 0 and not self.in_string:
                return at
        return -1


class Elements:
    """The elements of one file, in order."""

    def __init__(self, source: ByteSource, chunks: Iterator[bytes]) -> None:
        self.source, self.chunks = source, chunks
        self.data, self.at = b"", 0
        self.passed = 0  # bytes before ``data``
        self.count = 0
        self.oversized = 0

    def batches(self, most: int) -> Iterator[list[bytes] | Oversized]:
        """Yield lists of at most ``most`` elements or about ``BLOCK_SIZE`` bytes, and each too long element alone."""
        batch: list[bytes] = []
        size = 0
        for element in self._elements():
            if isinstance(element, Oversized):
                if batch:
                    yield batch
                yield element
                batch, size = [], 0
                continue
            batch.append(element)
            size += len(element)
            if size >= BLOCK_SIZE or len(batch) >= most:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _elements(self) -> Iterator[bytes | Oversized]:
        first = self._next_letter()
        if not first:
            raise UnreadableFile(f"{self.source.uri} holds no record.", code="empty_file")
        if first != b"[":
            while self._next_letter():
                yield self._value()
            return
        self.at += 1
        if self._next_letter() == b"]":
            self.at += 1
        else:
            yield self._value()
            while (letter := self._next_letter()) == b",":
                self.at += 1
                self._next_letter()
                yield self._value()
            if letter != b"]":
                raise self._broken("a comma or the array's end")
            self.at += 1
        if self._next_letter():
            raise self._broken("the end of the file")

    def _next_letter(self) -> bytes:
        """Skip white space and return the next byte; empty at the end of the file."""
        while True:
            space = _SPACE.match(self.data, self.at)
            assert space is not None
            self.at = space.end()
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self._more():
                return b""

    def _more(self) -> bool:
        """Read another chunk and release what was passed; return False at the end of the file."""
        chunk = next(self.chunks, None)
        if chunk is None:
            return False
        self.passed += self.at
        self.data, self.at = self.data[self.at :] + chunk, 0
        return True

    def _value(self) -> bytes | Oversized:
        letter = self.data[self.at : self.at + 1]
        self.count += 1
        if letter not in (b"{", b"[", b'"'):
            return self._scalar()
        found = _FLAT.match(self.data, self.at) or _DEEP.match(self.data, self.at)
        if found is not None:
            self.at = found.end()
            return self._taken(found[0])
        try:
            return self._searched()
        except _TooDeep:
            raise self._broken(f"a value less than {_MOST_DEPTH:,} deep") from None

    def _searched(self) -> bytes | Oversized:
        """Return the value that begins here, whose end must be searched for bracket by bracket."""
        scan, looked = _Scan(), self.at
        while (end := scan.end(self.data, looked)) < 0:
            if len(self.data) - self.at > MAX_RECORD:
                return self._put_away(scan)
            looked = len(self.data) - self.at
            if not self._more():
                raise self._broken("the end of the value that begins here")
        value = self.data[self.at : end]
        self.at = end
        return self._taken(value)

    def _taken(self, value: bytes) -> bytes | Oversized:
        """Return a value, or an ``Oversized`` when it is too long to parse."""
        if len(value) <= MAX_RECORD:
            return value
        self.oversized += 1
        with self.source.put_away(self.oversized) as spool:
            spool.write(value)
        return Oversized(len(value), spool.pointer)

    def _scalar(self) -> bytes:
        while True:
            found = _SCALAR.match(self.data, self.at)
            if found is None:
                raise self._broken("a value")
            if len(found[0]) > MAX_RECORD:
                raise self._broken("a number or a word that ends")
            if found.end() < len(self.data) or not self._more():
                self.at += len(found[0])
                return found[0]

    def _put_away(self, scan: _Scan) -> Oversized:
        """Write the value that begins here to a spool file, up to its end, and return it."""
        self.oversized += 1
        size = 0
        with self.source.put_away(self.oversized) as spool:
            while True:
                spool.write(self.data[self.at :])
                size += len(self.data) - self.at
                self.at = len(self.data)
                if not self._more():
                    raise self._broken("the end of a value of more than 8 MiB")
                end = scan.end(self.data, 0)
                if end >= 0:
                    spool.write(self.data[:end])
                    self.at = end
                    return Oversized(size + end, spool.pointer)

    def _broken(self, wanted: str) -> UnreadableFile:
        found = self.data[self.at : self.at + 40]
        what = f"{found.decode(errors='replace')!r}" if found else "the file ends"
        return UnreadableFile(
            f"{self.source.uri} is broken JSON at byte {self.passed + self.at:,}, in or after record {self.count:,}: "
            f"{wanted} should come, {what}.",
            code="corrupt",
            value=found.decode(errors="replace") or None,
            position=self.passed + self.at,
        )
