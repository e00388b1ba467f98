"""Iceberg tables as a query reads them: one snapshot, with deletes applied and columns matched by field id.

https://iceberg.apache.org/spec/#column-projection
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, schema_to_pyarrow
from pyiceberg.schema import Schema, index_name_by_id
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import DataScan, FileScanTask, StaticTable, Table
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import Leave, ReadableIO, path_of
from localaws.athena.null_lists import mend
from localaws.athena.sources import (
    MODIFIED,
    PATH,
    FileValues,
    FixedSource,
    QuerySource,
    Rows,
    file_columns,
    iceberg_properties,
    quoted,
    s3_filesystem,
)
from localaws.context import Context

mend()

_PARQUET = pads.ParquetFileFormat()


class IcebergSource:
    """The rows of one snapshot of an Iceberg table."""

    def __init__(self, ctx: Context, leave: Leave, table: Table, snapshot: Any | None) -> None:
        self._ctx, self._leave = ctx, leave
        self._table = table
        self._snapshot = snapshot
        schema = table.schema()
        if snapshot is not None and snapshot.schema_id is not None and not _is_current(table, snapshot):
            schema = next(s for s in table.metadata.schemas if s.schema_id == snapshot.schema_id)
        self._schema = schema
        self._names = {field.name.lower(): field.name for field in schema.fields}
        self.columns: dict[str, exp.DataType] = {
            field.name.lower(): types.iceberg_type(field.field_type) for field in schema.fields
        }
        self.hidden = file_columns(PATH, MODIFIED)

    @property
    def properties(self) -> dict[str, str]:
        """Return the table's properties."""
        return dict(self._table.properties)

    def partitioned_by(self) -> list[str]:
        """Return the fields that the table is partitioned by now, each as PARTITIONED BY names it."""
        found = []
        for field in self._table.spec().fields:
            column = f"`{self._table.schema().find_column_name(field.source_id)}`"
            function, _, argument = str(field.transform).removesuffix("]").partition("[")
            if function == "identity":
                found.append(column)
            elif function != "void":
                found.append(f"{function}({f'{argument}, ' * bool(argument)}{column})")
        return found

    def rows(self, wanted: set[str]) -> Rows:
        """Return the snapshot's rows: a data set that DuckDB scans, or a whole table when deletes must be applied."""
        arrow = schema_to_pyarrow(self._schema, include_field_ids=False)
        projection = {shown: quoted(name) for shown, name in self._names.items()}
        of_file = FileValues.wanted(wanted)
        if self._snapshot is None:
            empty = pa.schema([*arrow, *of_file.schema]).empty_table()
            return Rows(empty, 0, projection | of_file.projection)
        # Naming the current snapshot would read it with the schema that it was written with, not with the table's.
        current = _is_current(self._table, self._snapshot)
        scan = self._table.scan(snapshot_id=None if current else self._snapshot.snapshot_id)
        tasks = planned(scan)
        size = sum(
            task.file.file_size_in_bytes + sum(d.file_size_in_bytes for d in task.delete_files) for task in tasks
        )
        infos = self._infos(tasks, of_file)
        if any(task.delete_files for task in tasks) or not _names_are_ids(self._table.metadata) or not tasks:
            kept = [name for shown, name in self._names.items() if shown in wanted] or [arrow.names[0]]
            projection = {shown: quoted(name) for shown, name in self._names.items() if name in kept}
            return Rows(self._merged(kept, tasks, infos, of_file), size, projection | of_file.projection)
        filesystem = s3_filesystem(self._ctx)
        for task in tasks:
            self._leave.read(path_of(task.file.file_path))
        fragments = [
            _PARQUET.make_fragment(
                path_of(task.file.file_path),
                filesystem=filesystem,
                partition_expression=of_file.condition(info, task.file.file_path),
            )
            for task, info in zip(tasks, infos, strict=True)
        ]
        if any(str(task.file.file_format).upper().rpartition(".")[2] != "PARQUET" for task in tasks):
            raise not_supported("an Iceberg table with data files that are not Parquet")
        full = pa.schema([*arrow, *of_file.schema])
        data = pads.FileSystemDataset(fragments, full, _PARQUET, filesystem)
        return Rows(data, size, projection | of_file.projection)

    def _infos(self, tasks: list[FileScanTask], of_file: FileValues) -> list[pafs.FileInfo]:
        """Return what S3 says of each file, where the query asks for it."""
        paths = [path_of(task.file.file_path) for task in tasks]
        if MODIFIED not in of_file.names:
            return [pafs.FileInfo(path) for path in paths]
        for path in paths:
            self._leave.read(path)
        found: list[pafs.FileInfo] = s3_filesystem(self._ctx).get_file_info(paths)
        return found

    def _merged(
        self, names: list[str], tasks: list[FileScanTask], infos: list[pafs.FileInfo], of_file: FileValues
    ) -> pa.Table:
        """Return these columns of the files' rows without the deleted ones, each with the columns of its file."""
        fields = [field for field in self._schema.fields if field.name in names]
        schema = Schema(*fields, schema_id=self._schema.schema_id)
        scan = ArrowScan(self._table.metadata, self._table.io, schema, AlwaysTrue())
        if not of_file.names:
            return without_extensions(scan.to_table(tasks))
        parts = [
            of_file.added(without_extensions(scan.to_table([task])), info, task.file.file_path)
            for task, info in zip(tasks, infos, strict=True)
        ]
        empty = pa.schema([*without_extensions(scan.to_table([])).schema, *of_file.schema]).empty_table()
        return pa.concat_tables([empty, *parts], promote_options="permissive")


