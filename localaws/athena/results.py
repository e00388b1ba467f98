"""Query results in Athena's forms: a text for each value, a CSV with every value quoted, ``GetQueryResults`` rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlglot import exp

from localaws.athena import formats
from localaws.athena import typing as types
from localaws.athena.engine import Column, Stream
from localaws.athena.kept_rows import KeptRows, Text
from localaws.athena.typing import DType
from localaws.athena.zones import shown

_API_NAMES = {
    DType.ARRAY: "array",
    DType.MAP: "map",
    DType.STRUCT: "row",
    DType.DECIMAL: "decimal",
    DType.FLOAT: "float",
}


@dataclass(frozen=True)
class Results:
    """The content of ``GetQueryResults`` and of the result object."""

    columns: list[dict[str, Any]]
    rows: Sequence[list[Text]]
    #: SELECTs repeat the column names as the first row; SHOW and DESCRIBE do not.
    header: bool = True
    update_count: int = 0
    labels: list[str] = field(default_factory=list)


def writer(columns: Sequence[Column], schema: pa.Schema) -> Callable[[pa.RecordBatch | pa.Table], list[list[Text]]]:
    """Return what makes texts of a SELECT's rows, as Athena writes them."""
    writers = [_writer(column.type, arrow.type) for column, arrow in zip(columns, schema, strict=True)]

    def rows(batch: pa.RecordBatch | pa.Table) -> list[list[Text]]:
        texts: list[list[Text]] = [
            [None if value is None else write(value) for value in batch.column(index).to_pylist()]
            for index, write in enumerate(writers)
        ]
        return [list(row) for row in zip(*texts, strict=True)]

    return rows


def of_stream(stream: Stream) -> Results:
    """Return the results of a SELECT, of which no row was taken yet."""
    return Results([column_info(c) for c in stream.columns], KeptRows(), labels=[c.name for c in stream.columns])


def of_lines(*names: str, lines: list[str]) -> Results:
    """Return the results of a SHOW or DESCRIBE, without a header: a line is one text, its columns between tabs."""
    said = {"Type": "string", "Precision": 0, "CaseSensitive": False}  # Hive's own type, not Trino's
    infos = [column_info(Column(name, exp.DataType(this=DType.VARCHAR))) | said for name in names]
    return Results(infos, [[line] for line in lines], header=False, labels=list(names))


def nothing() -> Results:
    """Return the results of a statement without rows."""
    return Results([], [], header=False)


def column_info(column: Column) -> dict[str, Any]:
    """Return the ``ColumnInfo`` of a column."""
    kind = column.type
    precision, scale = _precision(kind)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": _API_NAMES.get(kind.this) or types.trino_name(kind).partition("(")[0] + _zone(kind),
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind.this in types.TEXT,
    }


def api_rows(results: Results, *, start: int, count: int) -> list[dict[str, Any]]:
    """Return ``count`` rows from ``start``; the header counts as the first."""
    before = int(results.header)
    first: list[list[Text]] = [[*results.labels]] if results.header and start == 0 else []
    rows: list[list[Text]] = [*first, *results.rows[max(0, start - before) : start - before + count]]
    return [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows]


def row_count(results: Results) -> int:
    """Return how many rows ``GetQueryResults`` has in all its pages."""
    return len(results.rows) + int(results.header)


def txt_bytes(results: Results) -> bytes:
    """Return the result object of a SHOW, DESCRIBE or CREATE: tab-separated lines."""
    return "".join("\t".join(v or "" for v in row) + "\n" for row in results.rows).encode()


def metadata_bytes(results: Results) -> bytes:
    """Return the ``.metadata`` object beside the result; AWS does not document its format, and clients only copy it."""
    return json.dumps({"columns": results.columns}).encode()


def _zone(kind: exp.DataType) -> str:
    return " with time zone" if kind.this == DType.TIMESTAMPTZ else ""


def _precision(kind: exp.DataType) -> tuple[int, int]:
    if kind.this in types.TEXT:
        return (types.parameters(kind) or [1 if kind.this == DType.CHAR else 2147483647])[0], 0
    if kind.this == DType.DECIMAL:
        return types.as_decimal(kind) or (38, 0)
    fixed = {DType.TINYINT: 3, DType.SMALLINT: 5, DType.INT: 10, DType.BIGINT: 19, DType.DOUBLE: 17, DType.FLOAT: 17}
    if kind.this in types.TIMESTAMPS or kind.this == DType.TIMESTAMPTZ:
        return 3, 0
    return fixed.get(kind.this, 0), 0


def _writer(kind: exp.DataType, arrow: pa.DataType) -> Callable[[Any], str]:  # noqa: PLR0911
    this = kind.this
    if pa.types.is_null(arrow):  # DuckDB's type of what is NULL in every row, whatever the query says of it
        return _scalar
    if this == DType.ARRAY:
        inner = _nested(_writer(kind.expressions[0], arrow.value_type))
        return lambda value: "[" + ", ".join(inner(item) for item in value) + "]"
    if this == DType.MAP:
        key = _nested(_writer(kind.expressions[0], arrow.key_type))
        item = _nested(_writer(kind.expressions[1], arrow.item_type))
        return lambda value: "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in value) + "}"
    if this == DType.STRUCT:
        parts = [
            (name or f"field{place}", arrow.field(place).name, _nested(_writer(found, arrow.field(place).type)))
            for place, (name, found) in enumerate(types.fields(kind))
        ]
        return lambda value: "{" + ", ".join(f"{shown}={write(value[name])}" for shown, name, write in parts) + "}"
    if this in types.TIMESTAMPS:
        precision = (types.parameters(kind) or [3])[0]
        return lambda value: formats.timestamp_text(value, precision)
    if this == DType.TIMESTAMPTZ:
        precision = (types.parameters(kind) or [3])[0]
        return lambda value: f"{formats.timestamp_text(shown(value, kind), precision)} {types.zone_of(kind)}"
    if this == DType.FLOAT:
        return formats.real_text
    return _scalar


def _nested(write: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "null" if value is None else write(value)


def _scalar(value: Any) -> str:  # noqa: PLR0911
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return formats.double_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, datetime):
        return formats.timestamp_text(formats.to_utc(value), 3)
    if isinstance(value, time):
        return value.isoformat("milliseconds")
    if isinstance(value, int | date):
        return str(value)
    return _interval(value)


def _interval(value: Any) -> str:
    """Return an interval as ``2 03:04:05.678`` for days and time, ``1-2`` for years and months."""
    if value.months:
        years, months = divmod(abs(value.months), 12)
        return f"{'-' * (value.months < 0)}{years}-{months}"
    micros = value.days * 86_400_000_000 + value.nanoseconds // 1000
    sign, micros = ("-" if micros < 0 else ""), abs(micros)
    days, rest = divmod(micros, 86_400_000_000)
    hours, rest = divmod(rest, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{rest // 1_000_000:02d}.{rest % 1_000_000 // 1000:03d}"
