"""The limit: SQL written by hand for DuckDB, from Parquet to Parquet, with no table format and no checks."""

from __future__ import annotations

import duckdb

from benchmarks.model.child import MEMORY_GIB, THREADS, Work
from benchmarks.model.sql import TABLES, query


def main() -> None:
    work = Work()
    connection = duckdb.connect()
    connection.execute(
        f"SET threads = {THREADS}; SET memory_limit = '{MEMORY_GIB}GiB'; SET preserve_insertion_order = false; "
        f"SET temp_directory = '{work.scratch / 'spill'}'"
    )
    for table in TABLES:
        with work.table(table):
            select = query(table, lambda name: f"read_parquet({work.sources(name)})")
            file = work.target(table) / "rows.parquet"
            connection.execute(f"COPY ({select}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    work.finish()


if __name__ == "__main__":
    main()
