"""One delivered file as bytes: opened, decompressed and never held whole in memory."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import zstandard

from sluice.errors import UnreadableFile

READ_SIZE = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Spool(Protocol):
    """Somewhere to put a record that is too large for a table; ``pointer`` is its address once closed."""

    pointer: str

    def write(self, data: bytes) -> Any:
        """Add ``data``."""


@dataclass(frozen=True)
class Source:
    """A delivered file.

    ``open_stream`` reads it from the start, ``open_seekable`` at any place (Parquet needs that); ``spool`` opens a
    place for a record at a position that is over ``MAX_INLINE_RECORD``.
    """

    uri: str
    size: int
    compression: str
    open_stream: Callable[[], BinaryIO]
    open_seekable: Callable[[], BinaryIO]
    spool: Callable[[int], AbstractContextManager[Spool]]

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in pieces; ``UnreadableFile`` when the compressed data is cut or broken."""
        if self.size == 0:
            raise UnreadableFile(f"{self.uri} is empty: not even a header.", code="empty_file")
        with self.open_stream() as stream:
            pieces = iter(lambda: stream.read(READ_SIZE), b"")
            first = next(pieces, b"")
            kind = self._kind(first)
            whole = _chain(first, pieces)
            if kind == "none":
                yield from whole
            elif kind == "gzip":
                yield from self._inflate(whole, lambda: zlib.decompressobj(wbits=31), "gzip")
            else:
                yield from self._inflate(whole, zstandard.ZstdDecompressor().decompressobj, "zstd")

    def _kind(self, first: bytes) -> str:
        """Return the compression that the bytes have; the contract's word stands where the bytes do not tell."""
        found = "gzip" if first.startswith(_GZIP_MAGIC) else "zstd" if first.startswith(_ZSTD_MAGIC) else "none"
        if found == "none" and self.compression in ("gzip", "zstd"):
            raise UnreadableFile(
                f"{self.uri} is not {self.compression}: it begins with {first[:4]!r}.", code="wrong_compression"
            )
        return found

    def _inflate(self, pieces: Iterator[bytes], new: Callable[[], Any], name: str) -> Iterator[bytes]:
        """Decompress one frame after another; the last one must be complete."""
        inflater = new()
        for piece in pieces:
            data = piece
            while data:
                if inflater.eof:
                    inflater = new()
                try:
                    yield inflater.decompress(data)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise UnreadableFile(f"{self.uri} is broken {name} data: {error}.", code="corrupt") from error
                data = inflater.unused_data if inflater.eof else b""
        if not inflater.eof:
            raise UnreadableFile(f"{self.uri} is truncated: its {name} data has no end.", code="truncated")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


class BytesSpool(io.BytesIO):
    """A spool in memory, for tests and for reading local files."""

    pointer = "memory:"
