"""Cuts a stream of bytes into blocks of whole records, for formats whose records end with a line feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sluice.ingestion.source import Source

BLOCK_SIZE = 4 << 20
#: A record longer than this is never parsed: it goes to quarantine by pointer, read through in pieces.
MAX_RECORD = 8 << 20
#: A rejected record longer than this is kept as an S3 object, with a pointer in the table.
MAX_INLINE_RECORD = 1 << 20
_QUOTE = b'"'


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


def records_of(data: bytes, *, quoted: bool) -> list[bytes]:
    """Return every record in ``data`` without its line end; empty lines are none."""
    lines = data.split(b"\n")
    if quoted and _QUOTE in data:
        lines = _joined(lines)
    if b"\r" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    return [line for line in lines if line]


def _joined(lines: list[bytes]) -> list[bytes]:
    """Join lines that a quoted field holds together: from one with an odd number of quotes to the next such one."""
    odd = [at for at, line in enumerate(lines) if _QUOTE in line and line.count(_QUOTE) % 2]
    if not odd:
        return lines
    records: list[bytes] = []
    done = 0
    for first, last in zip(odd[::2], [*odd[1::2], len(lines) - 1], strict=False):
        records += lines[done:first]
        records.append(b"\n".join(lines[first : last + 1]))
        done = last + 1
    return records + lines[done:]
