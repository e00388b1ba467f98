"""The bucket of a row, by Hive's first hash of its values.

https://docs.aws.amazon.com/athena/latest/ug/ctas-partitioning-and-bucketing.html
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.typing import DType

_MOST: Final = 0x7FFFFFFF
_WORD: Final = 0xFFFFFFFF
_DAY: Final = date(1970, 1, 1)
#: The types that Athena buckets by.
BUCKETED: Final = frozenset({*types.INTEGERS, *types.FLOATS, *types.TEXT, DType.BOOLEAN, DType.DATE})


def check_bucketed(name: str, kind: exp.DataType) -> None:
    """Raise unless rows can be bucketed by a column of this type."""
    if kind.this not in BUCKETED:
        raise QueryFailed(
            "NOT_SUPPORTED",
            f"Table has column '{name}' with type '{types.trino_name(kind)}' that cannot be bucketed by",
        )


def bucket_of(values: Sequence[Any], kinds: Sequence[exp.DataType], count: int) -> int:
    """Return the number of the bucket, of ``count``, that a row with these values is in."""
    found = 0
    for value, kind in zip(values, kinds, strict=True):
        found = (31 * found + (0 if value is None else _hash(value, kind))) & _WORD
    return (found & _MOST) % count


def _hash(value: Any, kind: exp.DataType) -> int:  # noqa: PLR0911  one branch a type
    this = kind.this
    if this == DType.BOOLEAN:
        return int(value)
    if this == DType.DATE:
        return int((value - _DAY).days) & _WORD
    if this == DType.BIGINT:
        return _folded(value)
    if this == DType.DOUBLE:
        return _folded(struct.unpack(">q", struct.pack(">d", value))[0])
    if this == DType.FLOAT:
        return int(struct.unpack(">i", struct.pack(">f", value))[0]) & _WORD
    if this in types.INTEGERS:
        return int(value) & _WORD
    found: int = 0
    for byte in value.encode():
        found = (31 * found + (byte - 256 if byte > 127 else byte)) & _WORD
    return found


def _folded(value: int) -> int:
    bits = value & 0xFFFFFFFFFFFFFFFF
    return (bits ^ bits >> 32) & _WORD
