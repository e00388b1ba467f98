"""What writes a Hive table's files: the format, its compression, how its files end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from localaws.athena import typing as types
from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive import avro, columnar
from localaws.athena.hive.codecs import CODECS
from localaws.athena.hive.json_lines import JsonLines
from localaws.athena.hive.lazy_simple import LazySimple
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.opencsv import OpenCsv

_TEXT_CODECS: Final = ("GZIP", "NONE", "BZIP2", "ZSTD", "SNAPPY", "LZ4", "DEFLATE")
_HIGHEST_LEVEL: Final = 22
#: The properties by which a table tells how its files are compressed, and the level of ZSTD.
_DECLARED: Final = ("write.compression", "write_compression", "parquet.compression", "orc.compress", "avro.compression")
_LEVEL: Final = "compression_level"


@dataclass(frozen=True)
class Compression:
    """How files are compressed: ``name`` is empty for the format's own compression; ``level`` is that of ZSTD."""

    name: str = ""
    level: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, str], *names: str) -> Compression:
        """Return what a statement's properties say; raise for a level that ZSTD does not have.

        https://docs.aws.amazon.com/athena/latest/ug/compression-support-zstd-levels.html
        """
        name = next((given[key].upper() for key in names if key in given), "")
        level = given.get(_LEVEL)
        if level is not None and (not level.isdecimal() or not 1 <= int(level) <= _HIGHEST_LEVEL or name != "ZSTD"):
            raise QueryFailed(
                "INVALID_TABLE_PROPERTY",
                f"{_LEVEL} is a whole number from 1 to {_HIGHEST_LEVEL}, beside the compression ZSTD: not {level}",
            )
        return cls("NONE" if name == "UNCOMPRESSED" else name, None if level is None else int(level))

    @classmethod
    def of_table(cls, parameters: Mapping[str, str]) -> Compression:
        """Return what a table's properties say."""
        return cls.of(parameters, *_DECLARED)

    def parameters(self) -> dict[str, str]:
        """Return a table's properties, by which later statements write as this one."""
        found = {_DECLARED[0]: self.name} if self.name else {}
        return found | ({} if self.level is None else {_LEVEL: str(self.level)})

    def among(self, known: Sequence[str], serde: str) -> Compression:
        """Return the compression with its name, the first that is known by default; raise for one that is not."""
        if self.name and self.name not in known:
            raise QueryFailed(
                "NOT_SUPPORTED",
                f"the compression {self.name} is none that Athena writes with {serde}: {', '.join(known)}; nothing was "
                "written",
            )
        return Compression(self.name or known[0], self.level)


Write = Callable[[pa.Table, Sequence[Field], Compression], bytes]
#: The formats, by what their SerDes' names have in them: the compressions that Athena writes, the first by default.
#: https://docs.aws.amazon.com/athena/latest/ug/compression-formats.html
_COLUMNAR: Final[dict[str, tuple[Sequence[str], Write]]] = {
    "ParquetHiveSerDe": (
        tuple(columnar.PARQUET_CODECS),
        lambda rows, fields, how: columnar.parquet(rows, how.name, how.level),
    ),
    "OrcSerde": (tuple(columnar.ORC_CODECS), lambda rows, fields, how: columnar.orc_file(rows, how.name)),
    "AvroSerDe": (tuple(avro.CODECS), lambda rows, fields, how: avro.written(rows, fields, how.name, how.level)),
}


def is_columnar(serde: str) -> bool:
    """Return whether files of a SerDe tell their own columns, whatever its properties."""
    return any(name in serde for name in _COLUMNAR)


@dataclass(frozen=True)
class Writer:
    """Writes rows, whose columns are the ``fields``, as one file of a table."""

    fields: tuple[Field, ...]
    compression: Compression
    suffix: str
    _write: Write

    def file(self, rows: pa.Table) -> bytes:
        """Return the rows as a file; raise where a value cannot be written so that it is read back."""
        return self._write(rows, self.fields, self.compression)

    @classmethod
    def of(cls, serde: str, properties: Mapping[str, str], fields: Sequence[Field], compression: Compression) -> Writer:
        """Return the writer of a SerDe with its properties."""
        for name, (codecs, write) in _COLUMNAR.items():
            if name in serde:
                return cls(tuple(fields), compression.among(codecs, name), "", write)
        line = _line_writer(serde, properties, fields)
        chosen = compression.among(_TEXT_CODECS, serde.rpartition(".")[2])

        def text(rows: pa.Table, fields: Sequence[Field], how: Compression) -> bytes:
            del fields
            lines = [
                line(values)
                for batch in rows.to_batches()
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True)
            ]
            return CODECS[how.name].write("".join(lines).encode(), how.level)

        return cls(tuple(fields), chosen, CODECS[chosen.name].suffix, text)


def _line_writer(serde: str, properties: Mapping[str, str], fields: Sequence[Field]) -> Callable[[Sequence[Any]], str]:
    told = Told(properties)
    if "LazySimpleSerDe" in serde:
        return LazySimple(told, fields, len(fields)).line
    if "JsonSerDe" in serde:
        return JsonLines(told, fields, openx="openx" in serde).line
    if "OpenCSVSerde" in serde:
        typed = next((field for field in fields if field.kind.this not in types.TEXT), None)
        if typed is not None:
            raise not_supported(
                f"writing column {typed.name} of type {types.trino_name(typed.kind)} with the OpenCSV SerDe",
                allowed="columns of type string",
            )
        return OpenCsv(told, fields).line
    raise not_supported(
        f"writing a table of the SerDe {serde or '(none)'}",
        allowed="Parquet, ORC, Avro, JSON (Hive and OpenX), LazySimple and OpenCSV",
    )
