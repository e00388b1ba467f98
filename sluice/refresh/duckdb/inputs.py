"""Registers Iceberg snapshots with DuckDB, which then reads their Parquet files itself.

DuckDB's S3 extension is not part of the functions; ``LakeFiles`` reads through PyIceberg's S3 client instead. Columns
are found by their Iceberg field ids, so renamed and added columns are read as the table's schema says. A snapshot with
row-level deletes is read by PyIceberg.
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

from sluice.confined import literal, quoted
from sluice.contracts.types import DUCKDB_NAMES
from sluice.tables.files import data_files
from sluice.tables.schema import ICEBERG_TYPES
from sluice.tables.upkeep import EMPTY

_DUCKDB_TYPES = {type(kind): DUCKDB_NAMES[name] for name, kind in ICEBERG_TYPES.items()}
#: What follows a protocol's name in an address. It ends with a slash, so DuckDB accepts it as an allowed directory.
_ROOT = ":///"
#: The modification time reported for every file: a file of an Iceberg table never changes.
_WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)


def register(connection: duckdb.DuckDBPyConnection, name: str, table: Table, snapshot: str, *, under: str = "") -> None:
    """Make the table ``name`` at ``snapshot`` readable in SQL under its own name, or as ``under`` (database.table)."""
    view = under or name
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(view.partition('.')[0])}")
    files = data_files(table, snapshot) if is_native(table) else None
    if files is None:
        registered = view.replace(".", "__")
        source = quoted(registered)
        connection.register(registered, _by_iceberg(table, snapshot))
    else:
        register_files(connection, name, table)
        source = rows_of(name, table.schema(), files)
    connection.execute(f"CREATE VIEW {quoted(view)} AS FROM {source}")


def is_native(table: Table) -> bool:
    """Return whether DuckDB has a type for each of the table's columns; others are read by PyIceberg."""
    return all(_has_type(field.field_type) for field in table.schema().fields)


def register_files(connection: duckdb.DuckDBPyConnection, name: str, table: Table) -> None:
    """Register a file system with DuckDB that reads the files of ``table`` through PyIceberg's client."""
    known = protocol(name).removesuffix(_ROOT)
    if known not in connection.list_filesystems():
        connection.register_filesystem(LakeFiles(table.io, known, within=table.location()))


def rows_of(name: str, schema: Schema, files: Sequence[DataFile], *, options: str = "") -> str:
    """Return SQL for the rows of ``files`` of the table ``name``, whose files ``register_files`` registered."""
    if not files:
        empty = (f"CAST(NULL AS {_duckdb_type(field.field_type)}) AS {quoted(field.name)}" for field in schema.fields)
        return f"(SELECT {', '.join(empty)} WHERE false)"
    addresses = ", ".join(literal(address(name, file)) for file in files)
    return f"read_parquet([{addresses}], schema={_columns(schema)}{options})"


def address(name: str, file: DataFile) -> str:
    """Return the address under which DuckDB reads a file of the table ``name``."""
    return f"{protocol(name)}{file.file_path}"


def protocol(name: str) -> str:
    """Return the beginning of all of DuckDB's addresses of files of the table ``name``."""
    return "lake-" + name.replace("_", "-").replace(".", "-") + _ROOT


def _by_iceberg(table: Table, snapshot: str) -> Any:
    if snapshot == EMPTY:
        return schema_to_pyarrow(table.schema(), include_field_ids=False).empty_table()
    return table.scan(snapshot_id=int(snapshot)).to_arrow_batch_reader()


def _columns(schema: Schema) -> str:
    """Return the table's columns by field id, as ``read_parquet`` takes them."""
    columns = (
        f"{field.field_id}: {{name: {literal(field.name)}, type: {literal(_duckdb_type(field.field_type))}, "
        "default_value: NULL}"
        for field in schema.fields
    )
    return f"MAP {{{', '.join(columns)}}}"


def _has_type(kind: IcebergType) -> bool:
    return isinstance(kind, DecimalType) or type(kind) in _DUCKDB_TYPES


def _duckdb_type(kind: IcebergType) -> str:
    if isinstance(kind, DecimalType):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _DUCKDB_TYPES[type(kind)]


class LakeFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A read-only file system over one table's files, for DuckDB; addresses are ``protocol:///`` and the file's own.

    Files outside the table's location ``within`` are refused with ``PermissionError``.
    """

    cachable = False

    def __init__(self, io: FileIO, protocol: str, *, within: str) -> None:
        super().__init__()
        self.protocol = protocol
        self._io, self._within = io, within.rstrip("/") + "/"

    def open(self, path: str, mode: str = "rb", **_: Any) -> _SharedFile:
        """Open a file for reading."""
        if mode != "rb":
            raise PermissionError(f"{path}: data files are only read, not opened as {mode!r}")
        return _SharedFile(self._io.new_input(self._address(path)).open())

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return a file's size in bytes."""
        return {"name": path, "type": "file", "size": len(self._io.new_input(self._address(path)))}

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return ``path`` itself: stars and brackets are part of a file's name here, not patterns."""
        return [path]

    def modified(self, path: str) -> datetime:
        """Return the same time for every file, since files of Iceberg tables never change."""
        del path
        return _WRITTEN

    def _address(self, path: str) -> str:
        address = path.removeprefix(f"{self.protocol}{_ROOT}")
        if not address.startswith(self._within) or "/../" in address:
            raise PermissionError(f"{address}: not a file of this table, which lies in {self._within}")
        return address


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
