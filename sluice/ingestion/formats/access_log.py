"""Access logs of web servers, in the common and the combined format."""

from __future__ import annotations

from collections.abc import Iterator

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    from sluice.ingestion.readers.access_log import read_access_log

    return read_access_log(source, contract)


FORMAT = FileFormat(read=_read, options=("encoding", "compression"))
