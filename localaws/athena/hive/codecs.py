"""Compression of text files, which a file's name tells: read and written as Hadoop's codecs do.

https://docs.aws.amazon.com/athena/latest/ug/compression-formats.html
"""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import zstandard

from localaws.athena.errors import QueryFailed

_BLOCK: Final = 256 * 1024
#: https://docs.aws.amazon.com/athena/latest/ug/compression-support-zstd-levels.html
_ZSTD_LEVEL: Final = 3


@dataclass(frozen=True)
class Codec:
    """How one kind of compressed text file ends, is read and is written, for which ZSTD alone takes a level."""

    suffix: str
    read: Callable[[bytes], bytes]
    write: Callable[[bytes, int | None], bytes]


def _blocks(name: str) -> Codec:
    """Return Hadoop's block codec: blocks of the length of their text, then chunks of their own length."""
    codec = pa.Codec(name)

    def length(raw: bytes, at: int) -> int:
        if len(raw) < at + 4:
            raise ValueError(f"the length at byte {at} is cut off")
        return int.from_bytes(raw[at : at + 4], "big")

    def read(raw: bytes) -> bytes:
        at, found = 0, io.BytesIO()
        while at < len(raw):
            left, at = length(raw, at), at + 4
            while left > 0:
                size, at = length(raw, at), at + 4
                chunk = raw[at : at + size]
                if not size or len(chunk) < size:
                    raise ValueError(f"the block at byte {at} is cut off")
                text = _unpacked(codec, name, chunk, left)
                found.write(text)
                left, at = left - len(text), at + size
        return found.getvalue()

    def write(text: bytes, level: int | None) -> bytes:
        del level
        found = io.BytesIO()
        for start in range(0, len(text), _BLOCK):
            part = text[start : start + _BLOCK]
            packed = codec.compress(part, asbytes=True)
            found.write(len(part).to_bytes(4, "big") + len(packed).to_bytes(4, "big") + packed)
        return found.getvalue()

    return Codec({"snappy": ".snappy", "lz4_raw": ".lz4"}[name], read, write)


def _unpacked(codec: pa.Codec, name: str, chunk: bytes, most: int) -> bytes:
    """Return a chunk's text; a Snappy chunk says its own length first, an LZ4 chunk is the rest of its block."""
    size = most
    if name == "snappy":
        size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(_varint(chunk)))
        if size > most:
            raise ValueError(f"a chunk of {size} bytes in a block that has {most} left")
    found: bytes = codec.decompress(chunk, decompressed_size=size, asbytes=True)
    return found


def _varint(chunk: bytes) -> bytes:
    end = next(place for place, byte in enumerate(chunk) if byte < 0x80)
    return chunk[: end + 1]


def _zstd_read(raw: bytes) -> bytes:
    found = io.BytesIO()
    while raw:
        frame = zstandard.ZstdDecompressor().decompressobj()
        found.write(frame.decompress(raw))
        if not frame.eof:
            raise ValueError("its last frame is cut off")
        raw = frame.unused_data
    return found.getvalue()


CODECS: Final[dict[str, Codec]] = {
    "NONE": Codec("", lambda raw: raw, lambda text, level: text),
    "GZIP": Codec(".gz", gzip.decompress, lambda text, level: gzip.compress(text, mtime=0)),
    "BZIP2": Codec(".bz2", bz2.decompress, lambda text, level: bz2.compress(text)),
    "ZSTD": Codec(".zst", _zstd_read, lambda text, level: zstandard.compress(text, level or _ZSTD_LEVEL)),
    "DEFLATE": Codec(".deflate", zlib.decompress, lambda text, level: zlib.compress(text)),
    "SNAPPY": _blocks("snappy"),
    "LZ4": _blocks("lz4_raw"),
}
_SUFFIXES: Final = {codec.suffix: codec for codec in CODECS.values() if codec.suffix} | {".zstd": CODECS["ZSTD"]}


def text_of(path: str, raw: bytes) -> str:
    """Return the text of a file, decompressed as its name tells; raise HIVE_CURSOR_ERROR where it cannot be.

    Bytes that are no UTF-8 become U+FFFD, as in Java.
    """
    codec = next((codec for suffix, codec in _SUFFIXES.items() if path.endswith(suffix)), CODECS["NONE"])
    try:
        return codec.read(raw).decode(errors="replace")
    except (OSError, EOFError, ValueError, StopIteration, zlib.error, zstandard.ZstdError, pa.ArrowException) as error:
        raise QueryFailed("HIVE_CURSOR_ERROR", f"Failed to read file at s3://{path}: {error}") from None
