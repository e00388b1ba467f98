"""Runs UNLOAD and CREATE TABLE AS: writes a query's rows as Parquet objects, and the manifest that lists them."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from moto.core.exceptions import JsonRESTError
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.engine import Answer, QueryEngine
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import Leave, path_of
from localaws.athena.statements import CreateTableAs, Unload
from localaws.athena.typing import DType
from localaws.context import Context

_CODECS = {"none": "NONE", "snappy": "SNAPPY", "gzip": "GZIP", "zstd": "ZSTD", "lz4": "LZ4"}
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


def run_unload(
    ctx: Context, leave: Leave, engine: QueryEngine, statement: Unload, *, database: str, query_id: str, allow: Any
) -> tuple[Answer, list[str]]:
    """Write the query's rows below the target, which must be empty; return them and the objects' URIs."""
    _only_parquet(statement.properties, {"format", "compression"})
    _must_be_empty(ctx, leave, statement.target)
    answer = engine.answer(statement.query, database, allow=allow)
    return answer, _write(
        ctx, leave, answer, statement.target, query_id=query_id, codec=statement.properties.get("compression")
    )


def run_create_table_as(
    ctx: Context,
    leave: Leave,
    engine: QueryEngine,
    statement: CreateTableAs,
    *,
    database: str,
    query_id: str,
    default: str,
    allow: Any,
) -> tuple[Answer, list[str]]:
    """Write the query's rows and register a table over them in the Glue catalog; return them and the objects' URIs."""
    allowed = {"format", "external_location", "write_compression", "parquet_compression", "is_external", "table_type"}
    _only_parquet(statement.properties, allowed)
    if statement.properties.get("table_type", "hive").lower() != "hive":
        raise not_supported(f"CREATE TABLE AS with table_type {statement.properties['table_type']}")
    leave.glue("CreateTable", statement.database, statement.name)
    glue = ctx.client("glue")
    if _exists(glue, statement.database, statement.name):
        raise QueryFailed(
            "TABLE_ALREADY_EXISTS",
            f"line 1:1: Destination table 'awsdatacatalog.{statement.database}.{statement.name}' already exists",
        )
    location = statement.properties.get("external_location") or f"{default}tables/{query_id}"
    location = location.rstrip("/") + "/"
    _must_be_empty(ctx, leave, location)
    answer = engine.answer(statement.query, database, allow=allow)
    codec = statement.properties.get("write_compression") or statement.properties.get("parquet_compression")
    paths = _write(ctx, leave, answer, location, query_id=query_id, codec=codec)
    glue.create_table(
        DatabaseName=statement.database,
        TableInput={
            "Name": statement.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
            "StorageDescriptor": {
                "Columns": [{"Name": c.name.lower(), "Type": hive_name(c.type)} for c in answer.columns],
                "Location": location,
                "InputFormat": f"{_PARQUET}.MapredParquetInputFormat",
                "OutputFormat": f"{_PARQUET}.MapredParquetOutputFormat",
                "SerdeInfo": {"SerializationLibrary": f"{_PARQUET}.serde.ParquetHiveSerDe"},
            },
        },
    )
    return answer, paths


def hive_name(kind: exp.DataType) -> str:
    """Return the type as a Glue column declares it."""
    if kind.this == DType.ARRAY:
        return f"array<{hive_name(kind.expressions[0])}>"
    if kind.this == DType.MAP:
        return f"map<{hive_name(kind.expressions[0])},{hive_name(kind.expressions[1])}>"
    if kind.this == DType.STRUCT:
        return "struct<" + ",".join(f"{f.name}:{hive_name(f.kind)}" for f in kind.expressions) + ">"
    if kind.this in types.TEXT:
        return "string"
    if kind.this in types.TIMESTAMPS:
        return "timestamp"
    simple = {DType.INT: "int", DType.FLOAT: "float", DType.VARBINARY: "binary", DType.BINARY: "binary"}
    if kind.this in (DType.TIMESTAMPTZ, DType.TIME, DType.JSON, DType.INTERVAL, DType.UUID):
        raise QueryFailed("NOT_SUPPORTED", f"Unsupported Hive type: {types.trino_name(kind)}")
    if kind.this == DType.NULL:
        raise QueryFailed("SYNTAX_ERROR", "line 1:1: Column type is unknown")
    return simple.get(kind.this, types.trino_name(kind))


def _write(ctx: Context, leave: Leave, answer: Answer, target: str, *, query_id: str, codec: str | None) -> list[str]:
    names = [column.name.lower() for column in answer.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{twice}' specified more than once")
    unnamed = [index for index, name in enumerate(names, start=1) if name == f"_col{index - 1}"]
    if unnamed:
        raise QueryFailed("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {unnamed[0]}")
    for column in answer.columns:
        hive_name(column.type)
    if (codec or "gzip").lower() not in _CODECS:
        raise not_supported(f"the compression {codec}")
    if not answer.table.num_rows:
        return []
    fields = [pa.field(name, field.type) for name, field in zip(names, answer.table.schema, strict=True)]
    table = answer.table.rename_columns([field.name for field in fields])
    body = io.BytesIO()
    pq.write_table(table, body, compression=_CODECS[(codec or "gzip").lower()], coerce_timestamps="us")
    bucket, _, prefix = target.partition("://")[2].partition("/")
    key = f"{prefix.rstrip('/')}/{query_id}_0".lstrip("/")
    leave.write(f"{bucket}/{key}")
    ctx.client("s3").put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return [f"s3://{bucket}/{key}"]


def _must_be_empty(ctx: Context, leave: Leave, target: str) -> None:
    bucket, _, prefix = path_of(target).partition("/")
    leave.listing(f"s3://{bucket}/{prefix.rstrip('/')}/")
    found = ctx.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix.rstrip("/") + "/", MaxKeys=1)
    if found.get("KeyCount"):
        raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", f"Target directory for table already exists: {target}")


def _only_parquet(properties: dict[str, str], known: set[str]) -> None:
    unknown = sorted(set(properties) - known)
    if unknown:
        raise not_supported(f"the property {unknown[0]}")
    if properties.get("format", "parquet").lower() != "parquet":
        raise not_supported(f"the format {properties['format']}")


def _exists(glue: Any, database: str, name: str) -> bool:
    try:
        glue.get_table(DatabaseName=database, Name=name)
    except (glue.exceptions.EntityNotFoundException, JsonRESTError):
        return False
    return True
