"""Reads bytes through a contract's reader and checks, as the ingestor does, without S3."""

from __future__ import annotations

import io
from contextlib import nullcontext
from typing import Any

import pyarrow as pa

from sluice.contracts import Arrival, Column, LandingContract, Rules, parse_type
from sluice.contracts.values.convert import arrow_type
from sluice.ingestion.read import read_checked
from sluice.ingestion.records import Reason, Rejected
from sluice.ingestion.source import ByteSource, BytesSpool


def contract(*columns: Column, key: tuple[str, ...] = (), **arrival: Any) -> LandingContract:
    """Return a landing contract of the given columns."""
    return LandingContract(
        name="things",
        database="bronze",
        columns=columns,
        key=key,
        arrival=Arrival(**{"format": "csv", **arrival}),
        file="contracts/things.yaml",
    )


def column(name: str, kind: str = "string", *, required: bool = False, fmt: str | None = None, **rules: Any) -> Column:
    """Return a column whose header is its name."""
    return Column(name, parse_type(kind), required=required, header=name, format=fmt, rules=Rules(**rules))


def source(data: bytes, *, compression: str = "auto") -> ByteSource:
    """Return ``data`` as a delivered file."""
    return ByteSource(
        uri="s3://landing/things/file",
        size=len(data),
        compression=compression,
        open_stream=lambda: io.BytesIO(data),
        open_seekable=lambda: io.BytesIO(data),
        spool=lambda _: nullcontext(BytesSpool()),
    )


def read(data: bytes, declared: LandingContract) -> tuple[pa.Table, list[Rejected]]:
    """Return the accepted rows, with ``_position``, and the rejected records."""
    empty = {
        **{c.name: pa.array([], arrow_type(c.type)) for c in declared.columns},
        "_position": pa.array([], pa.int64()),
    }
    tables, rejected = [pa.table(empty)], []
    for checked in read_checked(source(data), declared):
        tables.append(checked.accepted.append_column("_position", checked.positions))
        rejected += [
            Rejected(row["_position"], tuple(Reason(**r) for r in row["reasons"]), row["record"], row["record_pointer"])
            for row in checked.rejected.to_pylist()
        ]
    return pa.concat_tables(tables), sorted(rejected, key=lambda r: r.position or 0)


def codes(rejected: list[Rejected]) -> list[tuple[int, tuple[str, ...]]]:
    """Return position and reason codes of each rejected record."""
    return [(record.position, tuple(reason.code for reason in record.reasons)) for record in rejected]
