"""Parquet: already columns; a row that breaks its contract is kept as JSON that loses nothing (``lossless``)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sluice.contracts import Contract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import MAX_RECORD
from sluice.ingestion.lossless import rows_as_json
from sluice.ingestion.readers.parquet_footer import RowGroup, row_groups
from sluice.ingestion.readers.parquet_plan import Plan, plan_of
from sluice.ingestion.readers.parquet_sizes import text_sizes
from sluice.ingestion.readers.parquet_thrift import BrokenThrift
from sluice.ingestion.readers.text import some_of, too_long_reason
from sluice.ingestion.records import Block, Reason, Rejected, consecutive
from sluice.ingestion.source import Source

_BUFFER = 4 << 20
#: Text that dictionaries hold once is written out for so many bytes of rows at a time.
_TEXT_AT_ONCE = 16 << 20
_PROBE = 1 << 18
_MAX_FOOTER = 32 << 20
_NOT_TEXT = Reason("wrong_encoding", "the row holds text that is not UTF-8")


def read_parquet(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the file's rows; ``UnreadableFile`` when it is cut short, no Parquet, or lacks a required column."""
    if source.size == 0:
        raise UnreadableFile(f"{source.uri} is empty.", code="empty_file")
    with source.seekable(_BUFFER) as stream:
        _refuse_long_footer(stream, source)
        try:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            kinds = dict(zip(names, file.schema_arrow.types, strict=True))
        except Exception as error:
            if source.failures:
                raise
            raise UnreadableFile(f"{source.uri} is no whole Parquet file: {error}", code="corrupt") from error
        wanted = _wanted(names, source, contract)
        first = 1
        for batch in _batches(stream, file.metadata, source):
            sizes = text_sizes(batch)
            source.counted(batch.num_rows * len(contract.columns) + (pc.sum(sizes).as_py() or 0))
            for part in _parts(batch, sizes):
                yield _block(part, kinds, wanted, first)
                first += part.num_rows


def _footer(stream: BinaryIO, source: Source) -> bytes:
    """Return the footer's bytes; Arrow has looked whether it is one."""
    stream.seek(source.size - 8)
    size = int.from_bytes(stream.read(4), "little")
    stream.seek(max(0, source.size - 8 - size))
    return stream.read(size)


def _refuse_long_footer(stream: BinaryIO, source: Source) -> None:
    if source.size < 12:
        return  # what Arrow says of it is enough
    stream.seek(source.size - 8)
    size = int.from_bytes(stream.read(4), "little")
    if _MAX_FOOTER < size < source.size:
        raise UnreadableFile(f"{source.uri}: the footer has {size:,} bytes, more than {_MAX_FOOTER:,}.", code="corrupt")


def _wanted(names: Sequence[str], source: Source, contract: Contract) -> dict[str, str]:
    """Return contract columns by their names in the file; ``UnreadableFile`` when these are not the contract's."""
    there = set(names)
    if len(there) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        raise UnreadableFile(f"{source.uri} names a column twice: {some_of(twice)}.", code="header_mismatch")
    missing = [c.header for c in contract.columns if c.header not in there and contract.must_be_present(c)]
    if missing:
        raise UnreadableFile(f"{source.uri} lacks the columns {some_of(missing)}.", code="header_mismatch")
    extra = sorted(there - {column.header for column in contract.columns})
    assert contract.arrival is not None
    if extra and contract.arrival.extra_columns == "reject":
        raise UnreadableFile(f"{source.uri} has {some_of(extra)}, which the contract rejects.", code="header_mismatch")
    return {column.header: column.name for column in contract.columns if column.header in there}


