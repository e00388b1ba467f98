"""Runs transforms on DuckDB, in a Lambda function or any other process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pyiceberg.table import Table

from sluice.compiled import Backfill, CompiledTransform
from sluice.project import Project
from sluice.refresh import run
from sluice.refresh.duckdb.attempt import DuckDbAttempt
from sluice.refresh.engine import prices
from sluice.refresh.record import Run
from sluice.storage import Store


@dataclass(frozen=True)
class DuckDbEngine:
    """DuckDB with tables that ``load`` returns by ``database.name``, and files in ``store``.

    ``memory_mib`` is the memory of the function that runs it (0: not limited).
    """

    project: Project
    load: Callable[[str], Table]
    store: Store
    memory_mib: int = 0
    name: Literal["duckdb"] = "duckdb"

    def begin(self, transform: CompiledTransform, pinned: Mapping[str, str]) -> DuckDbAttempt:
        """Read the table's state; of an input that is not ``pinned``, the current snapshot is read."""
        settings: dict[str, str | bool] = {
            "preserve_insertion_order": False,
            # All checks read the same files, which never change: their Parquet footers are read once and kept.
            "parquet_metadata_cache": True,
            # Whole column chunks are fetched in few large reads, which suits S3's latency.
            "prefetch_all_parquet_files": True,
        }
        if self.memory_mib:
            # The rest is for Python, Arrow and the Parquet writer.
            settings["memory_limit"] = f"{int(self.memory_mib * 0.6)}MiB"
        return DuckDbAttempt(self.project, transform, pinned, load=self.load, store=self.store, settings=settings)

    def cost(self, seconds: float) -> float:
        """Return the cost in USD of a run that has taken so many seconds."""
        memory = self.memory_mib or int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"))
        return round(seconds * memory / 1024 * prices().lambda_gb_second, 8)

    def run(
        self,
        table: str,
        *,
        run_id: str,
        pinned: Mapping[str, str] | None = None,
        backfill: Backfill | None = None,
    ) -> Run:
        """Refresh ``table``: see ``sluice.refresh.run.run_transform``."""
        request = run.Request(run_id, pinned or {}, backfill)
        file = self.project.contract(table).file
        return run.run_transform(self, self.project.transform(table), request, file=file, memory_mib=self.memory_mib)
