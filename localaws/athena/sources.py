"""The source of a table's rows, whatever its format: its columns, its size in bytes, its rows as Arrow."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from sqlglot import exp

from localaws.athena import typing as types
from localaws.context import Context


@dataclass(frozen=True)
class Rows:
    """Rows to register in DuckDB: ``data`` is an Arrow table or data set, ``bytes`` the size that Athena would bill.

    ``projection`` maps each column that Athena shows to the DuckDB expression over ``data`` that gives it.
    """

    data: Any
    bytes: int
    projection: dict[str, str]


#: Columns that a row has by the file that it is from: a query sees those that it names, and a star none of them.
#: https://trino.io/docs/current/connector/hive.html#metadata-columns
PATH: Final = "$path"
MODIFIED: Final = "$file_modified_time"
SIZE: Final = "$file_size"
_FILE_TYPES: Final = {PATH: pa.string(), MODIFIED: pa.timestamp("ms", "UTC"), SIZE: pa.int64()}


class QuerySource(Protocol):
    """One table, opened for a query; ``hidden`` are columns that no star stands for."""

    columns: dict[str, exp.DataType]
    hidden: dict[str, exp.DataType]

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
        self.hidden: dict[str, exp.DataType] = {}

    def rows(self, wanted: set[str]) -> Rows:
        """Return all rows; their size is 0 bytes, since metadata is not billed."""
        del wanted
        return Rows(self.table, 0, {name: quoted(name) for name in self.columns})


def file_columns(*names: str) -> dict[str, exp.DataType]:
    """Return these columns of a row's file with their types."""
    found = {name: types.from_arrow(_FILE_TYPES[name]) for name in names}
    return {name: kind for name, kind in found.items() if kind is not None}


@dataclass(frozen=True)
class FileValues:
    """What the file columns that a query names have for each file; ``info`` is what S3 says of the file."""

    names: list[str]

    @classmethod
    def wanted(cls, wanted: set[str]) -> FileValues:
        """Return those of the columns that a query names."""
        return cls([name for name in _FILE_TYPES if name in wanted])

    @property
    def schema(self) -> pa.Schema:
        """Return the Arrow fields of the columns."""
        return pa.schema([(name, _FILE_TYPES[name]) for name in self.names])

    @property
    def projection(self) -> dict[str, str]:
        """Return the columns as `Rows` projects them."""
        return {name: quoted(name) for name in self.names}

    def of(self, info: pafs.FileInfo, address: str = "") -> dict[str, pa.Scalar]:
        """Return the values for a file, whose ``address`` is that of its path unless the table says it otherwise."""
        values: dict[str, Any] = {PATH: address or f"s3://{info.path}", MODIFIED: info.mtime, SIZE: info.size}
        return {name: pa.scalar(values[name], _FILE_TYPES[name]) for name in self.names}

    def condition(self, info: pafs.FileInfo, address: str = "") -> pads.Expression | None:
        """Return what holds for all rows of a file, by which Arrow knows the columns; None if there are none."""
        parts = [pads.field(name) == value for name, value in self.of(info, address).items()]
        return functools.reduce(operator.and_, parts) if parts else None

    def added(self, table: pa.Table, info: pafs.FileInfo, address: str = "") -> pa.Table:
        """Return the rows of a file with the columns."""
        for name, value in self.of(info, address).items():
            table = table.append_column(name, pa.repeat(value, table.num_rows))
        return table


def quoted(name: str) -> str:
    """Return ``name`` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def s3_filesystem(ctx: Context) -> pafs.S3FileSystem:
    """Return Arrow's file system over the local S3, with path-style addresses."""
    scheme, _, host = ctx.endpoint.partition("://")
    return pafs.S3FileSystem(
        access_key=ctx.own_access_key,
        secret_key=ctx.token,
        endpoint_override=host,
        scheme=scheme,
        region=ctx.region,
        allow_bucket_creation=False,
    )


def iceberg_properties(ctx: Context) -> dict[str, str]:
    """Return the properties with which PyIceberg reads from the local S3."""
    return {
        "s3.endpoint": ctx.endpoint,
        "s3.access-key-id": ctx.own_access_key,
        "s3.secret-access-key": ctx.token,
        "s3.region": ctx.region,
        "s3.force-virtual-addressing": "false",
    }
