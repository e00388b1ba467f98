"""Apache Parquet files."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    from sluice.ingestion.readers.parquet import read_parquet

    return read_parquet(source, contract)


FORMAT = FileFormat(read=_read, extra_columns=True, packed=True)
