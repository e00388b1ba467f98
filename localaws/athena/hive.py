"""Plain Hive tables: Parquet, CSV and JSON objects below a location, partitions from the Glue catalog."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.leave import Leave, path_of
from localaws.athena.sources import MODIFIED, PATH, SIZE, FileValues, Rows, file_columns, quoted, s3_filesystem
from localaws.athena.typing import DType
from localaws.context import Context

_INTEGER, _NUMBER = r"\s*[+-]?\d+\s*", r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"
#: What text must look like for Hive to read it as a type; anything else is NULL.
_TEXT_FORMS: dict[Any, str] = {
    **dict.fromkeys(types.INTEGERS, _INTEGER),
    **dict.fromkeys(types.FLOATS, _NUMBER),
    DType.DECIMAL: _NUMBER,
    DType.DATE: r"\d{4}-\d{1,2}-\d{1,2}",
    DType.BOOLEAN: "(?i)true|false",
    **dict.fromkeys(types.TIMESTAMPS, r"\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?"),
}


@dataclass(frozen=True)
class _Location:
    path: str
    values: tuple[str, ...]


class HiveSource:
    """The objects of one Hive table."""

    def __init__(self, ctx: Context, leave: Leave, table: dict[str, Any], partitions: list[dict[str, Any]]) -> None:
        self._storage = table.get("StorageDescriptor") or {}
        self._table, self._leave = table, leave
        self._filesystem = s3_filesystem(ctx)
        own = {c["Name"].lower(): types.hive_type(c["Type"]) for c in self._storage.get("Columns", [])}
        self._keys = {c["Name"].lower(): types.hive_type(c["Type"]) for c in table.get("PartitionKeys") or []}
        self._own = own
        self.columns: dict[str, exp.DataType] = {**own, **self._keys}
        self.hidden = file_columns(PATH, MODIFIED, SIZE)
        locations = [
            _Location(_path(p["StorageDescriptor"]["Location"]), tuple(p["Values"])) for p in partitions
        ] if self._keys else [_Location(_path(self._storage.get("Location", "")), ())]  # fmt: skip
        self._locations = locations

    def rows(self, wanted: set[str]) -> Rows:
        """Return the table's rows, partition keys included."""
        of_file = FileValues.wanted(wanted)
        if (self._table.get("Parameters") or {}).get("projection.enabled", "").lower() == "true":
            raise not_supported("partition projection")
        serde = (self._storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")
        files = []
        for location in self._locations:
            if location.path:
                self._leave.listing(f"s3://{location.path}/")
            files += [(info, location) for info in _objects(self._filesystem, location.path)]
        for info, _ in files:
            self._leave.read(info.path)
        size = sum(info.size for info, _ in files)
        if "parquet" in serde.lower():
            return self._parquet(files, size, of_file)
        if any(name in serde for name in ("OpenCSVSerde", "LazySimpleSerDe", "JsonSerDe")):
            return self._text(files, size, serde, of_file)
        raise not_supported(f"the SerDe {serde or '(none)'}")

    def _parquet(self, files: list[tuple[Any, _Location]], size: int, of_file: FileValues) -> Rows:
        schema = pa.schema([(name, types.arrow_type(kind)) for name, kind in self._own.items()])
        keys = pa.schema([(name, pa.string()) for name in self._keys])
        full = pa.schema([*schema, *keys, *of_file.schema])
        fragments = []
        for info, location in files:
            condition = of_file.condition(info)
            for name, value in zip(self._keys, location.values, strict=True):
                part = pads.field(name) == value
                condition = part if condition is None else condition & part
            fragment = pads.ParquetFileFormat().make_fragment(
                info.path, filesystem=self._filesystem, partition_expression=condition
            )
            capitals = [name for name in fragment.physical_schema.names if name != name.lower()]
            if capitals:
                raise not_supported(f"a Parquet file with upper-case column names ({', '.join(capitals)})")
            fragments.append(fragment)
        projection = {name: quoted(name) for name in self._own}
        projection |= {name: _strict_cast(name, kind) for name, kind in self._keys.items()} | of_file.projection
        return Rows(
            pads.FileSystemDataset(fragments, full, pads.ParquetFileFormat(), self._filesystem), size, projection
        )

    def _text(self, files: list[tuple[Any, _Location]], size: int, serde: str, of_file: FileValues) -> Rows:
        names = [*self._own, *self._keys]
        width = len(self._own)
        schema = pa.schema([(name, pa.string()) for name in names])
        parts = [pa.schema([*schema, *of_file.schema]).empty_table()]
        for info, location in files:
            columns: list[list[Any]] = [[] for _ in names]
            with self._filesystem.open_input_stream(info.path, compression=None) as stream:
                raw = stream.read()
            text = (gzip.decompress(raw) if info.path.endswith(".gz") else raw).decode()
            for record in self._records(text, serde):
                for position in range(width):
                    columns[position].append(record[position] if position < len(record) else None)
                for offset, value in enumerate(location.values):
                    columns[width + offset].append(value)
            arrays = [pa.array(values, pa.string()) for values in columns]
            parts.append(of_file.added(pa.Table.from_arrays(arrays, schema=schema), info))
        own = {name: _loose_cast(name, kind) for name, kind in self._own.items()}
        keys = {name: _strict_cast(name, kind) for name, kind in self._keys.items()}
        return Rows(pa.concat_tables(parts), size, own | keys | of_file.projection)

    def _records(self, text: str, serde: str) -> Iterator[list[str | None]]:
        parameters = (self._storage.get("SerdeInfo") or {}).get("Parameters") or {}
        if "JsonSerDe" in serde:
            yield from self._json_records(text, parameters)
            return
        skipped = int((self._table.get("Parameters") or {}).get("skip.header.line.count", 0))
        skipped = int(parameters.get("skip.header.line.count", skipped))
        if "OpenCSVSerde" in serde:
            reader = csv.reader(
                io.StringIO(text, newline=""),
                delimiter=parameters.get("separatorChar", ","),
                quotechar=parameters.get("quoteChar", '"'),
                escapechar=parameters.get("escapeChar", "\\") or None,
            )
            for number, row in enumerate(reader):
                if number >= skipped and row:
                    yield list(row)
            return
        delimiter = _delimiter(parameters.get("field.delim") or parameters.get("serialization.format") or "1")
        for number, line in enumerate(text.splitlines()):
            if number >= skipped:
                yield [None if value == "\\N" else value for value in line.split(delimiter)]

    def _json_records(self, text: str, parameters: dict[str, str]) -> Iterator[list[str | None]]:
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                record = {key.lower(): value for key, value in orjson.loads(line).items()}
            except (ValueError, AttributeError):
                if parameters.get("ignore.malformed.json", "").lower() == "true":
                    yield []
                    continue
                raise QueryFailed("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - line {number}") from None
            yield [_json_text(record.get(name)) for name in self._own]


def _delimiter(declared: str) -> str:
    """Return the character that a LazySimpleSerDe's property means: the first one, or that of a code in digits."""
    return chr(int(declared)) if declared.isdecimal() and int(declared) < 128 else declared[0]


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _loose_cast(name: str, kind: exp.DataType) -> str:
    if kind.this in types.TEXT:
        return quoted(name)
    form = _TEXT_FORMS.get(kind.this)
    if form is None:
        raise not_supported(f"column {name} of type {types.trino_name(kind)} in a text table")
    target = "TIMESTAMP" if kind.this in types.TIMESTAMPS else kind.sql("duckdb")
    return f"TRY_CAST(CASE WHEN regexp_full_match({quoted(name)}, '{form}') THEN trim({quoted(name)}) END AS {target})"


def _strict_cast(name: str, kind: exp.DataType) -> str:
    value = f"nullif({quoted(name)}, '__HIVE_DEFAULT_PARTITION__')"
    if kind.this in types.TEXT:
        return value
    return f"CAST({value} AS {'TIMESTAMP' if kind.this in types.TIMESTAMPS else kind.sql('duckdb')})"


def _path(location: str) -> str:
    return path_of(location).rstrip("/") if location else ""


def _objects(filesystem: Any, path: str) -> list[Any]:
    if not path:
        return []
    selector = pafs.FileSelector(path, recursive=True, allow_not_found=True)
    found = [info for info in filesystem.get_file_info(selector) if info.type == pafs.FileType.File and info.size]
    prefix = len(path) + 1
    return [i for i in found if not any(part[:1] in ("_", ".") for part in i.path[prefix:].split("/"))]
