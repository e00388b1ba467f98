"""Reads the records of files with the readers that ingest them, their values as they are written there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
import pyarrow as pa

from sluice.contracts import Arrival, Column, LandingContract, parse_type
from sluice.decoding import decode_text, json_decoder
from sluice.errors import UnreadableFile, WrongArgument
from sluice.ingestion.formats import FILE_FORMATS
from sluice.ingestion.lines import Oversized, line_blocks, lines_of
from sluice.ingestion.readers.json_split import Elements
from sluice.ingestion.readers.text import utf8_chunks
from sluice.ingestion.records import Rejected
from sluice.ingestion.source import ByteSource
from sluice.profiling.sources import Sampled
from sluice.profiling.spool import Spool

#: Records that are taken together; of an array that is cut, the last ones are lost.
_AT_ONCE = 1_000
#: Different keys that are columns; each is a column of a file, and takes memory.
_MOST_KEYS = 1_000
#: Refused records that are kept to be looked at.
_MOST_KEPT = 300
_record = json_decoder(dict[str, msgspec.Raw])
_KINDS = {'"': "text", "{": "object", "[": "array", "t": "boolean", "f": "boolean", "n": "null"}
#: The columns that the reader of access logs finds.
LOG_COLUMNS = (
    "host", "ident", "user", "time", "method", "path", "protocol", "status", "bytes", "referrer", "user_agent",
)  # fmt: skip


def as_texts(names: Sequence[str], arrival: Arrival) -> LandingContract:
    """Return the contract by which every column of a text format is read as it is written.

    A column's name in it is its name in the file: it is never stored.
    """
    text = parse_type("string")
    columns = tuple(Column(name, text, header=name) for name in names)
    return LandingContract(name="sample", database="bronze", columns=columns, arrival=arrival, file="the sample")


def read_into(spool: Spool, source: Sampled, contract: LandingContract) -> None:
    """Add a file's records; ``UnreadableFile`` when the reader refuses it, but for an end that was not looked at."""
    start, kept = spool.rows, 0
    refused: list[Rejected] = []
    format_ = contract.arrival.format
    try:
        for block in FILE_FORMATS[format_].read(source, contract):
            if format_ == "parquet" and source.enough((spool.rows - start) * len(contract.columns)):
                source.cut.append(True)
                break
            if block.rows:
                kept = block.position_array()[-1].as_py()
            refused += block.rejected
            spool.add(block.columns, block.rows)
    except UnreadableFile:
        if not source.cut or spool.rows == start:
            raise
    # What is left of a record that was cut is no broken record.
    _note(spool, [one for one in refused if not source.cut or (one.position or 0) < kept])


def read_json_into(spool: Spool, source: Sampled, arrival: Arrival) -> None:
    """Add the records of JSON lines or of a JSON array, each key a column, each value its JSON text."""
    start = spool.rows
    try:
        for position, records in _json_records(source, arrival):
            _add_json(spool, records, position)
    except UnreadableFile:
        if not source.cut or spool.rows == start:
            raise


def _json_records(source: ByteSource, arrival: Arrival) -> Iterator[tuple[int, list[bytes]]]:
    """Yield records as bytes, some at a time, with the position of the first."""
    at = 1
    chunks = utf8_chunks(source, arrival)
    found: Iterator[Sequence[bytes] | Oversized]
    if arrival.format == "json":
        found = Elements(source, chunks).batches(_AT_ONCE)
    else:
        found = chain.from_iterable(_in_parts(block) for block in line_blocks(source, chunks))
    for some in found:
        if isinstance(some, Oversized):
            at += 1
            continue
        yield at, list(some)
        at += len(some)


def _in_parts(block: bytes | Oversized) -> Iterator[Sequence[bytes] | Oversized]:
    if isinstance(block, Oversized):
        yield block
        return
    lines = lines_of(block)
    for start in range(0, len(lines), _AT_ONCE):
        yield lines[start : start + _AT_ONCE]


def _add_json(spool: Spool, records: Sequence[bytes], position: int) -> None:
    rows: list[dict[str, msgspec.Raw]] = []
    for at, record in enumerate(records, position):
        try:
            rows.append(_record(record))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            _note_one(spool, "malformed_record", f"record {at:,} is no JSON object", record)
    keys = dict.fromkeys(key for row in rows for key in row)
    if len(spool.names.keys() | keys) > _MOST_KEYS:
        raise WrongArgument(
            f"The records have more than {_MOST_KEYS:,} different keys: keys seem to be values, and no columns.",
            safe="nothing was written.",
            next_step="have such an object written as a list of records, or as the text of one column.",
            value=str(len(spool.names.keys() | keys)),
        )
    columns = {}
    for key in keys:
        written = [None if (value := row.get(key)) is None else str(value, "utf-8", "replace") for row in rows]
        spool.kinds.setdefault(key, set()).update(_KINDS.get(text[0], "number") for text in written if text)
        columns[key] = pa.array(list(map(_text, written)), pa.string())
    spool.add(columns, len(rows))


def _text(written: str | None) -> str | None:
    """Return a JSON value as text: a string's own text, any other value as it is written."""
    if written is None or written == "null":
        return None
    if written[0] != '"':
        return written
    return written[1:-1] if "\\" not in written else decode_text(written)


def _note(spool: Spool, refused: Sequence[Rejected]) -> None:
    for one in refused:
        _note_one(spool, one.reasons[0].code, f"record {one.position:,}: {one.reasons[0].message}", one.raw or b"")


def _note_one(spool: Spool, code: str, why: str, record: bytes) -> None:
    spool.refused.counts[code] += 1
    if len(spool.refused.some) < _MOST_KEPT:
        spool.refused.some.append((why, record))
