"""Reads a Parquet file's rows, as many at a time as memory has room for, and raises when some are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.errors import UnreadableFile
from sluice.ingestion.readers.parquet_footer import RowGroup, row_groups
from sluice.ingestion.readers.parquet_plan import Column, ParquetPlan, plan_of
from sluice.ingestion.readers.parquet_thrift import BrokenThrift
from sluice.ingestion.readers.parquet_types import leaves_of, without_views
from sluice.ingestion.source import ByteSource

#: Text that dictionaries hold once is written out for so many bytes of rows at a time.
TEXT_AT_ONCE = 16 << 20
_PROBE = 1 << 18
_MOST_WORDS = 200
#: What Arrow raises of a type that it cannot read; of broken bytes it raises ``OSError``.
_CANNOT = (pa.ArrowInvalid, pa.ArrowNotImplementedError)


def opened(stream: BinaryIO, metadata: Any = None, plan: ParquetPlan | None = None) -> pq.ParquetFile:
    """Return the file opened for reading by the plan, or only for reading its metadata."""
    return pq.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=list(plan.dictionaries) if plan else None,
        buffer_size=plan.buffer_size if plan else 0,
        pre_buffer=False,
        # In nanoseconds, years before 1677 and after 2262 would turn into others without a word.
        coerce_int96_timestamp_unit="us",
        # JSON would be written out of its dictionaries; what is around other values is taken off anyway.
        arrow_extensions_enabled=False,
    )


class Rows:
    """The rows of a file. It is refused if a ``needed`` column cannot be read; other unreadable columns are left out.

    A value that is left out becomes a struct that says so, as ``lossless`` writes it.
    """

    def __init__(
        self, stream: BinaryIO, file: pq.ParquetFile, footer: bytes, source: ByteSource, needed: set[str]
    ) -> None:
        self.stream, self.metadata, self.footer, self.source = stream, file.metadata, footer, source
        self.names: list[str] = file.schema_arrow.names
        self.needed = needed
        self.columns = _columns(stream, file)
        self.left_out: dict[str, str] = {}
        self.reader: tuple[ParquetPlan, pq.ParquetFile] | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; raise ``UnreadableFile`` when the file has fewer than its footer says."""
        rows = 0
        for number, group in enumerate(self._groups()):
            # A group of no rows may have no pages at all.
            if group.rows or any(chunk.values for chunk in group.chunks):
                yield from self._of_group(number, group, rows)
            rows += group.rows

    def _groups(self) -> Iterator[RowGroup]:
        try:
            yield from row_groups(self.footer)
        except BrokenThrift as error:
            raise UnreadableFile(f"{self.source.uri} has a broken footer: {error}.", code="corrupt") from error

    def _of_group(self, number: int, group: RowGroup, before: int) -> Iterator[pa.RecordBatch]:
        plan = plan_of(group, self.stream, self.columns, uri=self.source.uri, number=number)
        plan = self._without_short(plan, number)
        found, done = 0, False
        while not done:
            try:
                for batch in self._read(plan, number, skip=found):
                    found += batch.num_rows
                    yield self._whole(batch)
                done = True
            except (OSError, *_CANNOT) as error:
                if self.source.failures:
                    raise
                unread = {} if isinstance(error, OSError) else self._unreadable(plan, number)
                if not unread:
                    raise UnreadableFile(
                        f"{self.source.uri} is broken after row {before + found:,}: {error}",
                        code="corrupt",
                        position=before + found + 1,
                    ) from error
                self.left_out |= unread
        if found != group.rows:
            raise UnreadableFile(
                f"{self.source.uri} is broken in row group {number}: {found:,} rows are there;"
                f" {group.rows:,} is what it says.",
                code="corrupt",
                position=before + min(found, group.rows) + 1,
            )

    def _read(self, plan: ParquetPlan, number: int, *, skip: int = 0) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a group after the first ``skip``, without the columns that are left out."""
        if self.reader is None or not self.reader[0].reads_as(plan):
            self.reader = plan, opened(self.stream, self.metadata, plan)
        kept = [name for name in self.names if name not in self.left_out] if self.left_out else None
        for batch in self.reader[1].iter_batches(plan.rows_at_once, row_groups=[number], columns=kept):
            if skip < batch.num_rows:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)

    def _unreadable(self, plan: ParquetPlan, number: int) -> dict[str, str]:
        """Return the columns that are not needed and cannot be read in this group, each with Arrow's message."""
        found = {}
        file = opened(self.stream, self.metadata, plan)
        for name in self.names:
            if name in self.needed or name in self.left_out:
                continue
            try:
                for _ in file.iter_batches(plan.rows_at_once, row_groups=[number], columns=[name]):
                    pass
            except _CANNOT as error:
                found[name] = str(error)[:_MOST_WORDS]
        return found

    def _whole(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch without view types, and with a marker in place of each value that is left out."""
        columns = dict(zip(batch.schema.names, map(without_views, batch.columns), strict=True))
        for name, why in self.left_out.items():
            columns[name] = pa.repeat(pa.scalar({"$unreadable": why}), batch.num_rows)
        return pa.record_batch({name: columns[name] for name in self.names})

    def _without_short(self, plan: ParquetPlan, group: int) -> ParquetPlan:
        """Return the plan without dictionaries of short text, which fits into memory as plain text and reads faster."""
        flat = [path for path in plan.dictionaries if "." not in path]
        if not flat:
            return plan
        probe = opened(self.stream, self.metadata, replace(plan, buffer_size=_PROBE))
        batch = next(probe.iter_batches(1, row_groups=[group], columns=flat), None)
        if batch is None:
            return plan
        kept, room = dict(plan.dictionaries), TEXT_AT_ONCE
        for path in flat:
            values = batch.column(path)
            # A dictionary that is not yet whole here may hold longer text.
            if not pa.types.is_dictionary(values.type) or len(values.dictionary) != kept[path]:
                continue
            longest = pc.max(pc.binary_length(values.dictionary)).as_py() or 0
            if longest * plan.rows_at_once <= room:
                room -= longest * plan.rows_at_once
                del kept[path]
        return replace(plan, dictionaries=kept)


def _columns(stream: BinaryIO, file: pq.ParquetFile) -> Sequence[Column]:
    """Return the file's columns of values, and which of them Arrow leaves in dictionaries."""
    facts = [file.schema.column(index) for index in range(len(file.schema))]
    texts = {fact.path: 0 for fact in facts if fact.physical_type == "BYTE_ARRAY"}
    asked = opened(stream, file.metadata, ParquetPlan(texts, 1, 0)).schema_arrow.types
    kinds = [kind for column in asked for kind in leaves_of(column)]
    if len(kinds) != len(facts):
        kinds = [pa.null()] * len(facts)
    return [
        Column(fact.path, pa.types.is_dictionary(kind), fact.max_repetition_level > 0)
        for fact, kind in zip(facts, kinds, strict=True)
    ]
