"""Reads one delivered file as bytes: opens and decompresses it without ever holding it whole in memory.

Errors of storage are remembered, so that the caller can distinguish them from errors that the file's bytes cause: a
retry may help against the former, never against the latter.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol, TypeVar

import pyarrow as pa

from sluice.errors import FileTooLarge, UnreadableFile

READ_SIZE = 1 << 20
#: Most bytes that one call reads of a file, decompressed: the smallest function can read no more in its time.
MOST_READ = 16 << 30
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_T = TypeVar("_T")


class Spool(Protocol):
    """A writable object for a record that is too large for a table; ``pointer`` is its address once closed."""

    pointer: str

    def write(self, data: bytes) -> Any:
        """Add ``data``."""


@dataclass(frozen=True)
class ByteSource:
    """A delivered file.

    ``open_stream`` opens it for reading from the start, ``open_seekable`` at any position, which Parquet needs;
    ``spool`` opens an object for a record longer than ``MAX_INLINE_RECORD``. Readers call ``chunks``, ``seekable`` and
    ``put_away``, which add errors of storage to ``failures``.
    """

    uri: str
    size: int
    compression: str
    open_stream: Callable[[], BinaryIO]
    open_seekable: Callable[[], BinaryIO]
    spool: Callable[[int], AbstractContextManager[Spool]]
    #: Told the first bytes of the file, and of what is in it where it is compressed; raises to refuse it.
    begins: Callable[[bytes], None] = lambda _: None
    failures: list[Exception] = field(default_factory=list, compare=False)
    read: list[int] = field(default_factory=lambda: [0], compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in chunks of ``READ_SIZE``; ``UnreadableFile`` when they are cut or corrupt."""
        if self.size == 0:
            raise UnreadableFile(f"{self.uri} is empty: not even a header.", code="empty_file")
        with self._watched(self.open_stream, READ_SIZE) as stream:
            first = stream.read(READ_SIZE)
            self.begins(first)
            kind = self._kind(first)
            if kind == "none":
                yield first
                yield from iter(lambda: stream.read(READ_SIZE), b"")
                return
            for number, piece in enumerate(self._inflated(_Again(first, stream), kind)):
                if number == 0:
                    self.begins(piece)
                self.counted(len(piece))
                yield piece

    def counted(self, size: int) -> None:
        """Add to the count of bytes or values read; ``FileTooLarge`` when it exceeds what a call has time for.

        A few compressed bytes can stand for any number of records.
        """
        self.read[0] += size
        if self.read[0] > MOST_READ:
            raise FileTooLarge(
                f"{self.uri} holds more than {MOST_READ:,} bytes once it is unpacked, of {self.size:,} as it is; one"
                " function call reads no more.",
                file=self.uri,
            )

    def seekable(self, buffer_size: int = READ_SIZE) -> BinaryIO:
        """Return the file as a seekable stream of its bytes, not decompressed."""
        return self._watched(self.open_seekable, buffer_size)

    def put_away(self, sequence: int) -> AbstractContextManager[Spool]:
        """Open an object for a long record, numbered by ``sequence``."""
        return _WatchedSpool(self.spool, sequence, self.failures)

    def _watched(self, opened: Callable[[], BinaryIO], buffer_size: int) -> BinaryIO:
        watched: Any = _Watched(_watch(opened, self.failures), self.failures)
        return io.BufferedReader(watched, buffer_size)

    def _kind(self, first: bytes) -> str:
        """Return the compression that the first bytes show; ``UnreadableFile`` when the contract's is not there."""
        found = "gzip" if first.startswith(_GZIP_MAGIC) else "zstd" if first.startswith(_ZSTD_MAGIC) else "none"
        if found == "none" and self.compression in ("gzip", "zstd"):
            raise UnreadableFile(
                f"{self.uri} is not {self.compression}: it begins with {first[:4]!r}.", code="wrong_compression"
            )
        return found

    def _inflated(self, compressed: Any, kind: str) -> Iterator[bytes]:
        """Decompress one frame after another; the last one must be complete."""
        try:
            with pa.CompressedInputStream(pa.PythonFile(compressed, mode="r"), kind) as stream:
                # Into a buffer of our own: pyarrow 25.0.1 leaks the buffer that read() makes when decompressing fails.
                piece = bytearray(READ_SIZE)
                while size := stream.readinto(piece):
                    yield bytes(memoryview(piece)[:size])
        except OSError as error:
            if self.failures:
                raise
            if "runcated" in str(error):
                raise UnreadableFile(
                    f"{self.uri} is truncated: its {kind} data has no end.", code="truncated"
                ) from error
            raise UnreadableFile(f"{self.uri} is broken {kind} data: {error}.", code="corrupt") from error


def _watch(work: Callable[[], _T], failures: list[Exception]) -> _T:
    """Return what ``work`` returns; remember an error that it raises, since a library may raise another one for it."""
    try:
        return work()
    except Exception as error:
        failures.append(error)
        raise


class _Watched(io.RawIOBase):
    """A file that remembers errors of storage."""

    def __init__(self, file: BinaryIO, failures: list[Exception]) -> None:
        self.file, self.failures = file, failures

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self.file.seekable()

    def readinto(self, buffer: Any) -> int:
        data = _watch(lambda: self.file.read(len(buffer)), self.failures)
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise ValueError("a place before the file's beginning")  # a corrupt footer may point there
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        self.file.close()
        super().close()


class _WatchedSpool:
    """A spool that remembers errors of storage."""

    pointer = ""

    def __init__(
        self, spool: Callable[[int], AbstractContextManager[Spool]], sequence: int, failures: list[Exception]
    ) -> None:
        self.opened, self.sequence, self.failures = spool, sequence, failures

    def __enter__(self) -> _WatchedSpool:
        self.within = _watch(lambda: self.opened(self.sequence), self.failures)
        self.inner = _watch(self.within.__enter__, self.failures)
        self.pointer = self.inner.pointer
        return self

    def write(self, data: bytes) -> None:
        _watch(lambda: self.inner.write(data), self.failures)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            self.within.__exit__(kind, error, trace)
        except Exception as other:
            if other is not error:
                self.failures.append(other)
            raise


class _Again(io.RawIOBase):
    """A stream that returns bytes already read once more, then the rest of another stream."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self.first, self.rest = io.BytesIO(first), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.first.read(len(buffer)) or self.rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class BytesSpool(io.BytesIO):
    """A spool in memory, for tests and for reading local files."""

    pointer = "memory:"
