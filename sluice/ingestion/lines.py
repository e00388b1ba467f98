"""Splits a stream of bytes into blocks of whole lines, for formats whose records end with a line feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from sluice.ingestion.source import ByteSource

BLOCK_SIZE = 4 << 20
#: A record with more bytes is not parsed; it is copied to S3 in pieces and quarantined with a pointer to the copy.
MAX_RECORD = 8 << 20
#: A rejected record with more bytes is kept as an S3 object, with a pointer in the table.
MAX_INLINE_RECORD = 1 << 20


@dataclass(frozen=True)
class Oversized:
    """One record of more than ``MAX_RECORD`` bytes, already stored at the address ``pointer``."""

    size: int
    pointer: str


def line_blocks(source: ByteSource, chunks: Iterator[bytes]) -> Iterator[bytes | Oversized]:
    """Yield ``chunks`` as blocks of whole lines, and each oversized line by itself; the last line may have no end."""
    pending = bytearray()
    sequence = 0
    for chunk in chunks:
        pending += chunk
        if begins_oversized(pending):
            sequence += 1
            oversized, pending = put_away(source, pending, chunks, sequence)
            yield oversized
        if len(pending) >= BLOCK_SIZE and (cut := pending.rfind(b"\n") + 1):
            yield bytes(memoryview(pending)[:cut])
            del pending[:cut]
    if pending:
        yield bytes(pending)


def begins_oversized(data: bytearray) -> bool:
    """Return whether the first line of ``data``, perhaps not complete yet, has more than ``MAX_RECORD`` bytes."""
    return len(data) > MAX_RECORD and data.find(b"\n", 0, MAX_RECORD + 1) < 0


def put_away(
    source: ByteSource, pending: bytearray, chunks: Iterator[bytes], sequence: int
) -> tuple[Oversized, bytearray]:
    """Write the first line of ``pending`` and ``chunks`` to a spool; return it, and the bytes that follow."""
    rest = bytearray()
    size = 0
    with source.put_away(sequence) as spool:
        for piece in chain((bytes(pending),), chunks):
            end = piece.find(b"\n")
            spool.write(piece if end < 0 else piece[:end])
            size += len(piece) if end < 0 else end
            if end >= 0:
                rest += piece[end + 1 :]
                break
    return Oversized(size=size, pointer=spool.pointer), rest


def lines_of(data: bytes) -> list[bytes]:
    """Return the lines in ``data`` that are not empty, without their line ends."""
    lines = data.split(b"\n")
    if b"\r" in data:
        lines = [line.removesuffix(b"\r") for line in lines]
    return [line for line in lines if line]
