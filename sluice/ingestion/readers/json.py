"""JSON: one object a line (NDJSON), or one array or a sequence of objects (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json

from sluice.contracts import Column, Contract
from sluice.errors import UnreadableFile
from sluice.ingestion.convert import arrow_type
from sluice.ingestion.lines import BLOCK_SIZE, MAX_RECORD, Oversized, record_blocks, records_of
from sluice.ingestion.readers.text import is_clean, too_long, undecodable, utf8_chunks
from sluice.ingestion.records import Block, Reason, Rejected
from sluice.ingestion.source import Source

_SPACE = " \t\r\n"


def read_ndjson(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the file's records, one JSON object a line."""
    assert contract.arrival is not None
    schema = _schema(contract)
    first, seen = 1, False
    for block in record_blocks(source, utf8_chunks(source, contract.arrival), quoted=False):
        seen = True
        if isinstance(block, Oversized):
            yield Block(first, 0, {}, lambda _: [], rejected=[too_long(block, first)])
            first += 1
            continue
        records = records_of(block.data, quoted=False)
        parsed = _parse_at_once(block.data, records, schema, contract, first)
        if parsed is None:
            parsed = _parse_by_record(records, contract, first)
        first += len(records)
        yield parsed
    if not seen:
        raise UnreadableFile(f"{source.uri} holds no record.", code="empty_file")


def read_json(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the records of a JSON array, or of objects one after another."""
    assert contract.arrival is not None
    first = 1
    for records in _objects(source, utf8_chunks(source, contract.arrival)):
        yield _parse_by_record(records, contract, first)
        first += len(records)


def _schema(contract: Contract) -> pa.Schema:
    """Return what JSON may hold: dates and times are text there."""
    textual = ("string", "date", "timestamp", "binary")
    return pa.schema(
        (c.header, pa.string() if c.type.name in textual else arrow_type(c.type)) for c in contract.columns
    )


def _parse_at_once(
    data: bytes, records: list[bytes], schema: pa.Schema, contract: Contract, first: int
) -> Block | None:
    """Parse a whole block; none when any record is not as the contract says, or holds more than one object a line."""
    if not records:
        return Block(first, 0, {}, lambda _: [])
    if not is_clean(data):
        return None
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(data),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(records):
        return None

    columns = {}
    for column in contract.columns:
        values = table[column.header].combine_chunks()
        columns[column.name] = values if isinstance(values, pa.Array) else pa.concat_arrays(values.chunks)
    return Block(first, len(records), _empty_as_null(columns, contract), lambda rows: [records[row] for row in rows])


def _empty_as_null(columns: dict[str, pa.Array], contract: Contract) -> dict[str, pa.Array]:
    """Turn the contract's null spellings into nulls, as they are in delimited files."""
    assert contract.arrival is not None
    nulls = pa.array(contract.arrival.null_values, pa.string())
    for name, values in columns.items():
        if pa.types.is_string(values.type) and len(nulls):
            spelled = pa.compute.is_in(values, nulls)
            if pa.compute.any(spelled).as_py():
                columns[name] = pa.compute.if_else(spelled, pa.scalar(None, pa.string()), values)
    return columns


def _parse_by_record(records: list[bytes], contract: Contract, first: int) -> Block:
    """Parse one record at a time; every value becomes text, which the column's conversion then reads."""
    rejected: list[Rejected] = []
    kept: list[int] = []
    values: dict[str, list[str | None]] = {column.name: [] for column in contract.columns}
    for index, raw in enumerate(records):
        found = _object(raw)
        reasons: tuple[Reason, ...]
        row: dict[str, str | None] = {}
        if isinstance(found, Reason):
            reasons = (found,)
        else:
            row, reasons = _row(found, contract)
        if reasons:
            rejected.append(Rejected(first + index, reasons, raw))
            continue
        kept.append(index)
        for name, value in row.items():
            values[name].append(value)
    columns = {name: pa.array(column, pa.string()) for name, column in values.items()}
    return Block(
        first,
        len(kept),
        _empty_as_null(columns, contract),
        lambda rows: [records[kept[row]] for row in rows],
        pa.array([first + index for index in kept], pa.int64()),
        rejected,
    )


def _object(raw: bytes) -> dict[str, Any] | Reason:
    if reason := undecodable(raw):
        return reason
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return Reason("malformed_record", f"not JSON: {error}")
    if not isinstance(found, dict):
        return Reason("malformed_record", f"a {type(found).__name__} where an object is due")
    return found


def _row(found: dict[str, Any], contract: Contract) -> tuple[dict[str, str | None], tuple[Reason, ...]]:
    row: dict[str, str | None] = {}
    reasons = []
    for column in contract.columns:
        value = found.get(column.header)
        text = _as_text(value, column)
        if text is None and value is not None:
            message = f"{column.name} is a JSON {type(value).__name__}, not a {column.type}"
            reasons.append(Reason("unparseable", message, column.name, json.dumps(value, default=str)))
        row[column.name] = text
    return row, tuple(reasons)


def _as_text(value: Any, column: Column) -> str | None:
    """Return the value as the text a delimited file would hold; none when its JSON type cannot be meant."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower() if column.type.name == "boolean" else None
    if isinstance(value, int | float) and column.type.name in ("int", "bigint", "float", "double", "decimal"):
        return repr(value)
    return None


def _objects(source: Source, chunks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Cut an array, or objects one after another, into single records without holding the whole file."""
    decoder = json.JSONDecoder()
    text, records, size, began = "", [], 0, False
    pieces = (piece.decode(errors="replace") for piece in _whole_characters(chunks))
    exhausted = False
    while True:
        text = text.lstrip(_SPACE + (",[" if not began else ","))
        began = began or bool(text)
        if text.startswith("]"):
            text = text[1:].lstrip(_SPACE)
        try:
            _, end = decoder.raw_decode(text)
            complete = exhausted or end < len(text)
        except json.JSONDecodeError:
            complete = False
        if complete:
            raw = text[:end].encode()
            records.append(raw)
            size += len(raw)
            text = text[end:]
            if size >= BLOCK_SIZE:
                yield records
                records, size = [], 0
            continue
        more = next(pieces, None)
        if more is None and not exhausted:
            exhausted = True
            continue
        if more is None:
            break
        text += more
        if len(text) > MAX_RECORD + BLOCK_SIZE:
            raise UnreadableFile(f"{source.uri} holds a JSON value of more than 8 MiB.", code="record_too_long")
    if text.strip(_SPACE):
        raise UnreadableFile(f"{source.uri} is broken JSON after record {len(records)}: {text[:80]!r}.", code="corrupt")
    if records:
        yield records


def _whole_characters(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the bytes so that no UTF-8 character is cut."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = len(data)
        while cut and cut > len(data) - 4 and data[cut - 1] & 0xC0 == 0x80:
            cut -= 1
        if cut and data[cut - 1] >= 0xC0:
            cut -= 1
        else:
            cut = len(data)
        rest = data[cut:]
        yield data[:cut]
    if rest:
        yield rest
