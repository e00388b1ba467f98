"""The pages of a Parquet file's column chunks, told by their headers: how much memory reading them takes.

Arrow takes a page whole, as large as its header says, however well it was compressed; footers say only what a chunk
has in all, and may lie. (https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
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
    """One page: its bytes when decompressed, its values; a ``dictionary`` comes before the data."""

    size: int
    values: int
    dictionary: bool
    #: Each value may repeat most of the one before, so that all of them are far longer than the page.
    shared_prefixes: bool


def pages_of(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """Yield the pages of the chunk of ``length`` bytes at ``start``; ``BrokenThrift`` where one is none."""
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
    """Return the fields of the header at the file's place, and its length."""
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
