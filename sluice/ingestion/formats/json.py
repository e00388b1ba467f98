"""One JSON document: an array of objects."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    from sluice.ingestion.readers.json import read_json

    return read_json(source, contract)


FORMAT = FileFormat(read=_read, options=("encoding", "compression", "nullValues"))
