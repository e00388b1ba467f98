"""Parquet: already columns; a row that breaks its contract is kept as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from sluice.contracts import Contract
from sluice.errors import UnreadableFile
from sluice.ingestion.records import Block
from sluice.ingestion.source import Source

_BATCH_ROWS = 65_536


def read_parquet(source: Source, contract: Contract) -> Iterator[Block]:
    """Yield the file's rows; ``UnreadableFile`` when it is cut short, no Parquet, or lacks a required column."""
    if source.size == 0:
        raise UnreadableFile(f"{source.uri} is empty.", code="empty_file")
    with source.open_seekable() as stream:
        try:
            file = pq.ParquetFile(stream)
        except (pa.ArrowInvalid, OSError) as error:
            raise UnreadableFile(f"{source.uri} is no whole Parquet file: {error}", code="corrupt") from error
        names = set(file.schema_arrow.names)
        missing = [c.header for c in contract.columns if c.header not in names and contract.must_be_present(c)]
        if missing:
            raise UnreadableFile(f"{source.uri} lacks the columns {', '.join(missing)}.", code="header_mismatch")
        extra = sorted(names - {column.header for column in contract.columns})
        assert contract.arrival is not None
        if extra and contract.arrival.extra_columns == "reject":
            raise UnreadableFile(
                f"{source.uri} has {', '.join(extra)}, which the contract rejects.", code="header_mismatch"
            )
        wanted = {column.header: column.name for column in contract.columns if column.header in names}
        first = 1
        try:
            for batch in file.iter_batches(_BATCH_ROWS):
                yield _block(batch, wanted, first)
                first += batch.num_rows
        except OSError as error:
            raise UnreadableFile(f"{source.uri} is broken after row {first - 1}: {error}", code="corrupt") from error


def _block(batch: pa.RecordBatch, wanted: dict[str, str], first: int) -> Block:
    def raw(rows: Any) -> list[bytes]:
        taken = batch.take(pa.array(list(rows), pa.int64()))
        return [orjson.dumps(row, default=str) for row in taken.to_pylist()]

    columns = {name: _plain(batch.column(header)) for header, name in wanted.items()}
    return Block(first, batch.num_rows, columns, raw)


def _plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
