"""Parses JSON records into columns in native code; only records that do not fit the contract are examined singly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from sluice.contracts import JSON_TEXT, Column, LandingContract
from sluice.contracts.values.texts import EPOCH_FORMATS
from sluice.decoding import decode_text
from sluice.ingestion.readers.json_keys import TOO_DEEP, key_problem
from sluice.ingestion.readers.text import is_clean, undecodable
from sluice.ingestion.records import Block, Reason, Rejected

_Decode = Callable[[bytes], Any]
#: JSON types whose values go into an Arrow column as they are.
_TYPED: dict[str, Any] = {
    "int": Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)] | None,
    "bigint": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None,
    "double": float | None,
    "boolean": bool | None,
}
_ARROW = {"int": pa.int32(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
#: So many records are decoded before their values go into columns: what is made stays in the processor's cache.
_TOGETHER = 1_000
#: From here on a double may not hold a whole number exactly; its digits decide.
_WHOLE = float(2**53)
_NUMERIC = ("int", "bigint", "float", "double", "decimal")
_NUMBER_STARTS = frozenset("-0123456789")
_NESTED_STARTS = frozenset("{[")
_NEVER = -(2**40)
_REPLACED = "\ufffd"  # where bytes were no text
_KINDS = {"{": "object", "[": "array", "t": "boolean", "f": "boolean"}


def parse_records(records: Sequence[bytes], contract: LandingContract, first: int) -> Iterator[Block]:
    """Yield blocks that hold each record once; ``first`` is the position of the first one.

    Records with the right JSON types become columns together. The others are read one by one, and each of their values
    becomes text, which the column's conversion then reads.
    """
    if not records:
        return
    sound, columns, odd = _apart(records, contract)
    if sound:
        yield Block(
            first,
            len(sound),
            _empty_as_null(columns, contract),
            lambda rows: [records[sound[row]] for row in rows],
            pc.add(pa.array(sound, pa.int64()), first),
        )
    if odd:
        yield _parse_by_record(records, odd, contract, first)


def _apart(records: Sequence[bytes], contract: LandingContract) -> tuple[list[int], dict[str, pa.Array], list[int]]:
    """Return the indexes of records with the contract's JSON types, their columns, and the indexes of the others."""
    sound: list[int] = []
    odd: list[int] = []
    chunks: list[list[pa.Array]] = []
    decode = _decoder(contract.columns).decode
    for start in range(0, len(records), _TOGETHER):
        rows, columns, others = _decode(records[start : start + _TOGETHER], contract, decode)
        sound += [start + row for row in rows]
        odd += [start + row for row in others]
        chunks.append(columns)
    joined = {
        column.name: pa.concat_arrays([chunk[number] for chunk in chunks])
        for number, column in enumerate(contract.columns)
    }
    return sound, joined, odd


def _decode(
    records: Sequence[bytes], contract: LandingContract, decode: _Decode
) -> tuple[Sequence[int], list[pa.Array], list[int]]:
    """Return the result of ``_apart`` for a few records."""
    rows: list[Any] = []
    odd: list[int] = []
    left = iter(records)
    while True:
        try:
            rows.extend(map(decode, left))  # what was decoded before an error stays in the list
            break
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            odd.append(len(rows) + len(odd))
    columns: list[pa.Array] = []
    mistyped: set[int] = set()
    quotes = 0
    for number, column in enumerate(contract.columns):
        values = list(map(attrgetter(f"f{number}"), rows))
        if _as_written(column):
            values, other, taken = _written(values, _NESTED_STARTS if column.format == JSON_TEXT else _NUMBER_STARTS)
            mistyped.update(other)
            columns.append(pa.array(values, pa.string()))
        else:
            kind = _ARROW.get(column.type.name, pa.string())
            typed, present = _typed(values, kind)
            if column.type.name == "double":
                mistyped.update(pc.indices_nonzero(pc.greater_equal(pc.abs(typed), _WHOLE)).to_pylist())
            taken = 2 * present + (0 if column.type.name in _TYPED else 2 * (len(rows) - typed.null_count))
            columns.append(typed)
        quotes += taken
    others = set(odd)
    sound = [index for index in range(len(records)) if index not in others] if odd else range(len(records))
    mistyped |= _doubtful(records, sound, quotes)
    if mistyped:
        kept = [row for row in range(len(rows)) if row not in mistyped]
        columns = [values.take(pa.array(kept, pa.int64())) for values in columns]
        odd = sorted([*odd, *(sound[row] for row in mistyped)])
        sound = [sound[row] for row in kept]
    return sound, columns, odd


def _doubtful(records: Sequence[bytes], sound: Sequence[int], quotes: int) -> set[int]:
    """Return which of the decoded records are not UTF-8 or have a key twice.

    ``quotes`` is the number that their keys and values in the contract's columns take. A record with a key twice has
    more quotes, and none has fewer: if all of them together have no more, no record has a key twice (see
    ``json_keys``).
    """
    together = b"\n".join(records if len(sound) == len(records) else [records[index] for index in sound])
    if is_clean(together) and together.count(b'"') == quotes:
        return set()
    return {row for row, index in enumerate(sound) if undecodable(records[index]) or key_problem(records[index])}


