"""Makes the snapshots that a transform reads known to DuckDB, which reads their Parquet files itself.

DuckDB has no S3 client in the functions; ``LakeFiles`` lends it PyIceberg's. Columns are found by their Iceberg field
ids, so renamed and added columns read as the table's schema says. A snapshot with deletes is read by PyIceberg.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import fsspec
from pyiceberg.io import FileIO, InputStream
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import DecimalType, IcebergType

from sluice.contracts.types import DUCKDB_NAMES
from sluice.tables.files import EMPTY, data_files
from sluice.tables.schema import ICEBERG_TYPES

_DUCKDB_TYPES = {type(kind): DUCKDB_NAMES[name] for name, kind in ICEBERG_TYPES.items()}
#: Iceberg's files never change under one name.
_WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)


def register(connection: duckdb.DuckDBPyConnection, name: str, table: Table, snapshot: str) -> None:
    """Make ``table`` at ``snapshot`` readable in SQL under ``name`` (``database.table``)."""
    database, _, plain = name.partition(".")
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{database}"')
    files = data_files(table, snapshot) if is_native(table) else None
    if files is None:
        source = f'"{database}__{plain}"'
        connection.register(f"{database}__{plain}", _by_iceberg(table, snapshot))
    else:
        lend(connection, name, table)
        source = rows_of(name, table.schema(), files)
    connection.execute(f'CREATE VIEW "{database}"."{plain}" AS FROM {source}')


def is_native(table: Table) -> bool:
    """Tell whether DuckDB has a type for each of the table's columns."""
    return all(_duckdb_type(field.field_type) is not None for field in table.schema().fields)


def lend(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Let DuckDB read the files of ``table`` through PyIceberg's client."""
    if _protocol(name) not in connection.list_filesystems():
        connection.register_filesystem(LakeFiles(table.io, _protocol(name)))
    # Whole column chunks are fetched ahead in few large reads, as S3 wants them.
    connection.execute("SET prefetch_all_parquet_files = true")


def rows_of(name: str, schema: Schema, files: Sequence[DataFile], *, options: str = "") -> str:
    """Return SQL for the rows of some of a table's files, which ``lend`` made readable."""
    if not files:
        empty = (
            f"CAST(NULL AS {_duckdb_type(field.field_type)}) AS {_quoted_name(field.name)}" for field in schema.fields
        )
        return f"(SELECT {', '.join(empty)} WHERE false)"
    addresses = ", ".join(_quoted(address(name, file)) for file in files)
    return f"read_parquet([{addresses}], schema={_columns(schema)}{options})"


def address(name: str, file: DataFile) -> str:
    """Return under which name DuckDB reads a file of the table ``name``."""
    return f"{_protocol(name)}://{file.file_path}"


def _protocol(name: str) -> str:
    return f"lake-{name}".replace("_", "-").replace(".", "-")


def _by_iceberg(table: Table, snapshot: str) -> Any:
    if snapshot == EMPTY:
        return schema_to_pyarrow(table.schema(), include_field_ids=False).empty_table()
    return table.scan(snapshot_id=int(snapshot)).to_arrow_batch_reader()


def _columns(schema: Schema) -> str:
    """Return the table's columns by field id, as ``read_parquet`` takes them."""
    columns = (
        f"{field.field_id}: {{name: {_quoted(field.name)}, type: {_quoted(_duckdb_type(field.field_type) or '')}, "
        "default_value: NULL}"
        for field in schema.fields
    )
    return f"MAP {{{', '.join(columns)}}}"


def _duckdb_type(kind: IcebergType) -> str | None:
    if isinstance(kind, DecimalType):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB_TYPES.get(type(kind))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted_name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class LakeFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A table's files as DuckDB asks for them: under ``protocol://`` and the file's own address."""

    cachable = False

    def __init__(self, io: FileIO, protocol: str) -> None:
        super().__init__()
        self.protocol = protocol
        self._io = io

    def open(self, path: str, mode: str = "rb", **_: Any) -> _SharedFile:
        """Open a file for reading."""
        if mode != "rb":
            raise PermissionError(f"{path}: data files are only read, not opened as {mode!r}")
        return _SharedFile(self._io.new_input(self._address(path)).open())

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return a file's size in bytes."""
        return {"name": path, "type": "file", "size": len(self._io.new_input(self._address(path)))}

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the one file of that name; stars and brackets are part of it."""
        return [path]

    def modified(self, path: str) -> datetime:
        """Return when a file was written."""
        del path
        return _WRITTEN

    def _address(self, path: str) -> str:
        return path.removeprefix(f"{self.protocol}://")


class _SharedFile:
    """One open file that several of DuckDB's threads read at once, each from its own position."""

    def __init__(self, stream: InputStream) -> None:
        self._stream: Any = stream
        self._local = threading.local()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set this thread's position, from the beginning of the file."""
        if whence:
            raise ValueError("DuckDB seeks from the beginning only")
        self._local.at = offset
        return offset

    def tell(self) -> int:
        """Return this thread's position."""
        return getattr(self._local, "at", 0)

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes of this thread."""
        data: bytes = self._stream.read_at(size, self.tell())
        self._local.at = self.tell() + len(data)
        return data

    def close(self) -> None:
        """Close the file for all threads."""
        self._stream.close()
