"""Finds the columns and types that a function returns, before there is a contract of its table.

As compiling does, this happens in a process of its own (``python -m sluice.transforms.described``).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from sluice.contracts import AnyContract
from sluice.decoding import json_decoder
from sluice.errors import TransformError
from sluice.transforms.child import answered, ask
from sluice.transforms.discover import discover
from sluice.transforms.duckdb_sql import EmptyTables, bound_sql


class _Asked(msgspec.Struct):
    """What the process is given: all contracts, the folder of the transforms, and the table that one of them makes."""

    contracts: tuple[AnyContract, ...]
    folder: str
    table: str


_decode_asked = json_decoder(_Asked)
_decode_columns = json_decoder(tuple[tuple[str, str], ...])


def described(contracts: tuple[AnyContract, ...], folder: Path, table: str, *, project: Path) -> dict[str, str]:
    """Return DuckDB's type by column of what the transform of ``table`` below ``folder`` returns.

    It imports the helpers of ``project``. Raise ``TransformError`` when it does not compile.
    """
    done = ask("sluice.transforms.described", _Asked(contracts, str(folder.resolve()), table), project)
    if done.returncode or not done.stdout:
        raise TransformError(
            f"{table} cannot be compiled:\n{done.stderr.decode(errors='replace')}",
            next_step="this is an error of Sluice: tell its authors, with these lines.",
            dataset=table,
        )
    return dict(_decode_columns(done.stdout))


def _described(asked: _Asked) -> Any:
    by_table = {contract.table: contract for contract in asked.contracts}
    (item,) = (each for each in discover(Path(asked.folder)) if each.table == asked.table)
    keys = {name: by_table[source].key for name, source in item.inputs.items()}
    _, _, columns = bound_sql(item, keys, EmptyTables(by_table.values()))
    return columns


if __name__ == "__main__":
    sys.exit(answered(lambda given: _described(_decode_asked(given))))