def _typed(values: list[Any], kind: pa.DataType) -> tuple[pa.Array, int]:
    """Return values as an array, null where a key was missing, and how many keys were there."""
    try:
        return pa.array(values, kind), len(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        there = [None if value is msgspec.UNSET else value for value in values]
    return pa.array(there, kind), len(values) - sum(value is msgspec.UNSET for value in values)


def _as_written(column: Column) -> bool:
    """Return whether the column's JSON values are kept as they are written, so that numbers lose no digit."""
    return column.type.name in ("decimal", "float") or column.format in EPOCH_FORMATS or column.format == JSON_TEXT


@lru_cache(maxsize=256)
def _decoder(columns: tuple[Column, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder into a struct of the columns' JSON types; dates and times are text in JSON."""
    kinds = [
        msgspec.Raw if _as_written(c) else _TYPED.get(c.type.name, str | None) | msgspec.UnsetType for c in columns
    ]
    return msgspec.json.Decoder(_struct(columns, kinds))


@lru_cache(maxsize=256)
def _raw_decoder(columns: tuple[Column, ...]) -> msgspec.json.Decoder[Any]:
    """Return a decoder into a struct of the columns' values as they are written."""
    return msgspec.json.Decoder(_struct(columns, [msgspec.Raw] * len(columns)))


def _struct(columns: tuple[Column, ...], kinds: list[Any]) -> type[msgspec.Struct]:
    fields = [(f"f{number}", kind, None if kind is msgspec.Raw else msgspec.UNSET) for number, kind in enumerate(kinds)]
    names = {f"f{number}": column.header for number, column in enumerate(columns)}
    return msgspec.defstruct("Record", fields, rename=names, gc=False)


def _written(values: Sequence[msgspec.Raw | None], starts: frozenset[str]) -> tuple[list[str | None], list[int], int]:
    """Return JSON values of the right kind and plain strings as text, the indexes of the others, and a count of quotes.

    The count covers keys and values. Quotes inside an object or an array are not counted: the count is then larger than
    any text allows, so that every record is examined.
    """
    texts = [None if value is None else str(value, "utf-8", "replace") for value in values]
    first = [text[0] for text in texts if text is not None]
    found = set(first)
    quotes = 2 * len(first) + 2 * first.count('"') if found.isdisjoint(_NESTED_STARTS) else _NEVER
    if starts is _NUMBER_STARTS and found <= starts:
        return texts, [], quotes
    other = []
    for row, text in enumerate(texts):
        if text is None or (text[0] in starts and _REPLACED not in text):
            continue
        texts[row] = None
        if text[0] == '"' and text.isascii() and "\\" not in text:
            texts[row] = text[1:-1]
        elif text != "null":
            other.append(row)
    return texts, other, quotes


def _empty_as_null(columns: dict[str, pa.Array], contract: LandingContract) -> dict[str, pa.Array]:
    """Return the columns with the contract's null spellings as nulls, as in delimited files."""
    nulls = contract.arrival.null_values
    longest = max(map(len, nulls), default=-1)
    for name, values in columns.items():
        if not pa.types.is_string(values.type) or (pc.min(pc.binary_length(values)).as_py() or 0) > longest:
            continue
        spelled = pc.is_in(values, pa.array(nulls, pa.string()))
        if pc.any(spelled).as_py():
            columns[name] = pc.if_else(spelled, pa.scalar(None, pa.string()), values)
    return columns


def _parse_by_record(records: Sequence[bytes], indexes: Sequence[int], contract: LandingContract, first: int) -> Block:
    """Return a block of records that are parsed one at a time."""
    rejected: list[Rejected] = []
    kept: list[int] = []
    values: list[list[str | None]] = []
    decode = _raw_decoder(contract.columns).decode
    for index in indexes:
        found = _row(records[index], contract, decode)
        if isinstance(found, tuple):
            rejected.append(Rejected(first + index, found, records[index]))
        else:
            kept.append(index)
            values.append(found)
    columns = {
        column.name: pa.array([row[number] for row in values], pa.string())
        for number, column in enumerate(contract.columns)
    }
    return Block(
        first,
        len(kept),
        _empty_as_null(columns, contract),
        lambda rows: [records[kept[row]] for row in rows],
        pa.array([first + index for index in kept], pa.int64()),
        rejected,
    )


def _row(raw: bytes, contract: LandingContract, decode: _Decode) -> list[str | None] | tuple[Reason, ...]:
    """Return the record's values as text, or the reasons why it has none."""
    if reason := undecodable(raw):
        return (reason,)
    try:
        found = decode(raw)
    except msgspec.DecodeError as error:
        return (Reason("malformed_record", f"not a JSON object: {error}"),)
    except RecursionError:
        return (TOO_DEEP,)
    row: list[str | None] = []
    reasons = []
    quotes = 0
    for value, column in zip(msgspec.structs.astuple(found), contract.columns, strict=True):
        written = None if value is None else str(value, "utf-8")
        if written is not None:
            quotes += 4 if written[0] == '"' else 2 if written[0] not in _NESTED_STARTS else _NEVER
        try:
            row.append(_as_text(written, column))
        except ValueError as error:
            reasons.append(
                Reason("unparseable", f"{column.name} is {error}, not a {column.type}", column.name, written)
            )
    if reasons:
        return tuple(reasons)
    doubt = key_problem(raw) if raw.count(b'"') != quotes else None
    return row if doubt is None else (doubt,)


def _as_text(written: str | None, column: Column) -> str | None:
    """Return a JSON value as the text that a delimited file would hold; ``ValueError`` when its type does not fit."""
    if written is None or written == "null":
        return None
    start = written[0]
    if start == '"':
        return written[1:-1] if "\\" not in written else decode_text(written)
    if start in "tf" and column.type.name == "boolean":
        return written
    if start in _NUMBER_STARTS and (column.type.name in _NUMERIC or _is_epoch(written, column)):
        return written
    if start in _NESTED_STARTS and column.format == JSON_TEXT:
        return written
    raise ValueError(f"a JSON {_KINDS.get(start, 'number')}")


def _is_epoch(written: str, column: Column) -> bool:
    return column.format in EPOCH_FORMATS and written.removeprefix("-").isdigit()
