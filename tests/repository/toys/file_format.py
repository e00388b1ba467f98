"""Pairs of name and value, one record a line: ``id=a;v=1``."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from sluice.contracts import LandingContract
from sluice.ingestion.readers import FileFormat
from sluice.ingestion.records import Block
from sluice.ingestion.source import ByteSource


def _read(source: ByteSource, contract: LandingContract) -> Iterator[Block]:
    separator = str(dict(contract.arrival.own_options).get("separator", ";"))
    raws = b"".join(source.chunks()).splitlines()
    records = [dict(pair.split("=", 1) for pair in raw.decode().split(separator)) for raw in raws]
    columns = {c.name: pa.array([record.get(c.header) for record in records], pa.string()) for c in contract.columns}
    yield Block(1, len(raws), columns, lambda rows: [raws[row] for row in rows])


def _separator(value: object) -> str:
    return "" if isinstance(value, str) and len(value) == 1 else f"{value!r} is not allowed; allowed: one character"


FORMAT = FileFormat(read=_read, own={"separator": _separator})
