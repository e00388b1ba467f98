"""Writes rows below a location: a file a partition and bucket, and the partitions in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from sqlglot import exp

from localaws.athena import typing as types
from localaws.athena.definitions import partitions
from localaws.athena.definitions.place import Place
from localaws.athena.engine import Answer, Column
from localaws.athena.errors import QueryFailed
from localaws.athena.hive.buckets import bucket_of, check_bucketed
from localaws.athena.hive.lines import Field
from localaws.athena.hive.values import BINARY, NESTED, partition_text
from localaws.athena.hive.writers import Writer
from localaws.athena.leave import path_of
from localaws.athena.statements.kinds import Name
from localaws.athena.written_iceberg import take_back

#: What one statement may write. https://docs.aws.amazon.com/athena/latest/ug/ctas-insert-into.html
MOST_WRITERS: Final = 100
#: The parameter by which tables and partitions tell the query that made them, as Trino's Hive connector keeps it.
QUERY: Final = "trino_query_id"


@dataclass(frozen=True)
class Layout:
    """How rows are laid out below a location: by their partitions' keys, then by buckets."""

    keys: tuple[str, ...] = ()
    bucketed_by: tuple[str, ...] = ()
    buckets: int = 0

    @classmethod
    def declared(cls, columns: Sequence[Column], properties: Mapping[str, str | tuple[str, ...]]) -> Layout:
        """Return what a statement's properties declare of the query's columns; raise where these are not so."""
        keys, bucketed = _listed(properties, "partitioned_by"), _listed(properties, "bucketed_by")
        names = [column.name.lower() for column in columns]
        for kind, wanted in (("Partition", keys), ("Bucketing", bucketed)):
            missing = [name for name in wanted if name not in names]
            if missing:
                raise _wrong(f"{kind} columns {_shown(missing)} not present in schema")
        if keys and len(keys) == len(names):
            raise _wrong("Table contains only partition columns")
        if keys and tuple(names[-len(keys) :]) != keys:
            raise QueryFailed(
                "HIVE_COLUMN_ORDER_MISMATCH",
                "Partition keys must be the last columns in the table and in the same order as the table properties: "
                f"{_shown(keys)}",
            )
        both = [name for name in bucketed if name in keys]
        if both:
            raise _wrong(f"Bucketing columns {_shown(both)} are partition columns")
        count = str(properties.get("bucket_count", "0"))
        if not count.isdecimal() or bool(int(count)) != bool(bucketed):
            raise _wrong(f"bucketed_by and bucket_count (above zero) are said together: {_shown(bucketed)}, {count}")
        for column in columns[len(names) - len(keys) :]:
            if column.type.this in NESTED | BINARY:
                raise QueryFailed(
                    "NOT_SUPPORTED", f"Unsupported type [{types.trino_name(column.type)}] for partition: {column.name}"
                )
        for name in bucketed:
            check_bucketed(name, columns[names.index(name)].type)
        return cls(keys, bucketed, int(count))


def _listed(properties: Mapping[str, str | tuple[str, ...]], name: str) -> tuple[str, ...]:
    value = properties.get(name, ())
    return tuple(text.lower() for text in ((value,) if isinstance(value, str) else value))


@dataclass
class Written:
    """What a statement has written: the objects' addresses, and the partitions that they are of."""

    paths: list[str] = field(default_factory=list)
    partitions: dict[tuple[str, ...], str] = field(default_factory=dict)


