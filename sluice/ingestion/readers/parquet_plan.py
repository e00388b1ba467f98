"""Plans how to read a row group in bounded memory: which columns stay dictionaries, how many rows come at a time.

The size of a page is taken from its header. A dictionary's value may stand in every row, and a value that shares its
beginning with the previous one may be far longer than its encoded bytes; the plan assumes the worst of both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from sluice.errors import FileTooLarge, UnreadableFile
from sluice.ingestion.readers.parquet_footer import Chunk, RowGroup
from sluice.ingestion.readers.parquet_pages import Page, pages_of
from sluice.ingestion.readers.parquet_thrift import BrokenThrift

#: A function has at least 512 MB, of which so much is for pages, for the values of a batch, and for what is read ahead.
_SCALE = max(1.0, int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")) / 512)
PAGE_BYTES = int((96 << 20) * _SCALE)
BATCH_BYTES = 32 << 20
_READ_AHEAD = 48 << 20
_MOST_ROWS = 65_536


@dataclass(frozen=True)
class Column:
    """What Arrow makes of a column of values.

    ``dictionary``: Arrow can leave its text in a dictionary; ``repeated``: a row may have several values.
    """

    path: str
    dictionary: bool
    repeated: bool


@dataclass(frozen=True)
class ParquetPlan:
    """How to read one row group. With ``buffer_size`` 0 each column chunk is read at once.

    ``dictionaries`` are the columns whose text stays in a dictionary, each with the number of its values.
    """

    dictionaries: dict[str, int]
    rows_at_once: int
    buffer_size: int

    def reads_as(self, other: ParquetPlan) -> bool:
        """Return whether a file that was opened for one plan can be read with the other."""
        return (self.dictionaries.keys(), self.buffer_size) == (other.dictionaries.keys(), other.buffer_size)


def plan_of(group: RowGroup, file: BinaryIO, columns: Sequence[Column], *, uri: str, number: int) -> ParquetPlan:
    """Return how to read a row group.

    Raise ``FileTooLarge`` when its pages alone exceed memory, ``UnreadableFile`` when they are broken or have another
    number of rows than the group says.
    """
    chunks = [_Reckoned(*both, group.rows) for both in zip(group.chunks, columns, strict=True)]
    held = 0
    for chunk in chunks:
        where = f"row group {number}, column {chunk.path[:100]}"
        try:
            chunk.look(pages_of(file, chunk.start, chunk.length))
            held += chunk.largest + chunk.dictionary
            if held <= PAGE_BYTES:
                chunk.count()
        except BrokenThrift as error:
            raise UnreadableFile(
                f"{uri} is broken in {where}: {error}.", code="corrupt", column=chunk.path[:100]
            ) from error
        if held > PAGE_BYTES:
            raise FileTooLarge(
                f"{uri}: the pages of row group {number} take {held:,} bytes and more at once, by column"
                f" {chunk.path[:100]}; one function call has room for {PAGE_BYTES:,}.",
                safe="nothing of the file was committed.",
                next_step="write the file with smaller pages (data_page_size) or fewer columns, and upload it again.",
                column=chunk.path[:100],
            )
    rows = _MOST_ROWS
    while rows > 1 and sum(chunk.most_bytes(rows) for chunk in chunks) > BATCH_BYTES:
        rows //= 4
    compressed = sum(chunk.length for chunk in chunks)
    buffer = 0 if compressed <= _READ_AHEAD else max(1 << 16, min(4 << 20, _READ_AHEAD // max(1, len(chunks))))
    return ParquetPlan({chunk.path: chunk.entries for chunk in chunks if chunk.stays_dictionary}, max(1, rows), buffer)


class _Reckoned:
    """One column of one row group, and the memory that its pages take."""

    def __init__(self, chunk: Chunk, column: Column, rows: int) -> None:
        self.path, self.column, self.rows, self.values = chunk.path, column, rows, chunk.values
        self.start, self.length, self.leaf = chunk.start, chunk.length, chunk.leaf
        self.largest = self.dictionary = self.entries = 0
        self.pages: Sequence[tuple[int, int]] = ()
        self.shared = False

    def look(self, pages: Iterable[Page]) -> None:
        """Add up the chunk's pages."""
        if min(self.start, self.length) < 0:
            raise BrokenThrift("it lies before the file's beginning")
        found = []
        for page in pages:
            if page.dictionary:
                self.dictionary += page.size
                self.entries += page.values
                continue
            self.largest = max(self.largest, page.size)
            self.shared = self.shared or page.shared_prefixes
            found.append((page.size, page.values))
            # A page that is larger than all of memory is reported before the next is read.
            if self.largest > PAGE_BYTES:
                break
        self.pages = found

    def count(self) -> None:
        """Raise ``BrokenThrift`` when the pages do not have the group's number of rows, or are of another column."""
        if self.path != self.column.path:
            raise BrokenThrift(f"the schema calls it {self.column.path[:100]}")
        there = sum(values for _, values in self.pages)
        if there != self.values:
            raise BrokenThrift(f"its pages have {there:,} values; {self.values:,} is what the footer says")
        if self.values < self.rows or (self.values > self.rows and not self.column.repeated):
            raise BrokenThrift(f"it has {self.values:,} values for {self.rows:,} rows")

    @property
    def stays_dictionary(self) -> bool:
        """Return whether the column's values are left in their dictionary."""
        return self.leaf.text and self.dictionary > 0 and self.column.dictionary

    def most_bytes(self, rows: int) -> int:
        """Return about how many bytes ``rows`` consecutive rows take at most."""
        share = rows * self.values / max(1, self.rows)
        if self.shared:
            return int(share * self.largest)
        # What Arrow writes out of its dictionary at once may be the longest text each time.
        longest = self.dictionary if self.leaf.text and not self.stays_dictionary else 0
        width = 4 if self.stays_dictionary else max(longest, self.leaf.width)
        return max(int(share * width), self._most_written(share))

    def _most_written(self, values: float) -> int:
        """Return how many bytes of pages ``values`` consecutive values touch at most."""
        most = 0
        first = size = count = 0
        for last, (page_size, page_values) in enumerate(self.pages):
            if page_values > values:
                most = max(most, int(page_size * values / page_values) + min(page_size, 1 << 20))
            size, count = size + page_size, count + page_values
            while count - self.pages[first][1] >= values and first < last:
                size, count = size - self.pages[first][0], count - self.pages[first][1]
                first += 1
            if page_values <= values:
                most = max(most, size)
        return most
