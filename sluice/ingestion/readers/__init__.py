"""Readers of files: each takes a source and its contract and yields blocks of records as columns.

Which format is read by which stands in ``sluice.ingestion.formats``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sluice.contracts import Contract
from sluice.contracts.formats import Format
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource

Reader = Callable[[ByteSource, Contract], Iterator[Block]]


@dataclass(frozen=True, kw_only=True)
class FileFormat(Format):
    """A format of files and what reads it; ``packed`` ones are compressed in themselves, whatever the file's name."""

    read: Reader
    packed: bool = False
