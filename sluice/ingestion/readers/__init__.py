"""One reader per file format. A further format is one module here and one line in ``reader_for``.

A reader takes a source and its contract and yields blocks of records as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sluice.contracts import Contract
from sluice.ingestion.records import Block
from sluice.ingestion.source import Source

Reader = Callable[[Source, Contract], Iterator[Block]]


def reader_for(file_format: str) -> Reader:
    """Return the reader for ``file_format``; each is imported only when a file of its kind arrives."""
    if file_format == "csv":
        from sluice.ingestion.readers.csv import read_csv

        return read_csv
    if file_format == "ndjson":
        from sluice.ingestion.readers.json import read_ndjson

        return read_ndjson
    if file_format == "json":
        from sluice.ingestion.readers.json import read_json

        return read_json
    if file_format == "parquet":
        from sluice.ingestion.readers.parquet import read_parquet

        return read_parquet
    if file_format == "access_log":
        from sluice.ingestion.readers.access_log import read_access_log

        return read_access_log
    raise KeyError(file_format)
