"""Reads from a Parquet file's footer where the pages of its column chunks lie and what types its values have.

https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sluice.ingestion.readers.parquet_thrift import BrokenThrift, Compact, Fields

_SCHEMA, _ROWS, _ROW_GROUPS = 2, 3, 4
_BYTE_ARRAY, _FIXED = 6, 7
_DECIMAL = 5


@dataclass(frozen=True)
class Leaf:
    """A column of values: ``text`` if they are text or bytes of any length; ``width`` in bytes if of one length."""

    text: bool
    width: int


@dataclass(frozen=True)
class Chunk:
    """One column of one row group: ``length`` bytes of pages from ``start`` on."""

    path: str
    leaf: Leaf
    start: int
    length: int
    values: int


@dataclass(frozen=True)
class RowGroup:
    """One row group."""

    rows: int
    chunks: tuple[Chunk, ...]


def row_groups(footer: bytes) -> Iterator[RowGroup]:
    """Yield the row groups one by one; raise ``BrokenThrift`` when the footer is broken or its counts do not add up."""
    reader = Compact(footer)
    leaves: list[Leaf] = []
    said: Any = None
    there = 0
    try:
        for number, kind in reader.fields():
            if number == _SCHEMA:
                leaves = [_leaf(element) for element in reader.items() if not _of(element, 5, int, 0)]
            elif number == _ROW_GROUPS:
                for group in reader.items():
                    found = _row_group(group, leaves)
                    there += found.rows
                    yield found
            elif number == _ROWS:
                said = reader.value(kind)
            else:
                reader.value(kind)
    except IndexError:
        raise BrokenThrift("the footer has no end") from None
    if said != there:
        raise BrokenThrift(f"it says that the file has {said} rows; its row groups have {there}")


def _leaf(element: Any) -> Leaf:
    kind = _of(element, 1, int, 0)
    decimal = _of(element, 6, int, -1) == _DECIMAL or 5 in _of(element, 10, dict, {})
    width = max(1, _of(element, 2, int, 1)) if kind == _FIXED else 8
    return Leaf(text=kind == _BYTE_ARRAY and not decimal, width=width)


def _row_group(group: Any, leaves: list[Leaf]) -> RowGroup:
    columns = _of(group, 1, list, [])
    if len(columns) != len(leaves):
        raise BrokenThrift("a row group has not as many columns as the schema")
    chunks = tuple(_chunk(_of(column, 3, dict), leaf) for column, leaf in zip(columns, leaves, strict=True))
    rows = _of(group, 3, int)
    if rows < 0:
        raise BrokenThrift(f"a row group has {rows} rows")
    return RowGroup(rows, chunks)


def _chunk(facts: Fields, leaf: Leaf) -> Chunk:
    path = b".".join(part for part in _of(facts, 3, list) if isinstance(part, bytes))
    starts = [_of(facts, 9, int)]
    if dictionary := _of(facts, 11, int, 0):
        starts.append(dictionary)
    return Chunk(path.decode(errors="replace"), leaf, min(starts), _of(facts, 7, int), _of(facts, 5, int))


def _of(fields: Any, number: int, kind: type, default: Any = None) -> Any:
    """Return the field ``number`` of a structure; raise ``BrokenThrift`` when it is not of type ``kind``."""
    found = fields.get(number, default) if isinstance(fields, dict) else None
    if not isinstance(found, kind):
        raise BrokenThrift(f"field {number} is not what it should be")
    return found
