"""Cuts a stream of bytes into blocks of whole records, for formats whose records end with a line feed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sluice.ingestion.source import Source

BLOCK_SIZE = 8 << 20
#: A record longer than this is never parsed: it goes to quarantine by pointer, read through in pieces.
MAX_RECORD = 8 << 20
#: A rejected record longer than this is kept as an S3 object, with a pointer in the table.
MAX_INLINE_RECORD = 1 << 20
_QUOTE = b'"'
_LINE_FEED, _CARRIAGE_RETURN = 10, 13


@dataclass(frozen=True)
class Lines:
    """Whole records; ``suspect`` when a quote was opened and not closed, so that lines must be looked at singly."""

    data: bytes
    suspect: bool = False


@dataclass(frozen=True)
class Oversized:
    """One record of more than ``MAX_RECORD`` bytes, already put away at ``pointer``."""

    size: int
    pointer: str


def record_blocks(source: Source, chunks: Iterator[bytes], *, quoted: bool) -> Iterator[Lines | Oversized]:
    """Yield ``chunks`` as blocks that end on record boundaries; ``quoted``: line feeds in quotes do not count."""
    pending = bytearray()
    sequence = 0
    for chunk in chunks:
        pending += chunk
        if len(pending) < BLOCK_SIZE:
            continue
        cut = _last_boundary(pending, quoted=quoted)
        if cut:
            yield Lines(bytes(memoryview(pending)[:cut]))
            del pending[:cut]
        elif quoted and (cut := pending.rfind(b"\n") + 1):
            yield Lines(bytes(memoryview(pending)[:cut]), suspect=True)
            del pending[:cut]
        elif len(pending) >= MAX_RECORD:
            sequence += 1
            oversized, pending = _put_away(source, pending, chunks, sequence)
            yield oversized
    if pending:
        yield Lines(bytes(pending), suspect=quoted and pending.count(_QUOTE) % 2 == 1)


def _last_boundary(data: bytearray, *, quoted: bool) -> int:
    """Return where the last whole record ends (0: nowhere); a block begins outside quotes."""
    end = data.rfind(b"\n")
    if not quoted or _QUOTE not in data:
        return end + 1
    inside = data.count(_QUOTE, 0, end) % 2 == 1 if end >= 0 else False
    while end >= 0 and inside:
        previous = data.rfind(b"\n", 0, end)
        inside ^= data.count(_QUOTE, max(previous, 0), end) % 2 == 1
        end = previous
    return end + 1


def _put_away(
    source: Source, pending: bytearray, chunks: Iterator[bytes], sequence: int
) -> tuple[Oversized, bytearray]:
    """Write the record that fills ``pending`` to a spool, up to its line feed; return what follows it."""
    rest = bytearray()
    with source.spool(sequence) as spool:
        spool.write(bytes(pending))
        size = len(pending)
        for chunk in chunks:
            end = chunk.find(b"\n")
            piece = chunk if end < 0 else chunk[:end]
            spool.write(piece)
            size += len(piece)
            if end >= 0:
                rest += chunk[end + 1 :]
                break
    return Oversized(size=size, pointer=spool.pointer), rest


@dataclass(frozen=True)
class Spans:
    """Where each record of a block begins and ends (without its line end), as int64 arrays."""

    data: bytes
    starts: pa.Array
    ends: pa.Array

    def __len__(self) -> int:
        """Return how many records there are."""
        return len(self.starts)

    def records(self, rows: Sequence[int] | None = None) -> list[bytes]:
        """Return the bytes of the records at ``rows`` (none: of all)."""
        starts, ends = self.starts, self.ends
        if rows is not None:
            wanted = pa.array(rows, pa.int64())
            starts, ends = starts.take(wanted), ends.take(wanted)
        return [self.data[start:end] for start, end in zip(starts.to_pylist(), ends.to_pylist(), strict=True)]


def record_spans(data: bytes, *, quoted: bool) -> Spans:
    """Return the spans of every record in ``data`` that is not an empty line."""
    raw = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
    ends = pc.indices_nonzero(pc.equal(raw, _LINE_FEED))
    if quoted and _QUOTE in data:
        quotes = pc.cumulative_sum(pc.cast(pc.equal(raw, _QUOTE[0]), pa.int32()))
        ends = ends.filter(pc.equal(pc.bit_wise_and(quotes.take(ends), 1), 0))
    ends = ends.cast(pa.int64())
    if not len(ends) or ends[-1].as_py() != len(data) - 1:
        ends = pa.concat_arrays([ends, pa.array([len(data)], pa.int64())])
    starts = pa.concat_arrays([pa.array([0], pa.int64()), pc.add(ends[:-1], 1)])
    some = pc.greater(ends, starts)
    starts, ends = starts.filter(some), ends.filter(some)
    if b"\r" in data:
        returns = pc.equal(raw.take(pc.subtract(ends, 1)), _CARRIAGE_RETURN)
        ends = pc.subtract(ends, returns.cast(pa.int64()))
        some = pc.greater(ends, starts)
        starts, ends = starts.filter(some), ends.filter(some)
    return Spans(data, starts, ends)
