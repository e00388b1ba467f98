"""Delimited text: RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180), or other delimiters, quotes and escapes."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    from sluice.ingestion.readers.csv import read_csv

    return read_csv(source, contract)


FORMAT = FileFormat(
    read=_read,
    options=("delimiter", "header", "quoteChar", "escapeChar", "encoding", "compression", "nullValues"),
    extra_columns=True,
    spelled=True,
)
