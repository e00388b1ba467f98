"""Reads delimited text: RFC 4180 with any delimiter, with or without a header.

One grammar (``csv_grammar``) decides what a record is. Arrow's parser gets only records that the grammar accepts, which
it reads in the same way, and turns them into columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from sluice.contracts import LandingContract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import BLOCK_SIZE, MAX_RECORD, Oversized, begins_oversized, put_away
from sluice.ingestion.readers.csv_grammar import AMBIGUOUS, Grammar, grammar_of
from sluice.ingestion.readers.csv_split import Lines, Run, Search
from sluice.ingestion.readers.text import is_clean, some_of, too_long, undecodable, utf8_chunks
from sluice.ingestion.records import ROWS_AT_ONCE, Block, Reason, Rejected, consecutive
from sluice.ingestion.source import ByteSource

_MAX_HEADER = 1 << 20
_BLANK = pa.array([b"", b"\r"], pa.binary())


@dataclass(frozen=True)
class _Layout:
    """How one file's fields map to columns: ``fields`` in file order, ``wanted`` contract columns by field name."""

    fields: tuple[str, ...]
    wanted: dict[str, str]
    grammar: Grammar
    null_values: tuple[str, ...]


@dataclass(frozen=True)
class _Text:
    """Whole records: ``runs`` of ``lines``, each with its number of records, or ``data`` that the grammar accepts."""

    data: bytes
    lines: Lines | None = None
    spans: tuple[tuple[Run, int], ...] = ()


