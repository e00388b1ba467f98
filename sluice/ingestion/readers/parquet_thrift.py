"""Reads Thrift's compact protocol, in which Parquet's footers and page headers are written.

Arrow ends the whole process on some broken footers (with an exception that its Python side does not expect), so the
needed fields are read here. https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)
_MOST_LEVELS = 16

Fields = dict[int, Any]


class BrokenThrift(Exception):
    """Bytes that are not a valid Thrift structure."""


class Compact:
    """A read position in bytes; ``IndexError`` when they end too early, ``BrokenThrift`` when they are invalid."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def struct(self, depth: int = 0) -> Fields:
        """Return the fields of the structure that begins here, by their numbers."""
        return {number: self.value(kind, depth) for number, kind in self.fields(depth)}

    def fields(self, depth: int = 0) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field; the caller must read its ``value`` before the next field."""
        if depth > _MOST_LEVELS:
            raise BrokenThrift("it is nested too deeply")
        number = 0
        while (head := self._byte()) != _STOP:
            delta = head >> 4
            number = number + delta if delta else self._zigzag()
            yield number, head & 15

    def value(self, kind: int, depth: int = 0) -> Any:
        """Return the value of that type."""
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return list(self.items(depth))
        if kind in (_DOUBLE, _BINARY):
            return self._bytes(8 if kind == _DOUBLE else self._varint())
        if kind == _BYTE:
            return self._byte()
        raise BrokenThrift(f"it holds a value of type {kind}")

    def items(self, depth: int = 0) -> Iterator[Any]:
        """Yield the items of the list that begins here."""
        head = self._byte()
        size, kind = head >> 4, head & 15
        if size == 15:
            size = self._varint()
        for _ in range(size):
            yield self._byte() == _TRUE if kind in (_TRUE, _FALSE) else self.value(kind, depth + 1)

    def _byte(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        return byte

    def _bytes(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise IndexError
        found = self.data[self.at : end]
        self.at = end
        return found

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise BrokenThrift("a number in it has no end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