def check_names(columns: Sequence[Column]) -> None:
    """Raise unless each column has a name of its own and a type that Hive has."""
    names = [column.name.lower() for column in columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise QueryFailed("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{twice}' specified more than once")
    unnamed = [index for index, name in enumerate(names, start=1) if name == f"_col{index - 1}"]
    if unnamed:
        raise QueryFailed("MISSING_COLUMN_NAME", f"line 1:1: Column name not specified at position {unnamed[0]}")
    for column in columns:
        types.hive_name(column.type)


def fields_of(columns: Sequence[Column], layout: Layout) -> list[Field]:
    """Return the columns that stand in the files: all but the partitions' keys."""
    own = columns[: len(columns) - len(layout.keys)]
    return [Field(place, column.name.lower(), column.type) for place, column in enumerate(own)]


def write_files(
    place: Place,
    answer: Answer,
    layout: Layout,
    writer: Writer,
    location_of: Callable[[tuple[str, ...]], str],
) -> Written:
    """Write the rows, whose last columns are the partitions' keys; what was written is taken back after an error.

    All files are made before the first is stored, so that a value that cannot be written leaves nothing.
    """
    columns = answer.columns
    rows = answer.table.rename_columns([column.name.lower() for column in columns])
    found, files = Written(), []
    for number, ((values, bucket), part) in enumerate(_parts(rows, columns, layout)):
        location = location_of(values)
        if values:
            found.partitions[values] = location
        name = f"{place.query_id}_{number}" if bucket is None else f"{place.query_id}_bucket-{bucket:05d}"
        body = writer.file(part.select([each.name for each in writer.fields]))
        files.append((f"{location.rstrip('/')}/{name}{writer.suffix}", body))
    for address, _ in files:
        place.leave.write(path_of(address))
    try:
        for address, body in files:
            place.unstopped()
            found.paths.append(address)
            bucket_name, _, key = path_of(address).partition("/")
            place.ctx.client("s3").put_object(Bucket=bucket_name, Key=key, Body=body)
    except BaseException:
        take_back(place.ctx, found.paths)
        raise
    return found


def register(place: Place, name: Name, table: dict[str, Any], written: Written) -> None:
    """Add the partitions that are new to the catalog, all or none; raise where they are not there afterwards.

    Raises TRANSACTION_CONFLICT where the catalog has one of the partitions at another location by now.
    """
    new = _missing(place, name, written)
    if not new:
        _check_locations(place, name, written)
        return
    place.leave.glue("BatchCreatePartition", name.database, name.name)
    place.unstopped()
    try:
        partitions.create(name, table, new, {QUERY: place.query_id}, place)
        _check_locations(place, name, written)
    except BaseException as error:
        if isinstance(error, Exception) and not _missing(place, name, written) and not _moved(place, name, written):
            return  # the answer was lost, and nothing else
        made = [tuple(p["Values"]) for p in place.catalog.partitions(name.database, name.name)
                if (p.get("Parameters") or {}).get(QUERY) == place.query_id]  # fmt: skip
        partitions.forget(name, [list(values) for values in made], place)
        raise


def _check_locations(place: Place, name: Name, written: Written) -> None:
    moved = _moved(place, name, written)
    if moved:
        values, at = moved[0]
        raise QueryFailed(
            "TRANSACTION_CONFLICT",
            f"{name}: another statement put the partition {', '.join(values)} at {at} meanwhile, and these rows were "
            f"written to {written.partitions[values]}; they were taken back. Run the statement again",
        )


def _moved(place: Place, name: Name, written: Written) -> list[tuple[tuple[str, ...], str]]:
    """Return the partitions that the catalog has elsewhere than they were written to, with their locations there."""
    there = {tuple(partition["Values"]): str(partition["StorageDescriptor"]["Location"])
             for partition in place.catalog.partitions(name.database, name.name)}  # fmt: skip
    return [(values, there[values]) for values, at in written.partitions.items()
            if values in there and path_of(there[values]).rstrip("/") != path_of(at).rstrip("/")]  # fmt: skip


def _missing(place: Place, name: Name, written: Written) -> list[tuple[list[str], str]]:
    there = {tuple(partition["Values"]) for partition in place.catalog.partitions(name.database, name.name)}
    return [(list(values), at) for values, at in written.partitions.items() if values not in there]


def _parts(
    rows: pa.Table, columns: Sequence[Column], layout: Layout
) -> list[tuple[tuple[tuple[str, ...], int | None], pa.Table]]:
    """Return the rows of each partition and bucket that has some, with the partition's values and the bucket."""
    if not rows.num_rows:
        return []
    if not layout.keys and not layout.buckets:
        return [(((), None), rows)]
    kinds = {column.name.lower(): column.type for column in columns}
    places: dict[tuple[tuple[str, ...], int | None], list[int]] = {}
    keys = [rows.column(name).to_pylist() for name in layout.keys]
    bucketed = [rows.column(name).to_pylist() for name in layout.bucketed_by]
    bucket_kinds = [kinds[name] for name in layout.bucketed_by]
    texts: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for number in range(rows.num_rows):
        values = tuple(column[number] for column in keys)
        if values not in texts:
            texts[values] = _texts(values, [kinds[name] for name in layout.keys])
        bucket = bucket_of([c[number] for c in bucketed], bucket_kinds, layout.buckets) if layout.buckets else None
        places.setdefault((texts[values], bucket), []).append(number)
        if len(places) > MOST_WRITERS:
            raise QueryFailed(
                "HIVE_TOO_MANY_OPEN_PARTITIONS",
                f"Exceeded limit of {MOST_WRITERS} open writers for partitions/buckets",
            )
    return [(at, rows.take(pa.array(numbers))) for at, numbers in places.items()]


def _texts(values: Sequence[Any], kinds: Sequence[exp.DataType]) -> tuple[str, ...]:
    return tuple(partition_text(value, kind) for value, kind in zip(values, kinds, strict=True))


def _shown(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"


def _wrong(message: str) -> QueryFailed:
    return QueryFailed("INVALID_TABLE_PROPERTY", message)