def _batches(stream: BinaryIO, metadata: Any, source: Source) -> Iterator[pa.RecordBatch]:
    """Yield the rows, as many at a time as memory has room for."""
    rows = 0
    known: tuple[Plan, pq.ParquetFile] | None = None
    for number, group in enumerate(_row_groups(stream, source)):
        plan = plan_of(group, stream, uri=source.uri, number=number)
        plan = _without_short(plan, stream, metadata, number)
        if known is None or not known[0].reads_as(plan):
            known = plan, _open(stream, metadata, plan)
        try:
            for batch in known[1].iter_batches(plan.rows_at_once, row_groups=[number]):
                yield batch
                rows += batch.num_rows
        except OSError as error:
            if source.failures:
                raise
            raise UnreadableFile(f"{source.uri} is broken after row {rows:,}: {error}", code="corrupt") from error


def _row_groups(stream: BinaryIO, source: Source) -> Iterator[RowGroup]:
    try:
        yield from row_groups(_footer(stream, source))
    except BrokenThrift as error:
        raise UnreadableFile(f"{source.uri} has a broken footer: {error}.", code="corrupt") from error


def _without_short(plan: Plan, stream: BinaryIO, metadata: Any, group: int) -> Plan:
    """Return the plan without dictionaries of short text: written out at once it has room, and is read faster."""
    flat = [path for path in plan.dictionaries if "." not in path]
    if not flat:
        return plan
    probe = _open(stream, metadata, replace(plan, buffer_size=_PROBE))
    batch = next(probe.iter_batches(1, row_groups=[group], columns=flat), None)
    if batch is None:
        return plan
    kept, room = dict(plan.dictionaries), _TEXT_AT_ONCE
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


def _open(stream: BinaryIO, metadata: Any, plan: Plan) -> pq.ParquetFile:
    return pq.ParquetFile(
        stream,
        metadata=metadata,
        read_dictionary=list(plan.dictionaries),
        buffer_size=plan.buffer_size,
        pre_buffer=False,
    )


def _parts(batch: pa.RecordBatch, sizes: pa.Array) -> Iterator[pa.RecordBatch]:
    """Yield the batch in parts whose text has room in memory once it is written out."""
    ends = memoryview(pc.cumulative_sum(sizes).buffers()[1]).cast("q") if batch.num_rows else ()
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        end = max(start + 1, bisect_right(ends, before + _TEXT_AT_ONCE, start))
        yield batch.slice(start, end - start)
        start = end


def _block(batch: pa.RecordBatch, kinds: dict[str, pa.DataType], wanted: dict[str, str], first: int) -> Block:
    """Return the rows as a block, of the types that the file says; those that no column could hold are refused here."""
    columns = {name: _plain(batch.column(name), kind) for name, kind in kinds.items()}
    reasons = {row: _NOT_TEXT for values in columns.values() for row in _undecodable(values)}
    sizes = text_sizes(batch)
    for row in pc.indices_nonzero(pc.greater(sizes, MAX_RECORD)).to_pylist():
        reasons[row] = too_long_reason(sizes[row].as_py())

    def raw(rows: Sequence[int]) -> list[bytes]:
        places = pa.array(rows, pa.int64())
        return rows_as_json({name: values.take(places) for name, values in columns.items()})

    if not reasons:
        return Block(first, batch.num_rows, {name: columns[header] for header, name in wanted.items()}, raw)
    refused = sorted(reasons)
    places = consecutive(0, batch.num_rows)
    kept = places.filter(pc.invert(pc.is_in(places, pa.array(refused, pa.int64()))))
    rejected = [Rejected(first + row, (reasons[row],), raw([row])[0]) for row in refused]
    return Block(
        first,
        len(kept),
        {name: columns[header].take(kept) for header, name in wanted.items()},
        lambda rows: raw(kept.take(pa.array(rows, pa.int64())).to_pylist()),
        pc.add(kept, first),
        rejected,
    )


def _plain(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values without the dictionaries that they were read as, at any depth."""
    if pa.types.is_dictionary(values.type):
        return values.dictionary_decode()
    return values if values.type == kind else values.cast(kind)


def _undecodable(values: pa.Array) -> list[int]:
    """Return the rows whose text, at any depth, is not UTF-8."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        rows = (pa.array([row], pa.int64()) for row in range(len(values)))
        return [row for row, place in enumerate(rows) if not _is_valid(values.take(place))]
    return []


def _is_valid(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
