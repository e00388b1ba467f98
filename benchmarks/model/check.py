"""Compares the rows of two builds: their number, the exact sum of each number column, a hash of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks.model.project import declared
from benchmarks.model.sql import TABLES

#: Of each table: the name and value of what was counted or summed.
Facts = dict[str, dict[str, str]]


def facts_of(files: dict[str, Sequence[Path]]) -> Facts:
    """Return what is compared of each table, from its Parquet files."""
    return {table: _facts(table, files[table]) for table in TABLES}


def differences(expected: Facts, found: Facts) -> list[str]:
    """Return each difference in one line."""
    return [
        f"{table}: {name} is {found[table][name]}, expected {value}"
        for table, facts in expected.items()
        for name, value in facts.items()
        if found[table][name] != value
    ]


def _facts(table: str, files: Sequence[Path]) -> dict[str, str]:
    columns = {column.name: column.type.duckdb for column in declared().contract(table).columns}
    sums = [name for name, kind in columns.items() if kind in ("INTEGER", "BIGINT") or kind.startswith("DECIMAL")]
    if not files:
        return dict.fromkeys(("rows", *sums, "hash of all rows"), "missing")
    cast = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in columns.items())
    wanted = ["count(*)", *(f'sum("{name}")' for name in sums), f"sum(hash({', '.join(columns)})::HUGEINT)"]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        source = f"read_parquet({[str(file) for file in files]})"
        found = connection.execute(f"SELECT {', '.join(wanted)} FROM (SELECT {cast} FROM {source})").fetchall()[0]
    return dict(zip(("rows", *sums, "hash of all rows"), map(str, found), strict=True))
