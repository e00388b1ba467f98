"""Newline-delimited JSON (NDJSON): one object a line."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    from sluice.ingestion.readers.json import read_ndjson

    return read_ndjson(source, contract)


FORMAT = FileFormat(read=_read, options=("encoding", "compression", "nullValues"))
