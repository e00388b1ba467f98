"""Parquet and ORC files of Hive tables, whose columns are found by name, whatever its capitals."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.lines import Field
from localaws.athena.nested_arrays import by_name, fitted

PARQUET_CODECS: Final = {
    "GZIP": "GZIP", "SNAPPY": "SNAPPY", "ZSTD": "ZSTD", "LZ4": "LZ4", "NONE": "NONE", "UNCOMPRESSED": "NONE",
}  # fmt: skip
ORC_CODECS: Final = {"ZLIB": "zlib", "SNAPPY": "snappy", "LZ4": "lz4", "ZSTD": "zstd", "NONE": "uncompressed"}


def parquet_table(file: Any, fields: Sequence[Field], path: str) -> pa.Table:
    """Return the wanted columns of a Parquet file."""

    def read(names: list[str]) -> pa.Table:
        return opened.read(columns=names)

    try:
        # Spark's old timestamps, which would be nanoseconds, are read as microseconds.
        opened = pq.ParquetFile(file, coerce_int96_timestamp_unit="us")
        return _named(opened.schema_arrow, opened.metadata.num_rows, read, fields, path)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, "Parquet", error) from None


def orc_table(file: Any, fields: Sequence[Field], path: str) -> pa.Table:
    """Return the wanted columns of an ORC file."""
    try:
        opened = orc.ORCFile(file)
        return _named(opened.schema, opened.nrows, lambda names: opened.read(columns=names), fields, path)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, "ORC", error) from None


def parquet(table: pa.Table, codec: str, level: int | None = None) -> bytes:
    """Return the rows as a Parquet file."""
    body = io.BytesIO()
    pq.write_table(table, body, compression=PARQUET_CODECS[codec], compression_level=level, coerce_timestamps="us")
    return body.getvalue()


def orc_file(table: pa.Table, codec: str) -> bytes:
    """Return the rows as an ORC file."""
    body = io.BytesIO()
    orc.write_table(table, body, compression=ORC_CODECS[codec])
    return body.getvalue()


def _named(
    schema: pa.Schema, rows: int, read: Callable[[list[str]], pa.Table], fields: Sequence[Field], path: str
) -> pa.Table:
    """Return the wanted columns under the table's names and with its types; one that the file lacks is NULL."""
    there = {name.lower(): name for name in reversed(schema.names)}
    present = [there[field.name] for field in fields if field.name in there]
    found = read(present) if present else pa.table({})
    arrays = []
    for field in fields:
        target = types.arrow_type(field.kind)
        if field.name not in there:
            arrays.append(pa.chunked_array([pa.nulls(rows, target)]))
            continue
        try:
            arrays.append(fitted(found.column(there[field.name]), target, by_name, _plain))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise QueryFailed(
                "HIVE_BAD_DATA",
                f"Field {field.name}'s type {schema.field(there[field.name]).type} in file s3://{path} is incompatible "
                f"with type {types.trino_name(field.kind)} defined in table schema: {error}",
            ) from None
    if not fields:
        return counted(rows)
    return pa.Table.from_arrays(arrays, names=[field.name for field in fields])


def counted(rows: int) -> pa.Table:
    """Return a table without columns that has so many rows."""
    return pa.table({"": pa.nulls(rows)}).select([])


def _plain(array: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(array.type) and pa.types.is_timestamp(target):
        # Hive's timestamps have no zone; what is finer than the type is cut.
        return array.cast(pa.timestamp(array.type.unit)).cast(target, safe=False)
    return array.cast(target)


def _broken(path: str, kind: str, error: Exception) -> QueryFailed:
    return QueryFailed("HIVE_CANNOT_OPEN_SPLIT", f"s3://{path} cannot be read as {kind}: {error}")
