"""Reads Parquet files; a row that breaks its contract is kept as JSON that loses nothing (``lossless``)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import LandingContract
from sluice.contracts.values.lossless import rows_as_json
from sluice.errors import UnreadableFile
from sluice.ingestion.readers.parquet_refused import refused_rows
from sluice.ingestion.readers.parquet_rows import TEXT_AT_ONCE, Rows, opened
from sluice.ingestion.readers.parquet_sizes import text_sizes
from sluice.ingestion.readers.parquet_types import undictionaried
from sluice.ingestion.readers.text import some_of
from sluice.ingestion.records import Block, Rejected, consecutive
from sluice.ingestion.source import ByteSource

_BUFFER = 4 << 20
_MAX_FOOTER = 32 << 20
#: What a value that is no text takes in JSON, beside its name, about.
_JSON_VALUE = 12


def read_parquet(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    """Yield the file's rows; raise ``UnreadableFile`` when it is cut short, no Parquet, or lacks a required column."""
    if source.size == 0:
        raise UnreadableFile(f"{source.uri} is empty.", code="empty_file")
    with source.seekable(_BUFFER) as stream:
        footer = _footer(stream, source)
        try:
            file = opened(stream)
            wanted = _wanted(file.schema_arrow.names, source, contract)
            rows = Rows(stream, file, footer, source, set(wanted))
        except UnreadableFile:
            raise
        except Exception as error:
            if source.failures:
                raise
            raise UnreadableFile(f"{source.uri} is no whole Parquet file: {error}", code="corrupt") from error
        first = 1
        for batch in rows.batches():
            sizes = text_sizes(batch)
            source.counted(batch.num_rows * len(contract.columns) + (pc.sum(sizes).as_py() or 0))
            for part in _parts(batch, sizes):
                yield _block(part, wanted, first)
                first += part.num_rows


def _footer(stream: BinaryIO, source: ByteSource) -> bytes:
    """Return the bytes where the footer should be; Arrow decides whether they are a footer."""
    stream.seek(max(0, source.size - 8))
    size = int.from_bytes(stream.read(4), "little")
    if size >= source.size:
        return b""
    if size > _MAX_FOOTER:
        raise UnreadableFile(f"{source.uri}: the footer has {size:,} bytes, more than {_MAX_FOOTER:,}.", code="corrupt")
    stream.seek(max(0, source.size - 8 - size))
    return stream.read(size)


def _wanted(names: Sequence[str], source: ByteSource, contract: LandingContract) -> dict[str, str]:
    """Return contract columns by their names in the file; ``UnreadableFile`` when the names do not fit the contract."""
    there = set(names)
    if len(there) < len(names):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        raise UnreadableFile(
            f"{source.uri} names a column twice: {some_of(twice)}.", code="header_mismatch", column=twice[0]
        )
    # A file with none of the columns is another file, though each of them may be left out: it would be rows of nulls.
    other = there.isdisjoint(column.header for column in contract.columns)
    missing = [c.header for c in contract.columns if c.header not in there and (other or contract.must_be_present(c))]
    if missing:
        raise UnreadableFile(
            f"{source.uri} lacks the columns {some_of(missing)}.", code="header_mismatch", column=missing[0]
        )
    extra = sorted(there - {column.header for column in contract.columns})
    if extra and contract.arrival.extra_columns == "reject":
        raise UnreadableFile(
            f"{source.uri} has {some_of(extra)}, which the contract rejects.", code="header_mismatch", column=extra[0]
        )
    return {column.header: column.name for column in contract.columns if column.header in there}


def _parts(batch: pa.RecordBatch, sizes: pa.Array) -> Iterator[pa.RecordBatch]:
    """Yield the batch in parts small enough that their text, or all of them as JSON, has room in memory."""
    named = sum(len(name) + _JSON_VALUE for name in batch.schema.names)
    ends = memoryview(pc.cumulative_sum(pc.add(sizes, named)).buffers()[1]).cast("q") if batch.num_rows else ()
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        end = max(start + 1, bisect_right(ends, before + TEXT_AT_ONCE, start))
        yield batch.slice(start, end - start)
        start = end


def _block(batch: pa.RecordBatch, wanted: dict[str, str], first: int) -> Block:
    """Return the rows as a block; rows with values that no column could hold are rejected."""
    columns = {name: _plain(batch.column(name)) for name in batch.schema.names}
    reasons = refused_rows(columns, text_sizes(batch))

    def raw(rows: Sequence[int]) -> list[bytes]:
        places = pa.array(rows, pa.int64())
        return rows_as_json({name: values.take(places) for name, values in columns.items()})

    if not reasons:
        return Block(first, batch.num_rows, {name: columns[header] for header, name in wanted.items()}, raw)
    refused = sorted(reasons)
    places = consecutive(0, batch.num_rows)
    kept = places.filter(pc.invert(pc.is_in(places, pa.array(refused, pa.int64()))))
    rejected = [
        Rejected(first + row, (reasons[row],), record) for row, record in zip(refused, raw(refused), strict=True)
    ]
    return Block(
        first,
        len(kept),
        {name: columns[header].take(kept) for header, name in wanted.items()},
        lambda rows: raw(kept.take(pa.array(rows, pa.int64())).to_pylist()),
        pc.add(kept, first),
        rejected,
    )


def _plain(values: pa.Array) -> pa.Array:
    """Return the values without dictionaries, at any depth."""
    kind = undictionaried(values.type)
    if kind == values.type:
        return values
    if pa.types.is_dictionary(values.type):
        return values.dictionary_decode()
    # Of a slice Arrow would write out all that it was cut from, of which there may be any number of gigabytes.
    return values.take(consecutive(0, len(values))).cast(kind)
