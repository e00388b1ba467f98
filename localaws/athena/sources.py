"""The source of a table's rows, whatever its format: its columns, its size in bytes, its rows as Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.fs as pafs
from sqlglot import exp

from localaws.athena import typing as types
from localaws.context import ADMIN_ACCESS_KEY, Context


@dataclass(frozen=True)
class Rows:
    """Rows to register in DuckDB: ``data`` is an Arrow table or data set, ``bytes`` the size that Athena would bill.

    ``projection`` maps each column that Athena shows to the DuckDB expression over ``data`` that gives it.
    """

    data: Any
    bytes: int
    projection: dict[str, str]


class QuerySource(Protocol):
    """One table, opened for a query."""

    columns: dict[str, exp.DataType]

    def rows(self, wanted: set[str]) -> Rows:
        """Return the table's rows with at least the ``wanted`` columns."""


@dataclass
class FixedSource:
    """A table whose rows are in memory already: information schema, Iceberg metadata."""

    table: pa.Table

    def __post_init__(self) -> None:
        """Leave out columns of types that Athena does not have."""
        kinds = {field.name: types.from_arrow(field.type) for field in self.table.schema}
        self.columns: dict[str, exp.DataType] = {name: kind for name, kind in kinds.items() if kind is not None}

    def rows(self, wanted: set[str]) -> Rows:
        """Return all rows; their size is 0 bytes, since metadata is not billed."""
        del wanted
        return Rows(self.table, 0, {name: quoted(name) for name in self.columns})


def quoted(name: str) -> str:
    """Return ``name`` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def s3_filesystem(ctx: Context) -> pafs.S3FileSystem:
    """Return Arrow's file system over the local S3, with path-style addresses."""
    scheme, _, host = ctx.endpoint.partition("://")
    return pafs.S3FileSystem(
        access_key=ADMIN_ACCESS_KEY,
        secret_key=ctx.secret,
        endpoint_override=host,
        scheme=scheme,
        region=ctx.region,
        allow_bucket_creation=False,
    )


def iceberg_properties(ctx: Context) -> dict[str, str]:
    """Return the properties with which PyIceberg reads from the local S3."""
    return {
        "s3.endpoint": ctx.endpoint,
        "s3.access-key-id": ADMIN_ACCESS_KEY,
        "s3.secret-access-key": ctx.secret,
        "s3.region": ctx.region,
        "s3.force-virtual-addressing": "false",
    }