def planned(scan: DataScan) -> list[FileScanTask]:
    """Return the files to read with their delete files; raise for deletes that cannot be applied."""
    try:
        return list(scan.plan_files())
    except ValueError as error:
        if "equality deletes" not in str(error):
            raise
        raise not_supported("an Iceberg table with equality deletes", allowed="position deletes") from None


def open_table(
    ctx: Context, leave: Leave, metadata_location: str, *, suffix: str, version: tuple[str, Any] | None
) -> QuerySource:
    """Return the source for an Iceberg table, one of its metadata tables, or an older version of it.

    PyIceberg's ``StaticTable.from_metadata`` is not used: it lets the metadata choose the code that reads its files.
    """
    io = ReadableIO(iceberg_properties(ctx), leave)
    metadata = FromInputFile.table_metadata(io.new_input(metadata_location))
    name = ("static-table", metadata_location)
    table = StaticTable(name, metadata, metadata_location, io, NoopCatalog("static-table"))
    if suffix:
        return _metadata_table(table, suffix)
    return IcebergSource(ctx, leave, table, _snapshot(table, version))


def _is_current(table: Table, snapshot: Any) -> bool:
    return bool(snapshot.snapshot_id == table.metadata.current_snapshot_id)


def _snapshot(table: StaticTable, version: tuple[str, Any] | None) -> Any | None:
    if version is None:
        return table.current_snapshot()
    kind, value = version
    if kind == "VERSION":
        found = table.snapshot_by_id(int(value)) if str(value).isdigit() else table.snapshot_by_name(str(value))
        if found is None:
            raise QueryFailed("INVALID_ARGUMENTS", f"Iceberg snapshot ID does not exists: {value}")
        return found
    moment: datetime = value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at = int(moment.timestamp() * 1000)
    entries = [entry for entry in table.metadata.snapshot_log if entry.timestamp_ms <= at]
    if not entries:
        raise QueryFailed("INVALID_ARGUMENTS", f"No version history table found at or before {moment.isoformat()}")
    return table.snapshot_by_id(max(entries, key=lambda entry: entry.timestamp_ms).snapshot_id)


def _metadata_table(table: StaticTable, suffix: str) -> FixedSource:
    inspect = table.inspect
    kinds: dict[str, Callable[[], Any]] = {
        "snapshots": inspect.snapshots,
        "files": inspect.files,
        "history": inspect.history,
        # PyIceberg refuses to look at a table without a snapshot.
        "partitions": inspect.partitions if table.current_snapshot() else lambda: _no_partitions(table),
        "manifests": inspect.manifests,
        "refs": inspect.refs,
        "properties": lambda: _properties(table),
    }
    if suffix not in kinds:
        raise not_supported(f"the metadata table ${suffix}")
    found = kinds[suffix]()
    renamed = {"total_data_file_size_in_bytes": "total_size"} if suffix == "partitions" else {}
    found = found.rename_columns([renamed.get(name, name) for name in found.column_names])
    for name in ("committed_at", "made_current_at"):
        if name in found.column_names:
            index = found.column_names.index(name)
            found = found.set_column(index, name, found[name].cast(pa.timestamp("us", "UTC")))
    for index, field in enumerate(found.schema):
        if pa.types.is_dictionary(field.type):
            found = found.set_column(index, field.name, found[field.name].cast(field.type.value_type))
    return FixedSource(found)


def _properties(table: StaticTable) -> pa.Table:
    """Return the rows of ``$properties``. https://trino.io/docs/current/connector/iceberg.html#properties-table"""
    names = sorted(table.properties)
    values = pa.array([table.properties[name] for name in names], pa.string())
    return pa.table({"key": pa.array(names, pa.string()), "value": values})


def _no_partitions(table: StaticTable) -> pa.Table:
    """Return the rows of ``$partitions`` of a table that has none yet."""
    fields = schema_to_pyarrow(table.metadata.specs_struct(), include_field_ids=False)
    partition = [("partition", pa.struct(list(fields))), ("spec_id", pa.int32())] if len(fields) else []
    numbers = ["record_count", "file_count", "total_data_file_size_in_bytes", "position_delete_record_count",
               "position_delete_file_count", "equality_delete_record_count", "equality_delete_file_count"]  # fmt: skip
    counted = [(name, pa.int32() if name.endswith("file_count") else pa.int64()) for name in numbers]
    updated = [("last_updated_at", pa.timestamp("ms")), ("last_updated_snapshot_id", pa.int64())]
    return pa.schema([*partition, *counted, *updated]).empty_table()


def _names_are_ids(metadata: Any) -> bool:
    """Return whether every field kept its name and type in all schemas, so that files may be read by column name.

    A renamed, re-added or promoted column, a default or a name mapping needs PyIceberg's own reader.
    """
    if "schema.name-mapping.default" in metadata.properties:
        return False
    seen: dict[int, tuple[str, str]] = {}
    ids: dict[str, int] = {}
    for schema in metadata.schemas:
        if any(getattr(field, "initial_default", None) is not None for field in schema.fields):
            return False
        for field_id, name in index_name_by_id(schema).items():
            kind = schema.find_type(field_id)
            if kind.is_struct:
                continue
            if seen.setdefault(field_id, (name, str(kind))) != (name, str(kind)):
                return False
            if ids.setdefault(name, field_id) != field_id:
                return False
    return not any(
        f.field_type.is_struct or not f.field_type.is_primitive for s in metadata.schemas for f in s.fields
    ) or (len(metadata.schemas) == 1)


def without_extensions(table: pa.Table) -> pa.Table:
    """Return the table with the storage of each extension type, which DuckDB does not know, in its place."""
    for index, field in enumerate(table.schema):
        if isinstance(field.type, pa.ExtensionType):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.storage_type))
    return table