def read_csv(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    """Yield the file's records; raise ``UnreadableFile`` when its header is not the contract's."""
    arrival = contract.arrival
    chunks = utf8_chunks(source, arrival)
    if arrival.header:
        layout, chunks = _read_header(chunks, source, contract)
    else:
        layout = _layout(tuple(column.header for column in contract.columns), contract)
    first = 1
    for text in _texts(source, chunks, layout.grammar):
        if isinstance(text, Oversized):
            yield Block(first, 0, _no_rows(layout), lambda _: [], rejected=[too_long(text, first)])
            first += 1
            continue
        parsed = _parse(text, layout, first)
        first += parsed.rows + len(parsed.rejected)
        yield parsed


def _no_rows(layout: _Layout) -> dict[str, pa.Array]:
    return {name: pa.array([], pa.string()) for name in layout.wanted.values()}


def _read_header(
    chunks: Iterator[bytes], source: ByteSource, contract: LandingContract
) -> tuple[_Layout, Iterator[bytes]]:
    """Return the layout that the first record gives, and the chunks after it."""
    grammar = grammar_of(contract.arrival)
    begun = b""
    for chunk in chunks:
        begun += chunk
        if len(begun) > 2 * _MAX_HEADER:
            break
    found = grammar.first.match(begun)
    if found is not None and not found[1]:
        raise UnreadableFile(f"{source.uri} holds no header and no record.", code="empty_file")
    header = begun.split(b"\n", 1)[0] if found is None else found[1]
    if len(header) > _MAX_HEADER:
        raise UnreadableFile(f"{source.uri}: the header line is over 1 MiB long.", code="header_mismatch")
    if reason := undecodable(header):
        raise UnreadableFile(f"{source.uri}: the header is not UTF-8: {reason.message}.", code="wrong_encoding")
    if found is None or grammar.two_meanings(header):
        why = grammar.wrong_with(header) if found is None else AMBIGUOUS
        raise UnreadableFile(
            f"{source.uri}: the header {header[:200].decode(errors='replace')!r} is no record: {why.message}.",
            code="header_mismatch",
            value=header[:200].decode(errors="replace"),
            next_step="mend the header; lines end with a line feed, or a carriage return and a line feed.",
        )
    names = header_names(grammar.fields(header))
    _refuse_other_header(names, header.decode(), source, contract)
    return _layout(names, contract), chain((begun[found.end() :],), chunks)


def header_names(fields: Sequence[str]) -> tuple[str, ...]:
    """Return the columns' names in a header: its fields without blanks around them."""
    return tuple(field.strip() for field in fields)


def _fold(name: str) -> str:
    """Return a column's name without its case, and without what joins its words."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _refuse_other_header(names: Sequence[str], text: str, source: ByteSource, contract: LandingContract) -> None:
    known = [column.header for column in contract.columns]
    # A file with none of the columns is another file, though each of them may be left out: it would be rows of nulls.
    foreign = not set(names) & set(known)
    missing = [c.header for c in contract.columns if c.header not in names and (foreign or contract.must_be_present(c))]
    extra = [name for name in names if name not in known]
    folded = {folded: name for name in extra if (folded := _fold(name))}
    # One that is not needed would be null in every row, without a word.
    near = {c.header: folded[_fold(c.header)] for c in contract.columns
            if c.header not in names and _fold(c.header) in folded}  # fmt: skip
    if near:
        wanted, found = (", ".join(map(repr, names)) for names in (near, near.values()))
        raise UnreadableFile(
            f"{source.uri}: the header {text[:200]!r} says {found}, and the contract {wanted}; a header is the "
            "same letter by letter.",
            code="header_mismatch",
            value=found,
            next_step=f"write {wanted} in the header and upload the file again; or declare {found} as physicalName at "
            "the column in the contract.",
        )
    if not missing and not (extra and contract.arrival.extra_columns == "reject"):
        # Columns without a name, as a delimiter at each line's end makes them, are no column of the contract.
        if any(names.count(name) > 1 for name in known):
            raise UnreadableFile(
                f"{source.uri}: the header names a column twice: {text[:200]!r}.",
                code="header_mismatch",
                value=text[:200],
            )
        return
    hint, around = "", f" {contract.arrival.quote}\r"
    for other in ",;\t|":
        if other != contract.arrival.delimiter and set(known) & {part.strip(around) for part in text.split(other)}:
            hint = f" The delimiter looks like {other!r}; the contract says {contract.arrival.delimiter!r}."
    if foreign and not hint:
        hint = " The first line looks like a record, not a header."
    blame = f"lacks {some_of(missing)}" if missing else f"has {some_of(extra)}, which the contract rejects"
    raise UnreadableFile(
        f"{source.uri}: the header {text[:200]!r} {blame}.{hint}",
        code="header_mismatch",
        next_step=f"mend the file, or {contract.file}, and upload it again.",
        column=(missing or extra)[0],
        value=text[:200],
    )


def _layout(names: tuple[str, ...], contract: LandingContract) -> _Layout:
    by_header = {column.header: column.name for column in contract.columns}
    return _Layout(
        fields=names,
        wanted={name: by_header[name] for name in names if name in by_header},
        grammar=grammar_of(contract.arrival),
        null_values=contract.arrival.null_values,
    )


def _texts(source: ByteSource, chunks: Iterator[bytes], grammar: Grammar) -> Iterator[_Text | Oversized]:
    """Yield the file as whole records, or records that are too long; where chunks end does not change the records."""
    pending = bytearray()
    enough, sequence = BLOCK_SIZE, 0
    for chunk in chunks:
        pending += chunk
        if len(pending) < enough:
            continue
        if begins_oversized(pending):
            sequence += 1
            oversized, pending = put_away(source, pending, chunks, sequence)
            yield oversized
        yield from _whole(pending, grammar, final=False)
        enough = len(pending) + BLOCK_SIZE
    yield from _whole(pending, grammar, final=True)


def _whole(pending: bytearray, grammar: Grammar, *, final: bool) -> Iterator[_Text]:
    """Yield the whole records at the beginning of ``pending``, as many at a time as memory has room for."""
    while pending and (final or len(pending) >= BLOCK_SIZE):
        data = bytes(memoryview(pending)[: _likely_boundary(pending, grammar.quote, final=final)])
        # The guess may be wrong; what keeps to the grammar from end to end is whole records all the same.
        if data and len(data) <= MAX_RECORD and is_clean(data) and grammar.conforms(data):
            yield _Text(data)
            del pending[: len(data)]
            continue
        search = Search(bytes(pending), grammar, final=final)
        runs = _decodable(search.lines, search.spans())
        counted = _counted(search.lines, runs)
        while part := tuple(islice(counted, ROWS_AT_ONCE)):
            yield _Text(b"", search.lines, part)
        del pending[: search.used]
        return


def _likely_boundary(pending: bytearray, quote: bytes, *, final: bool) -> int:
    """Return the offset where the last whole record seems to end, found by counting quotes; 0 when there is none."""
    data, most = pending, ROWS_AT_ONCE
    if (lines := pending.count(b"\n")) > most:
        data = pending[: len(pending) * most // lines]
    elif final:
        return len(pending)
    end = data.rfind(b"\n")
    if not quote or quote not in data:
        return end + 1
    inside = data.count(quote, 0, end) % 2 == 1 if end >= 0 else False
    while end >= 0 and inside:
        previous = data.rfind(b"\n", 0, end)
        inside ^= data.count(quote, max(previous, 0), end) % 2 == 1
        end = previous
    return end + 1


def _parse(text: _Text, layout: _Layout, first: int) -> Block:
    if text.lines is None:
        return _parse_conforming(text.data, layout, first, None, [])
    pieces: list[bytes] = []
    numbers: list[range] = []
    rejected: list[Rejected] = []
    number = first
    for run, records in text.spans:
        if run.reason is not None:
            rejected.append(Rejected(number, (run.reason,), text.lines.bytes_of(run.first, run.end)))
        elif records:
            pieces.append(text.lines.bytes_of(run.first, run.end))
            numbers.append(range(number, number + records))
        number += records
    positions = pa.array(chain.from_iterable(numbers), pa.int64())
    return _parse_conforming(b"\n".join(pieces), layout, first, positions, rejected)


def _decodable(lines: Lines, runs: Iterator[Run]) -> Iterator[Run]:
    """Yield the runs; records that are not valid text become runs of their own, which are refused."""
    if is_clean(lines.data):
        yield from runs
        return
    for run in runs:
        if run.reason is not None and run.reason.code == "record_too_long":
            yield run  # one that is put away in pieces is not decoded either
            continue
        if run.joined or run.reason is not None:
            reason = undecodable(lines.bytes_of(run.first, run.end)) or run.reason
            yield Run(run.first, run.end, run.joined, reason)
            continue
        at = run.first
        for line in range(run.first, run.end):
            if reason := undecodable(lines[line]):
                if line > at:
                    yield Run(at, line)
                yield Run(line, line + 1, reason=reason)
                at = line + 1
        if at < run.end:
            yield Run(at, run.end)


def _counted(lines: Lines, runs: Iterator[Run]) -> Iterator[tuple[Run, int]]:
    """Yield each run and how many records it holds; blank lines are not records."""
    blank = pc.is_in(lines.array, _BLANK)
    before = None
    if pc.any(blank).as_py():
        before = memoryview(pc.cumulative_sum(blank.cast(pa.int32())).buffers()[1]).cast("i")
    for run in runs:
        if run.joined or run.reason is not None:
            yield run, 1
        elif before is None:
            yield run, run.end - run.first
        else:
            yield run, run.end - run.first - before[run.end - 1] + (before[run.first - 1] if run.first else 0)


def _parse_conforming(
    data: bytes, layout: _Layout, first: int, positions: pa.Array | None, rejected: list[Rejected]
) -> Block:
    """Return records that the grammar accepts as a block; records with another number of fields are refused."""
    if not data.strip(b"\r\n"):
        return Block(first, 0, _no_rows(layout), lambda _: [], pa.array([], pa.int64()), rejected)
    table, invalid = _columns(data, layout)
    records = table.num_rows + len(invalid)
    if positions is None:
        positions = consecutive(first, records)
    elif len(positions) != records:
        raise AssertionError(f"{len(positions)} records by the grammar are {records} to the parser")
    originals = _Lazy(lambda: _records(data, layout.grammar))
    places = consecutive(0, records)
    if invalid:
        skipped = pa.array([place for place, _ in invalid], pa.int64())
        raws, numbers = originals.get().take(skipped).to_pylist(), positions.take(skipped).to_pylist()
        for (_, fields), raw, number in zip(invalid, raws, numbers, strict=True):
            rejected.append(Rejected(number, (_field_count(layout, fields),), raw))
        places = places.filter(pc.invert(pc.is_in(places, skipped)))

    def raw_of(rows: Sequence[int]) -> list[bytes]:
        return list(originals.get().take(places.take(pa.array(rows, pa.int64()))).to_pylist())

    columns = {layout.wanted[name]: _one(table[name]) for name in layout.wanted}
    return Block(first, table.num_rows, columns, raw_of, positions.take(places), rejected)


def _columns(data: bytes, layout: _Layout) -> tuple[pa.Table, list[tuple[int, int]]]:
    """Return the wanted columns as text, and index and number of fields of each record with another number of them."""
    invalid: list[tuple[int, int]] = []
    included = list(layout.wanted) or list(layout.fields[:1])  # Arrow takes none for all

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append((row.number - 1, row.actual_columns))
        return "skip"

    grammar = layout.grammar
    marks = [mark for mark in (grammar.quote, grammar.escape) if mark]
    data = grammar.for_arrow(data)
    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=list(layout.fields)),
        pyarrow.csv.ParseOptions(
            delimiter=grammar.delimiter,
            quote_char=grammar.quote.decode() or False,
            double_quote=not grammar.escape,
            escape_char=grammar.escape.decode() or False,
            newlines_in_values=any(mark in data for mark in marks),
            invalid_row_handler=skip,
            ignore_empty_lines=True,
        ),
        pyarrow.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(included, pa.string()),
            include_columns=included,
            null_values=list(layout.null_values),
            strings_can_be_null=True,
        ),
    )
    return table, invalid


def _records(data: bytes, grammar: Grammar) -> pa.Array:
    """Return the records of a text that the grammar accepts, each without its line end."""
    search = Search(data, grammar, final=True)
    lines, runs = search.lines, list(search.spans())
    if not any(run.joined for run in runs):
        kept = lines.array.filter(pc.invert(pc.is_in(lines.array, _BLANK)))
        return pc.replace_substring_regex(kept, r"\r\z", "") if b"\r" in data else kept
    found: list[bytes] = []
    for run in runs:
        if run.joined:
            found.append(lines.bytes_of(run.first, run.end))
        else:
            found += (lines.bytes_of(line, line + 1) for line in range(run.first, run.end))
    return pa.array([record for record in found if record], pa.binary())


class _Lazy:
    """A block's records as bytes, split only when one of them is needed."""

    def __init__(self, cut: Callable[[], pa.Array]) -> None:
        self._cut = cut
        self._records: pa.Array | None = None

    def get(self) -> pa.Array:
        """Return all records."""
        if self._records is None:
            self._records = self._cut()
        return self._records


def _one(chunks: pa.ChunkedArray) -> pa.Array:
    return chunks.chunk(0) if chunks.num_chunks == 1 else pa.concat_arrays(chunks.chunks)


def _field_count(layout: _Layout, found: int) -> Reason:
    return Reason("wrong_field_count", f"the record has {found} fields; the header has {len(layout.fields)}")
