"""The run record: what a run leaves in the summary of the snapshot that it publishes, and what it reports.

The next run reads from the summary, whichever engine wrote it, which input snapshots its table was made from. Imports
the standard library only, as Spark's job requires.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from sluice.compiled import CompiledTransform
from sluice.tables.upkeep import EMPTY, ROLLED_BACK

#: Keys in the summary of a derived table's snapshot: its input snapshots, the transform's and the checks' fingerprints.
INPUTS, FINGERPRINT, CHECKS = "sluice.inputs", "sluice.fingerprint", "sluice.checks"
_RUN_ID, ROWS, _ENGINE, _STRATEGY = "sluice.run-id", "sluice.rows", "sluice.engine", "sluice.strategy"
_SECONDS, _COST = "sluice.seconds", "sluice.cost-usd"
#: How ``sluice.strategy`` was called once; tables made then still say so.
_STRATEGY_ONCE = "sluice.course"


@dataclass(frozen=True)
class Made:
    """What a derived table's snapshot was made from, as its summary says.

    ``inputs`` are snapshot ids by table; ``fingerprint`` is the transform's, ``checks`` that of the checks.
    """

    fingerprint: str
    inputs: Mapping[str, str]
    checks: str

    @classmethod
    def read(cls, summary: Mapping[str, str]) -> Made:
        """Return what a snapshot's summary says; of one that no run wrote, empty texts and no inputs."""
        return cls(summary.get(FINGERPRINT, ""), json.loads(summary.get(INPUTS, "{}")), summary.get(CHECKS, ""))

    def summary(self) -> dict[str, str]:
        """Return the entries of a snapshot's summary, which ``read`` reads."""
        inputs = json.dumps(dict(self.inputs), separators=(",", ":"))
        return {INPUTS: inputs, FINGERPRINT: self.fingerprint, CHECKS: self.checks}


@dataclass(frozen=True)
class Rollback:
    """A rollback, as the snapshot that it published says: to which snapshot, from which, by whom, and when (UTC).

    ``fingerprint`` and ``inputs`` (snapshot ids by table) are those of the refused refresh: what the table was made by,
    and what the inputs were at the moment of the rollback. A refresh from them would bring the same rows again.
    """

    to: str
    since: str
    by: str
    at: str
    fingerprint: str
    inputs: Mapping[str, str]

    @classmethod
    def read(cls, summary: Mapping[str, str]) -> Rollback | None:
        """Return the rollback that published a snapshot with this summary, or None when a run published it."""
        said = summary.get(ROLLED_BACK)
        return None if said is None else cls(**json.loads(said))

    def summary(self) -> dict[str, str]:
        """Return the entry of a snapshot's summary, which ``read`` reads."""
        return {ROLLED_BACK: json.dumps(asdict(self), separators=(",", ":"))}

    def holds(
        self, transform: CompiledTransform, inputs: Mapping[str, str], newer: Callable[[str, str, str], bool]
    ) -> bool:
        """Return whether a refresh by ``transform`` from the snapshots ``inputs`` is the refused one, or older.

        ``newer`` says of a table and two of its snapshots whether the second came later and has other files.
        """
        if transform.fingerprint != self.fingerprint:
            return False
        return not any(newer(name, self.inputs.get(name, EMPTY), snapshot) for name, snapshot in inputs.items())

    def __str__(self) -> str:
        return f"held: rolled back to {self.to} at {self.at} by {self.by}, until an input or the transform changes"


@dataclass(frozen=True)
class Run:
    """What one run did: rows in the table, seconds by step, cost in USD, new conflicts, failed checks of warnings.

    ``rows_written`` counts the rows of the new files: those recomputed, and those copied from files that were replaced.
    ``memory_mib`` is the memory of the function that ran, 0 on Spark.
    """

    table: str
    run_id: str
    engine: Literal["duckdb", "spark"]
    inputs: dict[str, str]
    rows: int
    snapshot: str
    seconds: dict[str, float]
    cost_usd: float
    memory_mib: int = 0
    incremental: bool = False
    reason: str = ""
    rows_written: int = 0
    conflicts: int = 0
    warnings: tuple[str, ...] = ()


def run_summary(
    made: Made, strategy: object, *, engine: str, run_id: str, rows: int, seconds: float, cost: float
) -> dict[str, str]:
    """Return the summary of the snapshot that a run publishes; ``strategy`` becomes a text, ``cost`` is in USD."""
    return {
        **made.summary(),
        _RUN_ID: run_id,
        ROWS: str(rows),
        _ENGINE: engine,
        _STRATEGY: str(strategy),
        _SECONDS: f"{seconds:.3f}",
        _COST: f"{cost:.8f}",
    }  # fmt: skip


def run_of(table: str, snapshot: str, summary: Mapping[str, str]) -> Run:
    """Return the run that made ``snapshot`` of ``table``, as its summary tells; ``KeyError`` when no run made it."""
    kind, _, reason = summary.get(_STRATEGY, summary.get(_STRATEGY_ONCE, "")).partition(": ")
    engine: Literal["duckdb", "spark"] = "spark" if summary[_ENGINE] == "spark" else "duckdb"
    return Run(
        table=table,
        run_id=summary[_RUN_ID],
        engine=engine,
        inputs=dict(Made.read(summary).inputs),
        rows=int(summary[ROWS]),
        snapshot=snapshot,
        seconds={"all": float(summary.get(_SECONDS, "0"))},
        cost_usd=float(summary[_COST]),
        incremental=kind == "incremental",
        reason=reason,
    )
