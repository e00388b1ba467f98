"""Finds what format files are in and how they are written, and refuses what no reader takes, with the way out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from sluice.contracts import Arrival
from sluice.errors import UnreadableFile, WrongArgument
from sluice.ingestion.kinds import is_parquet, other_kind
from sluice.ingestion.readers.csv import header_names
from sluice.ingestion.readers.text import utf8_chunks
from sluice.profiling.dialects import Dialect, before_header, dialect_of, has_header, sample_of
from sluice.profiling.encodings import binary, encoding_of
from sluice.profiling.records import LOG_COLUMNS
from sluice.profiling.sources import Sampled, head_of
from sluice.shortened import shortened

#: Text of all files together from which it is told how they are written.
_SAMPLE = 256 << 10
_LOG_LINE = re.compile(rb'\S+ \S+ \S+ \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}\] "')


@dataclass(frozen=True)
class Layout:
    """What all files have in common: ``headers`` are the columns' names in them, in order; of JSON there are none yet.

    ``unsure`` says how sure the encoding is. ``generated`` are headers that no file has, since none has a header.
    """

    format: str
    dialect: Dialect
    headers: tuple[str, ...] = ()
    unsure: str = ""
    sample: bytes = b""
    notes: tuple[str, ...] = ()

    @property
    def nulls(self) -> tuple[str, ...]:
        """Return the texts that stand for no value by how the files are written: with backslashes, as MySQL dumps."""
        return ("\\N",) if self.format == "csv" and self.dialect.escape == "\\" else ()

    def arrival(self, nulls: Sequence[str] = ("",)) -> Arrival:
        """Return how such files arrive."""
        if self.format == "parquet":
            return Arrival(format="parquet")
        return self.dialect.arrival(self.format, nulls)


def layout_of(sources: Sequence[Sampled], encoding: str = "") -> Layout:
    """Return what the files have in common; ``WrongArgument`` names the file that no reader takes, or that differs.

    ``encoding`` is theirs where it is known.
    """
    heads = {source.uri: head_of(source, 4096) for source in sources}
    kinds = Counter(map(is_parquet, heads.values()))
    for source in sources:
        _refuse_other_kind(source.path, heads[source.uri])
    if len(kinds) > 1:
        odd = next(name for name, head in heads.items() if is_parquet(head) != is_parquet(heads[sources[0].uri]))
        kind = "Parquet" if is_parquet(heads[odd]) else "text"
        raise _differ(f"{sources[0].uri} and {odd} are of different formats: one is Parquet, one is text", odd, kind)
    if is_parquet(heads[sources[0].uri]):
        return Layout("parquet", Dialect(), _parquet_names(sources))
    unsure = ""
    if not encoding:
        encoding, unsure = encoding_of(sources)
    texts = {source.uri: _text(source, encoding, len(sources)) for source in sources}
    for uri, text in texts.items():
        if b"\0" in text:
            raise binary(uri)
    formats = {uri: _format(text) for uri, text in texts.items() if text.strip()}
    if not formats:
        raise WrongArgument(
            f"{sources[0].uri} holds blank lines alone.", next_step="name a file with records.", file=sources[0].uri
        )
    if len(set(formats.values())) > 1:
        by_format = {format_: uri for uri, format_ in formats.items()}
        said = ", ".join(f"{uri} is {format_}" for format_, uri in by_format.items())
        odd = next(uri for uri, format_ in formats.items() if format_ != next(iter(formats.values())))
        raise _differ(f"the files are of different formats: {said}", odd, formats[odd])
    (format_,) = set(formats.values())
    found = Layout(format_, Dialect(encoding=encoding), unsure=unsure, sample=b"\n".join(texts.values()))
    if format_ == "access_log":
        return replace(found, headers=LOG_COLUMNS)
    return _delimited(found, {uri: text for uri, text in texts.items() if text.strip()}) if format_ == "csv" else found


def _differ(what: str, file: str, value: str | None = None) -> WrongArgument:
    """Return the error for files that are not alike: ``file`` is one that differs, ``value`` what it has or is."""
    return WrongArgument(
        f"{what[0].upper()}{what[1:]}.",
        next_step="a dataset's files are all alike: name one file, or put each kind into a folder of its own.",
        file=file,
        value=value,
    )


def _refuse_other_kind(path: Path, head: bytes) -> None:
    found = other_kind(head, lambda: path.open("rb"))
    # Letters that another kind begins with may be a column's name; a page's do not.
    if found is not None and (found.sure or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")):
        raise WrongArgument(
            f"{path} is {found.what}; no reader takes it.", next_step=f"{found.way_out}; name that.", file=str(path)
        )


def _parquet_names(sources: Sequence[Sampled]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for source in sources:
        try:
            found = pq.read_schema(source.path).names
        except (OSError, ValueError) as error:
            raise WrongArgument(
                f"{source.uri} is no whole Parquet file: {shortened(str(error))}.",
                next_step="fetch or write it again.",
                file=source.uri,
            ) from error
        _refuse_twice(found, source.uri)
        if names and len(set(found) & set(names)) * 2 < len(set(found) | set(names)):
            raise _differ(
                f"{source.uri} has other columns than the files before it: {_some(found)}", source.uri, _some(found)
            )
        names.update(dict.fromkeys(found))
    return tuple(names)


def _text(source: Sampled, encoding: str, files: int) -> bytes:
    """Return the beginning of a file as whole lines of UTF-8; what cannot be decoded is replaced."""
    most = max(4096, _SAMPLE // files)
    found = bytearray()
    try:
        for chunk in utf8_chunks(source, Arrival(format="csv", encoding=encoding)):
            found += chunk
            if len(found) >= most:
                break
    except UnreadableFile as error:
        if not found:
            raise WrongArgument(
                error.what, next_step="name the encoding: `--encoding NAME`.", file=source.uri
            ) from error
    text = bytes(found)
    if len(text) > most and (end := text.rfind(b"\n", 0, most) + 1):
        text = text[:end]
    return text.decode(errors="replace").encode()


def _format(text: bytes) -> str:
    """Return the format of text."""
    begun = text.lstrip()
    if begun[:1] in (b"{", b"["):
        lines = [line for line in begun.split(b"\n")[:20] if line.strip()]
        whole = [_is_object(line) for line in (lines[:-1] if len(lines) > 2 else lines)]
        if begun[:1] == b"{" and sum(whole) * 2 >= len(whole):
            return "ndjson"
        if begun[:1] == b"{" or re.match(rb"\[\s*(?:[\[{\"]|\]|-?[0-9]|$)", begun):
            return "json"
    if _LOG_LINE.match(begun):
        return "access_log"
    return "ndjson" if _begins_late(begun) else "csv"


def _begins_late(text: bytes) -> bool:
    """Return whether lines of JSON come after lines that are none, as after a licence."""
    lines = [line for line in text.split(b"\n")[:200] if line.strip()]
    first = next((number for number, line in enumerate(lines) if line.startswith(b"{")), len(lines))
    found = list(map(_is_object, lines[first:]))
    return bool(found) and all(found[:-1] or found)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _delimited(found: Layout, texts: dict[str, bytes]) -> Layout:
    """Return the layout with dialect and headers of delimited text."""
    dialect = replace(dialect_of(found.sample), encoding=found.dialect.encoding)
    first = next(iter(texts))
    rows = {uri: sample_of(text, dialect) for uri, text in texts.items()}
    rows = {uri: some for uri, some in rows.items() if some}
    for uri, text in texts.items():
        if b"\r" in text and b"\n" not in text:
            raise WrongArgument(
                f"{uri}: its lines end with a carriage return alone, as on an old Macintosh.",
                next_step="`tr '\\r' '\\n' < FILE > NEW`, and name the new file.",
                file=uri,
            )
    if not rows:
        raise WrongArgument(f"{first} holds no record.", next_step="name a file with records.", file=first)
    for uri, some in rows.items():
        _refuse_preamble(uri, texts[uri], [len(row) for row in some])
    dialect = replace(dialect, header=has_header(next(iter(rows.values()))))
    _refuse_mixed(rows, dialect)
    if not dialect.header:
        widths = {uri: len(some[0]) for uri, some in rows.items()}
        width = next(iter(widths.values()))
        if odd := next((uri for uri in widths if widths[uri] != width), ""):
            raise _differ(
                f"the files have no header, and different numbers of columns: {next(iter(widths))} has {width}, {odd} "
                f"has {widths[odd]}", odd, str(widths[odd])
            )  # fmt: skip
        headers = tuple(f"column_{place}" for place in range(1, width + 1))
        return replace(found, dialect=dialect, headers=headers)
    named = {uri: header_names(some[0]) for uri, some in rows.items()}
    return replace(found, dialect=dialect, headers=_joined(named))


def _refuse_mixed(rows: dict[str, list[list[str]]], dialect: Dialect) -> None:
    """Raise ``WrongArgument`` when some of the files have a header and others have none."""
    first = next(iter(rows))
    names = set(header_names(rows[first][0]))
    for uri, some in rows.items():
        same = bool(names & set(header_names(some[0])))
        if has_header(some) != dialect.header and not (dialect.header and same):
            one, other = (first, uri) if dialect.header else (uri, first)
            raise _differ(f"{one} begins with a header, {other} with a record", other)


def _refuse_preamble(uri: str, text: bytes, counts: Sequence[int]) -> None:
    before = before_header(counts)
    if re.match(rb"(?i)\"?sep=.\"?\r?\n", text):
        before = 1  # how a spreadsheet is told the delimiter
        counts = [1, *counts[1:]]
    if not before:
        return
    usual = Counter(counts).most_common(1)[0][0]
    if before == 1 and counts[0] > 1:
        raise WrongArgument(
            f"{uri}: the first line has {counts[0]} fields and those below have {usual}: it names other columns than"
            " there are.",
            next_step="mend the file's header, or remove the line if it is none, and name the file again.",
            file=uri,
            position=1,
        )
    line = text.split(b"\n", 1)[0].decode(errors="replace").strip()
    raise WrongArgument(
        f"{uri}: {f'{before} lines stand' if before > 1 else 'a line stands'} before the header,"
        f" {shortened(line, 60)!r}{' first' * (before > 1)}; a delivered file begins with its header.",
        next_step=f"have them left out where the file is made; here: `tail -n +{_line_of(text, before)} FILE > NEW`.",
        file=uri,
        position=1,
    )


def _line_of(text: bytes, before: int) -> int:
    """Return the line, from 1, after so many lines that are not blank."""
    seen = 0
    for number, line in enumerate(text.split(b"\n"), 1):
        if line.strip() and (seen := seen + 1) > before:
            return number
    return before + 1


def _joined(named: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the columns of all files; ``WrongArgument`` when they are too different, or one is there twice."""
    found: dict[str, None] = {}
    for uri, names in named.items():
        _refuse_twice([name for name in names if name], uri)
        if found and len(set(names) & set(found)) * 2 < len(set(names) | set(found)):
            raise _differ(f"the files have different columns: {_groups(named)}", uri, _some(names))
        found.update(dict.fromkeys(names))
    return tuple(found)


def _groups(named: dict[str, tuple[str, ...]]) -> str:
    """Return in words which columns how many of the files have, with one of each as an example."""
    said = []
    for header, count in Counter(named.values()).most_common(4):
        example = next(uri for uri, names in named.items() if names == header)
        said.append(f"{count} {'has' if count == 1 else 'have'} {_some(header)} (as {example})")
    return "; ".join(said)


def _refuse_twice(names: Sequence[str], uri: str) -> None:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise WrongArgument(
            f"{uri} names the column {twice[0]!r} twice; which one is meant cannot be told.",
            next_step="give each column of the file a name of its own.",
            file=uri,
            column=twice[0],
        )


def _some(names: Sequence[str]) -> str:
    return shortened(", ".join(names), 80)
