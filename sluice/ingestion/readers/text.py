"""What the readers of line-based formats share: encodings, and records that are not parsed."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from sluice.contracts import Arrival
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import MAX_RECORD, Oversized
from sluice.ingestion.records import Block, Reason, Rejected
from sluice.ingestion.source import ByteSource

_FIXED_WIDTH = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def utf8_chunks(source: ByteSource, arrival: Arrival) -> Iterator[bytes]:
    """Yield the file's text as UTF-8, without byte order marks: what adds one to a file that has one leaves two."""
    encoding = codecs.lookup(arrival.encoding).name
    pieces = source.chunks()
    first = next(pieces, b"")
    for mark, name in _BOMS.items():
        # What marks UTF-32 begins with the mark of UTF-16.
        if first.startswith(mark) and not encoding.startswith(("utf-16", "utf-32")):
            raise UnreadableFile(
                f"{source.uri} begins with the byte order mark of {name}; the contract says {arrival.encoding}.",
                code="wrong_encoding",
                next_step=f"send the file as {arrival.encoding}, or declare encoding: {name} in the contract.",
            )
    if encoding == "utf-8":
        yield _unmarked(first)
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    try:
        yield _unmarked(decoder.decode(first).encode())
        for piece in pieces:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{source.uri} is not {arrival.encoding}: {error}.", code="wrong_encoding") from error


def _unmarked(text: bytes) -> bytes:
    marks = 0
    while text.startswith(codecs.BOM_UTF8, marks):
        marks += len(codecs.BOM_UTF8)
    return text[marks:]


def as_sent(blocks: Iterator[Block], arrival: Arrival) -> Iterator[Block]:
    """Yield the blocks with their records' bytes in the file's own encoding, since they were read as UTF-8.

    They stay UTF-8 where the encoding has several ways to write a character, and where a byte order mark at the file's
    beginning determines the order of bytes.
    """
    encoding = codecs.lookup(arrival.encoding).name
    if not _tells_bytes(encoding):
        return blocks

    def sent(raw: bytes) -> bytes:
        return raw.decode().encode(encoding)

    def again(block: Block) -> Block:
        rejected = [one if one.raw is None else replace(one, raw=sent(one.raw)) for one in block.rejected]
        return replace(block, raw=lambda rows: list(map(sent, block.raw(rows))), rejected=rejected)

    return map(again, blocks)


@lru_cache(maxsize=64)
def _tells_bytes(encoding: str) -> bool:
    """Return whether the encoding writes each text in one known way: with one byte a character, or of fixed width."""
    if encoding in _FIXED_WIDTH:
        return True
    decoder = codecs.getincrementaldecoder(encoding)
    for byte in (bytes([number]) for number in range(256)):
        try:
            letter = decoder().decode(byte)
        except UnicodeDecodeError:
            continue  # no letter's
        if len(letter) != 1 or letter.encode(encoding) != byte:
            return False
    return True


def too_long(oversized: Oversized, position: int) -> Rejected:
    """Return the rejection of a record that is too long to parse."""
    return Rejected(position, (too_long_reason(oversized.size),), pointer=oversized.pointer)


def too_long_reason(size: int) -> Reason:
    """Return why a record of ``size`` bytes is not parsed."""
    return Reason("record_too_long", f"the record has {size:,} bytes; a record may have {MAX_RECORD:,}")


def some_of(names: Sequence[str], most: int = 20) -> str:
    """Return at most ``most`` of the names as a list in words."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(name[:100] for name in names[:most]) + more


def undecodable(raw: bytes) -> Reason | None:
    """Return why the record is not UTF-8 text, or None when it is."""
    if b"\x00" in raw:
        return Reason("nul_byte", f"the record holds a NUL byte at its byte {raw.index(0)}")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return Reason("wrong_encoding", f"the record is not UTF-8: byte {error.start} is 0x{raw[error.start]:02x}")
    return None


def is_clean(data: bytes) -> bool:
    """Return whether a whole block is valid text without NUL bytes."""
    if b"\x00" in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
