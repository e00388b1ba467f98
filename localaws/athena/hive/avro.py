"""Avro files of Hive tables, read and written by fastavro.

https://docs.aws.amazon.com/athena/latest/ug/avro-serde.html
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import fastavro
import pyarrow as pa
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.formats import to_utc
from localaws.athena.hive.lines import Field
from localaws.athena.hive.values import BINARY, INTEGER_BITS, NESTED, decimal_of, spelled
from localaws.athena.typing import DType

#: Avro's names of the codecs that Athena names.
CODECS: Final = {
    "DEFLATE": "deflate", "ZLIB": "deflate", "GZIP": "deflate", "SNAPPY": "snappy", "ZSTD": "zstandard",
    "BZIP2": "bzip2", "NONE": "null",
}  # fmt: skip
#: Hive takes every moment of an Avro file for milliseconds, whatever its schema says.
_SIMPLE: Final[dict[DType, Any]] = {
    DType.INT: "int",
    DType.BIGINT: "long",
    DType.FLOAT: "float",
    DType.DOUBLE: "double",
    DType.BOOLEAN: "boolean",
    DType.DATE: {"type": "int", "logicalType": "date"},
    **dict.fromkeys(types.TEXT, "string"),
    **dict.fromkeys(BINARY, "bytes"),
    **{key: {"type": "long", "logicalType": "timestamp-millis"} for key in types.TIMESTAMPS},
}


def records(raw: bytes, fields: Sequence[Field], path: str) -> Iterator[list[Any]]:
    """Yield the values of the wanted fields of each record, matched by name."""
    try:
        for record in fastavro.reader(io.BytesIO(raw)):
            if not isinstance(record, dict):
                raise ValueError("its schema is no record")
            named = {name.lower(): value for name, value in record.items()}
            yield [_read(named.get(field.name), field.kind, field.name) for field in fields]
    except (ValueError, EOFError, KeyError, IndexError, OverflowError, fastavro.schema.SchemaParseException) as error:
        raise QueryFailed("HIVE_CURSOR_ERROR", f"s3://{path} cannot be read as Avro: {error}") from None


def written(table: pa.Table, fields: Sequence[Field], codec: str, level: int | None = None) -> bytes:
    """Return the rows as an Avro file."""
    schema = fastavro.parse_schema(
        {"type": "record", "name": "table", "fields": [_field(f.name, f.kind, f"r{f.place}", f.name) for f in fields]}
    )
    kinds = [field.kind for field in fields]
    rows = (
        {name: _plain(value, kind) for (name, value), kind in zip(row.items(), kinds, strict=True)}
        for batch in table.to_batches()
        for row in batch.to_pylist()
    )
    body = io.BytesIO()
    fastavro.writer(body, schema, rows, codec=CODECS[codec], codec_compression_level=level)
    return body.getvalue()


def _field(name: str, kind: exp.DataType, record: str, column: str) -> dict[str, Any]:
    return {"name": name, "type": ["null", _schema(kind, record, column)], "default": None}


def _schema(kind: exp.DataType, record: str, column: str) -> Any:
    """Return the type as Avro's schema has it; ``record`` names the records inside."""
    if kind.this in (DType.TINYINT, DType.SMALLINT):
        raise QueryFailed(
            "NOT_SUPPORTED",
            f"Column '{column}' is {types.trino_name(kind)}, which is not supported by Avro. Use integer instead.",
        )
    if kind.this == DType.DECIMAL:
        precision, scale = types.as_decimal(kind) or (38, 0)
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    if kind.this == DType.ARRAY:
        return {"type": "array", "items": ["null", _schema(kind.expressions[0], f"{record}_i", column)]}
    if kind.this == DType.MAP:
        if kind.expressions[0].this not in types.TEXT:
            raise QueryFailed(
                "NOT_SUPPORTED", f"Column '{column}' has a non-varchar map key, which is not supported by Avro"
            )
        return {"type": "map", "values": ["null", _schema(kind.expressions[1], f"{record}_v", column)]}
    if kind.this == DType.STRUCT:
        inner = [
            _field(f.name.lower(), f.kind, f"{record}_{place}", column) for place, f in enumerate(kind.expressions)
        ]
        return {"type": "record", "name": record, "fields": inner}
    return _SIMPLE[kind.this]


def _plain(value: Any, kind: exp.DataType) -> Any:
    if value is None or kind.this not in NESTED:
        # Without a zone a moment would be taken for one of this machine's zone.
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
    if kind.this == DType.ARRAY:
        return [_plain(item, kind.expressions[0]) for item in value]
    if kind.this == DType.MAP:
        return {key: _plain(item, kind.expressions[1]) for key, item in value}
    return {f.name.lower(): _plain(value[f.name.lower()], f.kind) for f in kind.expressions}


def _read(value: Any, kind: exp.DataType, column: str) -> Any:  # noqa: PLR0911  one branch a type
    """Return a value in the shape that Arrow takes; raise HIVE_BAD_DATA where the file has another type."""
    if value is None:
        return None
    this = kind.this
    if this == DType.ARRAY and isinstance(value, list):
        return [_read(item, kind.expressions[0], column) for item in value]
    if this == DType.MAP and isinstance(value, dict):
        return [(key, _read(item, kind.expressions[1], column)) for key, item in value.items()]
    if this == DType.STRUCT and isinstance(value, dict):
        named = {name.lower(): item for name, item in value.items()}
        return {f.name.lower(): _read(named.get(f.name.lower()), f.kind, column) for f in kind.expressions}
    if this in types.TEXT and isinstance(value, str):
        return value
    if this in types.TIMESTAMPS and isinstance(value, datetime):
        return to_utc(value)
    if this == DType.DECIMAL and isinstance(value, Decimal):
        return decimal_of(value, kind)
    if this in types.FLOATS and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    wanted = _PYTHON.get(this)
    if wanted is not None and type(value) in wanted and _fits(value, this):
        return value
    shown = str(value)[:60] if not isinstance(value, bytes) else spelled(value, exp.DataType(this=DType.BINARY))[:60]
    raise QueryFailed(
        "HIVE_BAD_DATA", f"Column {column}: the file's value {shown!r} is none of type {types.trino_name(kind)}"
    )


def _fits(value: Any, this: DType) -> bool:
    limit = 1 << INTEGER_BITS[this] - 1 if this in INTEGER_BITS else None
    return limit is None or -limit <= value < limit


_PYTHON: Final[dict[DType, tuple[type, ...]]] = {
    **dict.fromkeys(types.INTEGERS, (int,)),
    DType.BOOLEAN: (bool,),
    DType.DATE: (date,),
    **dict.fromkeys(BINARY, (bytes,)),
}
