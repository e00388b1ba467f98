"""Reads the page headers of a Parquet file's column chunks, which say how much memory reading the pages takes.

Arrow reads a page whole, as large as its header says, however well it was compressed; the footer has only a chunk's
total, and may be wrong. https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from sluice.ingestion.readers.parquet_thrift import BrokenThrift, Compact

_MOST_HEADER = 16 << 20
_DICTIONARY_PAGE = 2
_DELTA_BYTE_ARRAY = 7
_TYPE, _UNCOMPRESSED, _COMPRESSED, _V1, _DICTIONARY, _V2 = 1, 2, 3, 5, 7, 8
_VALUES, _ENCODING_V1, _ENCODING_V2 = 1, 2, 4


@dataclass(frozen=True)
class Page:
    """One page: its size in bytes when decompressed, its number of values; a ``dictionary`` page precedes the data."""

    size: int
    values: int
    dictionary: bool
    #: Each value may repeat most of the one before, so that all of them are far longer than the page.
    shared_prefixes: bool


def pages_of(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """Yield the pages of the chunk of ``length`` bytes at ``start``; raise ``BrokenThrift`` where a page is broken."""
    at, end = start, start + length
    while at < end:
        file.seek(at)
        fields, size = _header(file)
        compressed, uncompressed = fields.get(_COMPRESSED), fields.get(_UNCOMPRESSED)
        if not isinstance(compressed, int) or not isinstance(uncompressed, int) or min(compressed, uncompressed) < 0:
            raise BrokenThrift(f"the page at byte {at:,} has no size")
        data = fields.get(_V1, fields.get(_V2, fields.get(_DICTIONARY, {})))
        if not isinstance(data, dict):
            raise BrokenThrift(f"the page at byte {at:,} is of no kind")
        encoding = data.get(_ENCODING_V1 if _V1 in fields else _ENCODING_V2)
        values = data.get(_VALUES, 0)
        yield Page(
            uncompressed,
            values if isinstance(values, int) and values > 0 else 0,
            fields.get(_TYPE) == _DICTIONARY_PAGE,
            encoding == _DELTA_BYTE_ARRAY,
        )
        at += size + compressed


def _header(file: BinaryIO) -> tuple[dict[int, Any], int]:
    """Return the fields of the page header at the file's current position, and its length in bytes."""
    data = b""
    want = 256
    while True:
        more = file.read(want - len(data))
        data += more
        reader = Compact(data)
        try:
            return reader.struct(), reader.at
        except IndexError:
            if not more or want >= _MOST_HEADER:
                raise BrokenThrift("a page header has no end") from None
            want *= 4
