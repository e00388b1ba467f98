"""Drafts a contract for bytes, and reads them by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from sluice.contracts import LandingContract
from sluice.ingestion.read import read_checked
from sluice.profiling.drafts import Draft, draft
from sluice.profiling.sources import sources_of


def drafted(folder: Path, data: bytes | str, name: str = "things.csv", encoding: str = "") -> Draft:
    """Return the contract that is drafted for a file with these bytes."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return draft("things", path, "shop", encoding)


def rows_by(contract: LandingContract, path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the accepted rows of a file, or of a folder's files, and the rejected records."""
    accepted: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for source in sources_of(path):
        for checked in read_checked(source, contract):
            table: pa.Table = checked.accepted
            accepted += table.to_pylist()
            rejected += checked.rejected.to_pylist()
    return accepted, rejected


def types_of(found: Draft) -> dict[str, str]:
    """Return each column's type, with its format and its separators where it has some."""
    said = {}
    for column in found.contract.columns:
        words = [str(column.type)]
        if column.format:
            words.append(column.format if isinstance(column.format, str) else " or ".join(column.format))
        if (spelling := column.spelling) is not None:
            words += [spelling.decimal * (spelling.decimal != "."), f"group {spelling.group}" * bool(spelling.group)]
            words += ["trim" * spelling.trim, "/".join(spelling.true + spelling.false)]
        said[column.name] = " ".join(filter(None, words))
    return said
