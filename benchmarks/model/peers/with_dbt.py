"""dbt-duckdb with the hand-written SQL: each table an external model, from Parquet to Parquet.

Runs in an environment of its own, that ``benchmarks.model.contest`` makes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.model.child import MEMORY_GIB, THREADS, Work
from benchmarks.model.sql import TABLES, query


def main() -> None:
    work = Work()
    folder = work.scratch / "dbt"
    _write_project(work, folder)
    os.environ.update(DBT_SEND_ANONYMOUS_USAGE_STATS="false", DO_NOT_TRACK="1")
    runner: Any = import_module("dbt.cli.main").dbtRunner()
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder), "--quiet"]
    parsed = runner.invoke(["parse", *places])
    with work.table("all"):
        began = time.perf_counter()
        done = runner.invoke(["run", *places])
        seconds = time.perf_counter() - began
    if not (parsed.success and done.success):
        sys.exit(f"dbt failed: {parsed.exception or done.exception or [each.message for each in done.result]}")
    work.record({each.node.name.replace("__", "."): each.execution_time for each in done.result})
    work.finish(seconds=seconds)


def _write_project(work: Work, folder: Path) -> None:
    """Write one model per table; JSON is YAML."""
    (folder / "models").mkdir(parents=True)
    settings = {"memory_limit": f"{MEMORY_GIB}GiB", "preserve_insertion_order": False, "threads": THREADS}
    settings["temp_directory"] = str(work.scratch / "spill")
    target = {"type": "duckdb", "path": str(folder / "shop.duckdb"), "threads": 1, "settings": settings}
    _write_json(folder / "profiles.yml", {"shop": {"target": "local", "outputs": {"local": target}}})
    _write_json(folder / "dbt_project.yml", {"name": "shop", "profile": "shop", "model-paths": ["models"]})
    bronze = work.given["bronze"]

    def rows_of(name: str) -> str:
        if name in bronze:
            return f"read_parquet({list(bronze[name])})"
        return f"{{{{ ref('{name.replace('.', '__')}') }}}}"

    for table in TABLES:
        file = work.target(table) / "rows.parquet"
        head = f"materialized='external', format='parquet', location='{file}', options={{'compression': 'zstd'}}"
        model = folder / "models" / f"{table.replace('.', '__')}.sql"
        model.write_text(f"{{{{ config({head}) }}}}\n{query(table, rows_of)}", encoding="utf-8")


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main()
