"""Parses JSON records, whole batches at a time; only those that are not as the contract says are looked at singly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from sluice.contracts import Column, Contract
from sluice.ingestion.convert import EPOCH_FORMATS, arrow_type
from sluice.ingestion.readers.text import undecodable
from sluice.ingestion.records import Block, Reason, Rejected

#: So many records that do not parse together are looked at one by one.
_FEW = 32
_LOOSE: dict[str, Any] = {
    "int": int | None,
    "bigint": int | None,
    "float": float | None,
    "double": float | None,
    "decimal": float | str | None,
    "boolean": bool | None,
}


def parse_records(records: Sequence[bytes], contract: Contract, first: int) -> Iterator[Block]:
    """Yield blocks that hold each record once; ``first`` is the position of the first one.

    Those with the right JSON types are told apart, which costs little, and parsed by Arrow in one go; the others are
    looked at one by one.
    """
    if not records:
        return
    sound, odd = _apart(records, contract)
    yield from _parse_halves(records, sound, contract, first)
    if odd:
        yield _parse_by_record(records, odd, contract, first)


def _parse_halves(records: Sequence[bytes], indexes: list[int], contract: Contract, first: int) -> Iterator[Block]:
    """Parse those records together; when one of them has a number that does not fit its column, by halves."""
    if not indexes:
        return
    picked = records if len(indexes) == len(records) else [records[index] for index in indexes]
    if (block := _parse_at_once(picked, indexes, contract, first)) is not None:
        yield block
    elif len(indexes) <= _FEW:
        yield _parse_by_record(records, indexes, contract, first)
    else:
        middle = len(indexes) // 2
        yield from _parse_halves(records, indexes[:middle], contract, first)
        yield from _parse_halves(records, indexes[middle:], contract, first)


def _apart(records: Sequence[bytes], contract: Contract) -> tuple[list[int], list[int]]:
    """Return the indexes of records that are one JSON object with the contract's types, and of the others."""
    decode = _decoder(contract.columns).decode
    sound: list[int] = []
    odd: list[int] = []
    for index, record in enumerate(records):
        try:
            decode(record)
        except (msgspec.DecodeError, UnicodeDecodeError):
            odd.append(index)
        else:
            sound.append(index)
    return sound, odd


@lru_cache(maxsize=256)
def _decoder(columns: tuple[Column, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder that takes what Arrow's parser takes for these columns."""
    fields = [(f"f{number}", _LOOSE.get(c.type.name, str | None), None) for number, c in enumerate(columns)]
    names = {f"f{number}": c.header for number, c in enumerate(columns)}
    return msgspec.json.Decoder(msgspec.defstruct("Record", fields, rename=names, gc=False))


@lru_cache(maxsize=256)
def _schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return what JSON may hold: dates and times are text there."""
    textual = ("string", "date", "timestamp", "binary")
    return pa.schema((c.header, pa.string() if c.type.name in textual else arrow_type(c.type)) for c in columns)


def _parse_at_once(records: Sequence[bytes], indexes: Sequence[int], contract: Contract, first: int) -> Block | None:
    """Parse records, each one object, as one text; none when a number in them does not fit its column.

    ``indexes`` are the records' places in their batch.
    """
    data = b"\n".join(records)
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(data),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            pyarrow.json.ParseOptions(explicit_schema=_schema(contract.columns), unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(records):
        return None
    columns = {}
    for column in contract.columns:
        values = table[column.header].combine_chunks()
        columns[column.name] = values if isinstance(values, pa.Array) else pa.concat_arrays(values.chunks)
    positions = pc.add(pa.array(indexes, pa.int64()), first)
    return Block(
        first, len(records), _empty_as_null(columns, contract), lambda rows: [records[row] for row in rows], positions
    )


def _empty_as_null(columns: dict[str, pa.Array], contract: Contract) -> dict[str, pa.Array]:
    """Turn the contract's null spellings into nulls, as they are in delimited files."""
    assert contract.arrival is not None
    nulls = contract.arrival.null_values
    longest = max(map(len, nulls), default=-1)
    for name, values in columns.items():
        if not pa.types.is_string(values.type) or (pc.min(pc.binary_length(values)).as_py() or 0) > longest:
            continue
        spelled = pc.is_in(values, pa.array(nulls, pa.string()))
        if pc.any(spelled).as_py():
            columns[name] = pc.if_else(spelled, pa.scalar(None, pa.string()), values)
    return columns


def _parse_by_record(records: Sequence[bytes], indexes: Sequence[int], contract: Contract, first: int) -> Block:
    """Parse one record at a time; every value becomes text, which the column's conversion then reads."""
    rejected: list[Rejected] = []
    kept: list[int] = []
    values: dict[str, list[str | None]] = {column.name: [] for column in contract.columns}
    for index in indexes:
        raw = records[index]
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
    if isinstance(value, int) and column.format in EPOCH_FORMATS:
        return repr(value)
    return None
