"""Delimited text: RFC 4180 with any delimiter, with or without a header."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from sluice.contracts import Contract
from sluice.errors import UnreadableFile
from sluice.ingestion.lines import Lines, Oversized, record_blocks, records_of
from sluice.ingestion.readers.text import is_clean, too_long, undecodable, utf8_chunks
from sluice.ingestion.records import Block, Reason, Rejected
from sluice.ingestion.source import Source

#: A quoted field may go on over this many lines; after that its quote is taken as stray.
_MAX_LINES_IN_A_FIELD = 1000


@dataclass(frozen=True)
class _Layout:
    """How one file's fields map to columns: ``fields`` in file order, ``wanted`` contract columns by field name."""

    fields: tuple[str, ...]
    wanted: dict[str, str]
    delimiter: str
    null_values: tuple[str, ...]


def read_csv(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the file's records; ``UnreadableFile`` when its header is not the contract's."""
    arrival = contract.arrival
    assert arrival is not None
    layout = None
    if not arrival.header:
        names = tuple(column.header for column in contract.columns)
        layout = _layout(names, contract)
    first = 1
    for block in record_blocks(source, utf8_chunks(source, arrival), quoted=True):
        if isinstance(block, Oversized):
            if layout is None:
                raise UnreadableFile(f"{source.uri}: the header line is over 8 MiB long.", code="header_mismatch")
            yield Block(first, 0, _no_rows(layout), lambda _: [], rejected=[too_long(block, first)])
            first += 1
            continue
        if layout is None:
            layout, block = _read_header(block, source, contract)  # noqa: PLW2901
        parsed = _parse(block, layout, first)
        first += parsed.rows + len(parsed.rejected)
        yield parsed
    if layout is None:
        raise UnreadableFile(f"{source.uri} holds no header and no record.", code="empty_file")


def _no_rows(layout: _Layout | None) -> dict[str, pa.Array]:
    return {} if layout is None else {name: pa.array([], pa.string()) for name in layout.wanted.values()}


def _read_header(block: Lines, source: Source, contract: Contract) -> tuple[_Layout, Lines]:
    data = block.data
    end = data.find(b"\n")
    line, rest = (data, b"") if end < 0 else (data[:end], data[end + 1 :])
    assert contract.arrival is not None
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{source.uri}: the header is not UTF-8: {error}.", code="wrong_encoding") from error
    names = tuple(name.strip() for name in next(csv.reader([text], delimiter=contract.arrival.delimiter), []))
    _refuse_other_header(names, text, source, contract)
    return _layout(names, contract), Lines(rest, block.suspect)


def _refuse_other_header(names: Sequence[str], text: str, source: Source, contract: Contract) -> None:
    assert contract.arrival is not None
    known = [column.header for column in contract.columns]
    missing = [c.header for c in contract.columns if c.header not in names and contract.must_be_present(c)]
    extra = [name for name in names if name not in known]
    if not missing and not (extra and contract.arrival.extra_columns == "reject"):
        if len(set(names)) < len(names):
            raise UnreadableFile(f"{source.uri}: the header names a column twice: {text!r}.", code="header_mismatch")
        return
    hint = ""
    for other in ",;\t|":
        if other != contract.arrival.delimiter and set(known) & {part.strip(' "\r') for part in text.split(other)}:
            hint = f" The delimiter looks like {other!r}; the contract says {contract.arrival.delimiter!r}."
    if not set(names) & set(known) and not hint:
        hint = " The first line looks like a record, not a header."
    blame = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(extra)}, which the contract rejects"
    raise UnreadableFile(
        f"{source.uri}: the header {text[:200]!r} {blame}.{hint}",
        code="header_mismatch",
        safe="nothing of the file was committed.",
        next_step=f"mend the file, or {contract.file}, and upload it again.",
    )


def _layout(names: tuple[str, ...], contract: Contract) -> _Layout:
    assert contract.arrival is not None
    by_header = {column.header: column.name for column in contract.columns}
    return _Layout(
        fields=names,
        wanted={name: by_header[name] for name in names if name in by_header},
        delimiter=contract.arrival.delimiter,
        null_values=contract.arrival.null_values,
    )


def _parse(block: Lines, layout: _Layout, first: int) -> Block:
    """Parse a whole block at once; line by line only when that does not add up."""
    quoted = b'"' in block.data
    if not block.suspect and is_clean(block.data):
        try:
            parsed = _parse_at_once(block.data, layout, first, quoted=quoted)
        except pa.ArrowInvalid:
            parsed = None  # a quote that does not close, or a row over Arrow's limits: look at single lines
        if parsed is not None:
            return parsed
    return _parse_by_line(block.data, layout, first)


def _parse_at_once(data: bytes, layout: _Layout, first: int, *, quoted: bool) -> Block | None:
    if not data.strip(b"\r\n"):
        return Block(first, 0, _no_rows(layout), lambda _: [])
    invalid: list[tuple[int, int]] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        invalid.append((row.number, row.actual_columns))
        return "skip"

    table = pyarrow.csv.read_csv(
        pa.BufferReader(data),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=list(layout.fields)),
        pyarrow.csv.ParseOptions(
            delimiter=layout.delimiter, newlines_in_values=quoted, invalid_row_handler=skip, ignore_empty_lines=True
        ),
        pyarrow.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(layout.wanted, pa.string()),
            include_columns=list(layout.wanted),
            null_values=list(layout.null_values),
            strings_can_be_null=True,
        ),
    )
    records = table.num_rows + len(invalid)
    if records == data.count(b"\n") + (not data.endswith(b"\n")) and b"\r" not in data:
        # Every line is one record: the usual case, told without looking at single lines.
        lines = _Lazy(lambda: pc.split_pattern(pa.array([data], pa.binary()), b"\n").values)
    else:
        found = records_of(data, quoted=quoted)
        if len(found) != records or not _closed(found, layout.delimiter):
            return None
        lines = _Lazy(lambda: pa.array(found, pa.binary()))
    positions = pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), records), start=first - 1)
    rejected = []
    if invalid:
        skipped = pa.array([number - 1 for number, _ in invalid], pa.int64())
        raws = lines.get().take(skipped).to_pylist()
        positions = positions.filter(pc.invert(pc.is_in(positions, pc.add(skipped, first))))
        for (number, fields), line in zip(invalid, raws, strict=True):
            rejected.append(Rejected(first + number - 1, (_field_count(layout, fields),), line))

    def raw(rows: Sequence[int]) -> list[bytes]:
        at = pc.subtract(positions.take(pa.array(rows, pa.int64())), first)
        return list(lines.get().take(at).to_pylist())

    columns = {layout.wanted[name]: _one(table[name]) for name in layout.wanted}
    return Block(first, table.num_rows, columns, raw, positions, rejected)


class _Lazy:
    """A block's records as bytes, cut only when one is asked for."""

    def __init__(self, cut: Callable[[], pa.Array]) -> None:
        self._cut = cut
        self._records: pa.Array | None = None

    def get(self) -> pa.Array:
        """Return all records."""
        if self._records is None:
            self._records = self._cut()
        return self._records


def _closed(records: list[bytes], delimiter: str) -> bool:
    """Tell whether every record over several lines is so by a well-formed quoted field, not by two stray quotes."""
    return all(_fields(record, delimiter) is not None for record in records if b"\n" in record)


def _one(chunks: pa.ChunkedArray) -> pa.Array:
    return chunks.chunk(0) if chunks.num_chunks == 1 else pa.concat_arrays(chunks.chunks)


def _field_count(layout: _Layout, found: int) -> Reason:
    return Reason("wrong_field_count", f"the record has {found} fields; the header has {len(layout.fields)}")


def _parse_by_line(data: bytes, layout: _Layout, first: int) -> Block:
    """Parse one line at a time; a stray quote costs its own line and no other."""
    lines = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    rows: list[list[str]] = []
    raws: list[bytes] = []
    positions: list[int] = []
    rejected: list[Rejected] = []
    at, position = 0, first - 1
    while at < len(lines):
        if not lines[at]:
            at += 1
            continue
        position += 1
        raw, fields, used = _record_at(lines, at, layout)
        at += used
        if reason := undecodable(raw):
            rejected.append(Rejected(position, (reason,), raw))
        elif fields is None:
            reason = Reason("malformed_record", "a quoted field has no end")
            rejected.append(Rejected(position, (reason,), raw))
        elif len(fields) != len(layout.fields):
            rejected.append(Rejected(position, (_field_count(layout, len(fields)),), raw))
        else:
            rows.append(fields)
            raws.append(raw)
            positions.append(position)
    columns = {}
    for index, name in enumerate(layout.fields):
        if name in layout.wanted:
            values = [None if row[index] in layout.null_values else row[index] for row in rows]
            columns[layout.wanted[name]] = pa.array(values, pa.string())
    return Block(
        first,
        len(rows),
        columns,
        lambda wanted: [raws[row] for row in wanted],
        pa.array(positions, pa.int64()),
        rejected,
    )


def _record_at(lines: list[bytes], at: int, layout: _Layout) -> tuple[bytes, list[str] | None, int]:
    """Return the record that begins at line ``at``, its fields (none: unreadable) and how many lines it takes."""
    raw = lines[at]
    fields = _fields(raw, layout.delimiter)
    if fields is not None:
        return raw, fields, 1
    for used in range(2, min(_MAX_LINES_IN_A_FIELD, len(lines) - at) + 1):
        if b'"' not in lines[at + used - 1]:
            continue
        longer = b"\n".join(lines[at : at + used])
        fields = _fields(longer, layout.delimiter)
        if fields is not None and len(fields) == len(layout.fields):
            return longer, fields, used
    return raw, None, 1


def _fields(raw: bytes, delimiter: str) -> list[str] | None:
    text = raw.decode(errors="replace").replace("\x00", "\ufffd")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
