"""Readers of files: each takes a source and its contract and yields blocks of records as columns.

``sluice.ingestion.formats`` says which reader reads which format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sluice.contracts import LandingContract
from sluice.contracts.formats import Format
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource

Reader = Callable[[ByteSource, LandingContract], Iterator[Block]]


@dataclass(frozen=True, kw_only=True)
class FileFormat(Format):
    """A file format and its reader; a ``packed`` format is compressed inside, whatever the file's name ends with."""

    read: Reader
    packed: bool = False
