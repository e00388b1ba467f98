"""Runs transforms on Spark, in a Glue job or any other session with Iceberg."""

from __future__ import annotations

import json
import pkgutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sluice.compiled import Backfill, CompiledTransform
from sluice.refresh import run
from sluice.refresh.record import Run
from sluice.refresh.spark.attempt import SparkAttempt
from sluice.refresh.spark.lake import Lake
from sluice.refresh.spark.project import ShippedProject
from sluice.transforms import Transform

#: Prices as shipped with the code. Glue bills at least one minute: https://aws.amazon.com/glue/pricing/
_PRICES: dict[str, Any] = json.loads(pkgutil.get_data("sluice", "prices.json") or b"")


@dataclass(frozen=True)
class SparkEngine:
    """Spark with the tables of ``lake``; ``function`` returns the transform of a table, ``dpus`` are those billed.

    ``began`` is when billing started, on Python's monotonic clock.
    """

    lake: Lake
    project: ShippedProject
    function: Callable[[str], Transform]
    dpus: float = 0.0
    began: float = field(default_factory=time.monotonic)
    name: Literal["spark"] = "spark"

    def begin(self, transform: CompiledTransform, pinned: Mapping[str, str]) -> SparkAttempt:
        """Read the table's state; of an input that is not ``pinned``, the current snapshot is read."""
        return SparkAttempt(self.lake, self.project, transform, self.function(transform.table), pinned)

    def cost(self, seconds: float) -> float:
        """Return what this process has cost so far, in USD; its start is billed, too, so ``seconds`` say too little."""
        del seconds
        billed = max(time.monotonic() - self.began, _PRICES["glue_least_seconds"])
        usd: float = billed / 3600 * self.dpus * _PRICES["glue_dpu_hour"]
        return round(usd, 8)

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
        return run.run_transform(self, self.project.transform(table), request, file=self.project.dataset(table).file)
