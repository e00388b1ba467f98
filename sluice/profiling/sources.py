"""Opens files of this machine as deliveries, whole or as much of their beginning as is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from sluice.errors import UnreadableFile, WrongArgument
from sluice.ingestion.lines import MAX_RECORD
from sluice.ingestion.source import ByteSource, BytesSpool

#: Bytes, unpacked, that are read of all files together.
MOST_LOOKED_AT = 128 << 20
#: Lines that are read of each file: a short one costs as much as any other.
MOST_LINES = 4_000_000
#: Bytes, unpacked, that are read of each file of a folder at least, as far as it has them.
_LEAST_OF_EACH = 1 << 20
#: The first bytes, among which letters of several bytes have a zero.
_LETTERS_TOLD_BY = 4096
#: What a value of Parquet takes, about.
_VALUE_BYTES = 8
#: Files of a folder that are looked at.
_MOST_FILES = 1_000


@dataclass(frozen=True)
class Sampled(ByteSource):
    """A file of this machine, of which ``most`` bytes are read; ``cut`` is not empty once that left out a rest.

    ``more`` is how many files come after it that are not looked at.
    """

    most: int = MOST_LOOKED_AT
    more: int = 0
    cut: list[bool] = field(default_factory=list, compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield the unpacked bytes up to the last line end among the first ``most``."""
        left, lines, held, amid = self.most, 0, b"", True
        marks: tuple[bytes, ...] = ()
        for number, chunk in enumerate(super().chunks()):
            if number == 0:
                marks = _line_ends(chunk[:_LETTERS_TOLD_BY])
            left = left if lines < MOST_LINES else 0
            lines += chunk.count(b"\n")
            # The line that the last chunk began may be the one that is cut: it waits for its end.
            held += chunk[:left]
            end = _last_line_end(held, marks)
            if len(chunk) > left:
                self.cut.append(True)
                yield held[: end or (len(held) - len(held) % 4) * amid]
                return
            left -= len(chunk)
            if not end and len(held) > MAX_RECORD:
                end, amid = len(held), True  # so long a line is no record: an array of JSON, perhaps
            elif end:
                amid = False
            if end:
                yield held[:end]
                held = held[end:]
        if held:
            yield held

    def enough(self, values: int) -> bool:
        """Return whether so many values of Parquet, which is not cut, are as much as is looked at."""
        return values * _VALUE_BYTES > self.most

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return Path(self.uri)


def _line_ends(head: bytes) -> tuple[bytes, ...]:
    """Return how a line ends in what begins so: in UTF-32, UTF-16, of either order of bytes, or in all else."""
    if b"\0\0\0" in head:
        return b"\n\0\0\0", b"\0\0\0\n"
    return (b"\n\0", b"\0\n") if b"\0" in head else (b"\n",)


def _last_line_end(text: bytes, marks: Sequence[bytes]) -> int:
    """Return where the last whole line ends, by the first of the marks that is there; 0 when none is.

    A mark stands at a multiple of its length.
    """
    for mark in marks:
        at = text.rfind(mark)
        while at > 0 and at % len(mark):
            at = text.rfind(mark, 0, at + len(mark) - 1)
        if at >= 0:
            return at + len(mark)
    return 0


def sources_of(place: Path) -> list[Sampled]:
    """Return the file, or all files of the folder, in order; ``WrongArgument`` when there is none with a byte in it."""
    if not place.exists():
        raise WrongArgument(
            f"There is no file or folder {place}.",
            next_step="check the path: a file, a folder, or a table of Athena such as sales.orders.",
            file=str(place),
        )
    paths = _files(place) if place.is_dir() else [place]
    if not place.is_dir() and not place.is_file():
        raise WrongArgument(f"{place} is no file.", next_step="name a file or a folder.", file=str(place))
    filled = [path for path in paths if path.stat().st_size]
    if not filled:
        what = "is empty: it has not one byte" if place.is_file() else "holds no file with a byte in it"
        raise WrongArgument(f"{place} {what}.", next_step="name a file with records.", file=str(place))
    some = filled[:_MOST_FILES]
    most = max(_LEAST_OF_EACH, MOST_LOOKED_AT // len(some))
    found = [_source(path, most) for path in some]
    return [*found[:-1], replace(found[-1], more=len(filled) - len(some))]


def empty_files(place: Path) -> list[Path]:
    """Return the files of a folder that have no byte."""
    return [path for path in _files(place) if not path.stat().st_size] if place.is_dir() else []


def head_of(source: Sampled, most: int = 1 << 20) -> bytes:
    """Return the first unpacked bytes; ``WrongArgument`` when they cannot be unpacked."""
    found = bytearray()
    try:
        for chunk in source.chunks():
            found += chunk
            if len(found) >= most:
                break
    except UnreadableFile as error:
        raise WrongArgument(error.what, next_step="pack it again, or name another file.", file=source.uri) from error
    return bytes(found[:most])


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in found if not any(part.startswith((".", "_")) for part in p.relative_to(folder).parts))


def _source(path: Path, most: int) -> Sampled:
    return Sampled(
        uri=str(path),
        size=path.stat().st_size,
        compression="auto",
        open_stream=lambda: path.open("rb"),
        open_seekable=lambda: path.open("rb"),
        spool=lambda _: nullcontext(BytesSpool()),
        most=most,
    )


def left_out(sources: Sequence[Sampled]) -> bool:
    """Return whether any file has more than was read of it, or there are more files."""
    return any(source.cut or source.more for source in sources)
