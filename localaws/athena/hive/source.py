"""Hive tables: objects below a location or below those of partitions, in any of the formats that Athena reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed
from localaws.athena.hive import avro, columnar
from localaws.athena.hive.codecs import text_of
from localaws.athena.hive.lines import Field
from localaws.athena.hive.projection import Projection
from localaws.athena.hive.pruning import Pruning, key_value
from localaws.athena.hive.serdes import text_reader
from localaws.athena.leave import Leave, path_of
from localaws.athena.sources import MODIFIED, PATH, SIZE, FileValues, Rows, file_columns, quoted, s3_filesystem
from localaws.context import Context

#: Spark's old timestamps, which would be nanoseconds, are read as microseconds.
_PARQUET = pads.ParquetFileFormat(coerce_int96_timestamp_unit="us")


@dataclass(frozen=True)
class _File:
    """An object of the table, the values of its partition, and the storage that says how it is read."""

    info: pafs.FileInfo
    values: tuple[str, ...]
    storage: dict[str, Any]

    @property
    def path(self) -> str:
        return str(self.info.path)


class HiveSource:
    """The objects of one Hive table."""

    def __init__(self, ctx: Context, leave: Leave, table: dict[str, Any], partitions: list[dict[str, Any]]) -> None:
        self._storage = table.get("StorageDescriptor") or {}
        self._table, self._leave, self._partitions = table, leave, partitions
        self._filesystem = s3_filesystem(ctx)
        self._own = {c["Name"].lower(): types.hive_type(c["Type"]) for c in self._storage.get("Columns", [])}
        self._keys = {c["Name"].lower(): types.hive_type(c["Type"]) for c in table.get("PartitionKeys") or []}
        self.columns: dict[str, exp.DataType] = {**self._own, **self._keys}
        self.hidden = file_columns(PATH, MODIFIED, SIZE)
        self._projection = Projection.of(table)

    def rows(self, wanted: set[str], pruning: Pruning | None = None) -> Rows:
        """Return the table's rows, partition keys included; columns that are not wanted are not read.

        Partitions that ``pruning`` shows to have no row that matters are neither listed nor read. Raises
        CONSTRAINT_VIOLATION for an injected key that nothing holds to values.
        """
        self._check_injected(pruning)
        files = list(self._files(pruning))
        for file in files:
            self._leave.read(file.path)
        fields = [Field(place, name, kind) for place, (name, kind) in enumerate(self._own.items()) if name in wanted]
        of_file = FileValues.wanted(wanted if fields or self._keys else wanted | {PATH})
        keys = pa.schema([(name, pa.string()) for name in self._keys])
        own = pa.schema([(field.name, types.arrow_type(field.kind)) for field in fields])
        schema = pa.schema([*own, *keys, *of_file.schema])
        tables, fragments = [schema.empty_table()], []
        for file in files:
            fragment = self._fragment(file, own, of_file) if "parquet" in _serde(file.storage).lower() else None
            if fragment is not None:
                fragments.append(fragment)
                continue
            table = self._table_of(file, fields, own)
            for name, value in zip(self._keys, file.values, strict=True):
                table = table.append_column(name, pa.repeat(pa.scalar(value, pa.string()), table.num_rows))
            tables.append(of_file.added(table, file.info).cast(schema))
        data: Any = pa.concat_tables(tables)
        if fragments:
            streamed = pads.FileSystemDataset(fragments, schema, _PARQUET, self._filesystem)
            # A data set of rows in memory cannot be sent to the process that computes.
            data = pa.concat_tables([data, streamed.to_table()]) if data.num_rows else streamed
        projection = {field.name: _cut(field) for field in fields}
        projection |= {name: key_value(name, kind) for name, kind in self._keys.items()} | of_file.projection
        return Rows(data, sum(file.info.size for file in files), projection)

    def _check_injected(self, pruning: Pruning | None) -> None:
        """https://docs.aws.amazon.com/athena/latest/ug/partition-projection-dynamic-id-partitioning.html"""
        injected = self._projection.injected if self._projection else []
        missing = [key for key in injected if pruning is None or not pruning.fixes(key)]
        if missing:
            raise QueryFailed(
                "CONSTRAINT_VIOLATION",
                f"For the injected projected partition column {missing[0]}, the WHERE clause must contain only static "
                "equality conditions, and at least one such condition must be present.",
            )

    def _files(self, pruning: Pruning | None) -> Iterator[_File]:
        if self._projection:
            yield from self._projected(self._projection, pruning)
        elif self._keys:
            all_values = [tuple(partition["Values"]) for partition in self._partitions]
            needed = {*(pruning.chosen(self._keys, all_values) if pruning else all_values)}
            for partition, values in zip(self._partitions, all_values, strict=True):
                if values in needed:
                    storage = partition["StorageDescriptor"]
                    yield from self._below(storage["Location"], values, storage)
        else:
            yield from self._below(self._storage.get("Location", ""), (), self._storage)

    def _below(self, location: str, values: tuple[str, ...], storage: dict[str, Any]) -> Iterator[_File]:
        path = path_of(location).rstrip("/") if location else ""
        if path:
            self._leave.listing(f"s3://{path}/")
            for info in self._listed(path):
                if not _hidden(info.path[len(path) + 1 :]):
                    yield _File(info, values, storage if _serde(storage) else self._storage)

    def _projected(self, projection: Projection, pruning: Pruning | None) -> Iterator[_File]:
        roots = projection.places(self._keys, pruning)
        found = [
            (info, *partition)
            for root in roots
            for info in self._listed(root)
            if (partition := projection.partition(info.path)) and not _hidden(info.path[len(partition[0]) + 1 :])
        ]
        all_values = sorted({values for _, _, values in found})
        needed = {*(pruning.chosen(self._keys, all_values) if pruning else all_values)}
        read = [each for each in found if each[2] in needed]
        for place in sorted({place for _, place, _ in read}) or roots:
            self._leave.listing(f"s3://{place}/")
        for info, _, values in read:
            yield _File(info, values, self._storage)

    def _listed(self, path: str) -> list[pafs.FileInfo]:
        selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
        found = self._filesystem.get_file_info(selector)
        return [info for info in found if info.type == pafs.FileType.File and info.size]

    def _fragment(self, file: _File, own: pa.Schema, of_file: FileValues) -> pads.Fragment | None:
        """Return a Parquet file that is read while the query runs; None for one that must be made to fit first."""
        condition = of_file.condition(file.info)
        for name, value in zip(self._keys, file.values, strict=True):
            part = pads.field(name) == value
            condition = part if condition is None else condition & part
        fragment = _PARQUET.make_fragment(file.path, filesystem=self._filesystem, partition_expression=condition)
        try:
            there = fragment.physical_schema
        except (pa.ArrowException, OSError):
            return None  # reading it says what is wrong
        fits = all(name == name.lower() for name in there.names) and all(
            field.name not in there.names or _widened(there.field(field.name).type, field.type) for field in own
        )
        return fragment if fits else None

    def _table_of(self, file: _File, fields: Sequence[Field], own: pa.Schema) -> pa.Table:
        serde = _serde(file.storage)
        if "parquet" in serde.lower():
            with self._filesystem.open_input_file(file.path) as stream:
                return columnar.parquet_table(stream, fields, file.path)
        if "OrcSerde" in serde:
            with self._filesystem.open_input_file(file.path) as stream:
                return columnar.orc_table(stream, fields, file.path)
        with self._filesystem.open_input_stream(file.path, compression=None) as stream:
            raw = stream.read()
        if "AvroSerDe" in serde:
            return _arrow(avro.records(raw, fields, file.path), own)
        reader = text_reader(file.storage, self._table, fields, len(self._own))
        return _arrow(reader.records(text_of(file.path, raw), file.path), own)


