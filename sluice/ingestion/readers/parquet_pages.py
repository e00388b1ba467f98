"""The pages of a Parquet file's column chunks, told by their headers: how much memory reading them takes.

Arrow takes a page whole, as large as its header says, however well it was compressed; footers say only what a chunk
has in all, and may lie. The headers are Thrift's compact protocol
(https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

_MOST_HEADER = 16 << 20
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)
_DICTIONARY_PAGE = 2
_DELTA_BYTE_ARRAY = 7
_TYPE, _UNCOMPRESSED, _COMPRESSED, _V1, _DICTIONARY, _V2 = 1, 2, 3, 5, 7, 8
_VALUES, _ENCODING_V1, _ENCODING_V2 = 1, 2, 4


class BrokenPage(Exception):
    """A header that is none."""


@dataclass(frozen=True)
class Page:
    """One page: its bytes when decompressed, its values; a ``dictionary`` comes before the data."""

    size: int
    values: int
    dictionary: bool
    #: Each value may repeat most of the one before, so that all of them are far longer than the page.
    shared_prefixes: bool


def pages_of(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """Yield the pages of the chunk of ``length`` bytes at ``start``; ``BrokenPage`` where one is none."""
    at, end = start, start + length
    while at < end:
        file.seek(at)
        fields, size = _header(file)
        compressed, uncompressed = fields.get(_COMPRESSED), fields.get(_UNCOMPRESSED)
        if not isinstance(compressed, int) or not isinstance(uncompressed, int) or min(compressed, uncompressed) < 0:
            raise BrokenPage(f"the page at byte {at:,} has no size")
        data = fields.get(_V1) or fields.get(_V2) or {}
        encoding = data.get(_ENCODING_V1 if _V1 in fields else _ENCODING_V2)
        yield Page(
            uncompressed,
            max(0, data.get(_VALUES, 0)),
            fields.get(_TYPE) == _DICTIONARY_PAGE,
            encoding == _DELTA_BYTE_ARRAY,
        )
        at += size + compressed


def _header(file: BinaryIO) -> tuple[dict[int, Any], int]:
    """Return the fields of the header at the file's place, and its length."""
    data = b""
    want = 256
    while True:
        more = file.read(want - len(data))
        data += more
        reader = _Compact(data)
        try:
            return reader.struct(0), reader.at
        except IndexError:
            if not more or want >= _MOST_HEADER:
                raise BrokenPage("a page header has no end") from None
            want *= 4


class _Compact:
    """Reads Thrift's compact protocol; ``IndexError`` when there are too few bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int) -> dict[int, Any]:
        """Return the fields of a structure by their numbers."""
        if depth > 8:
            raise BrokenPage("a page header is nested too deeply")
        found: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            delta, kind = head >> 4, head & 15
            number = number + delta if delta else self._zigzag()
            found[number] = self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind == _BYTE:
            return self._byte()
        if kind in (_DOUBLE, _BINARY):
            return self._skip(8 if kind == _DOUBLE else self._varint())
        raise BrokenPage(f"a page header holds type {kind}")

    def _byte(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        return byte

    def _skip(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise IndexError
        self.at += size

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise BrokenPage("a number in a page header has no end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