class PartitionsSource:
    """The rows of ``"table$partitions"``: the values of the keys of each partition in the catalog.

    https://docs.aws.amazon.com/athena/latest/ug/querying-glue-catalog-listing-partitions.html
    """

    def __init__(self, table: dict[str, Any], partitions: list[dict[str, Any]]) -> None:
        self.columns = {c["Name"].lower(): types.hive_type(c["Type"]) for c in table.get("PartitionKeys") or []}
        self.hidden: dict[str, exp.DataType] = {}
        self._values = [partition["Values"] for partition in partitions]

    def rows(self, wanted: set[str]) -> Rows:
        """Return all rows; their size is 0 bytes, since metadata is not billed."""
        del wanted
        texts = {
            name: pa.array([values[place] for values in self._values], pa.string())
            for place, name in enumerate(self.columns)
        }
        return Rows(pa.table(texts), 0, {name: key_value(name, kind) for name, kind in self.columns.items()})


def _arrow(records: Iterator[list[Any]], schema: pa.Schema) -> pa.Table:
    """Return records as a table, whose rows are counted where it has no columns."""
    columns: list[list[Any]] = [[] for _ in schema]
    count = 0
    for record in records:
        count += 1
        for column, value in zip(columns, record, strict=True):
            column.append(value)
    if not columns:
        return columnar.counted(count)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _serde(storage: dict[str, Any]) -> str:
    return str((storage.get("SerdeInfo") or {}).get("SerializationLibrary") or "")


def _widened(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether a file's column is read as another type without a loss: the same, or a wider whole number."""
    whole = pa.types.is_signed_integer(given) and pa.types.is_signed_integer(wanted)
    return bool(given.equals(wanted) or (whole and given.bit_width <= wanted.bit_width))


def _cut(field: Field) -> str:
    """Return a column as the query sees it: a text is cut to its type's length."""
    sizes = types.parameters(field.kind) if field.kind.this in types.TEXT else []
    return f"substr({quoted(field.name)}, 1, {sizes[0]})" if sizes else quoted(field.name)


def _hidden(path: str) -> bool:
    """Return whether an object is none of the table's rows: Hive leaves out names that begin with ``_`` or ``.``."""
    return any(part[:1] in ("_", ".") for part in path.split("/"))
