"""What an audit reads and finds, the same for both engines. Imports the standard library only, as Spark's job needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from sluice.compiled import CompiledCheck
from sluice.shortened import shortened

Rows = TypeVar("Rows")
#: How many values a failure names.
EXAMPLES = 3


@dataclass(frozen=True)
class Failure:
    """A check that does not hold: the number of rows that break it or the measured value, and example values."""

    check: str
    found: str
    examples: tuple[str, ...]
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        shown = f"; for example {', '.join(map(shortened, self.examples))}" if self.examples else ""
        return f"{shortened(self.check)}: {shortened(self.found)}{shown}"


@dataclass(frozen=True)
class AuditTarget(Generic[Rows]):
    """What an audit reads: the new ``rows`` as the engine has them, and relations by their names in SQL.

    ``table`` is the table as it would be after publishing, ``previous`` as it is now, and ``references`` are the other
    tables that checks name. ``recompute_key`` has columns when ``rows`` holds all rows of each recomputed key value;
    otherwise it is empty.
    """

    rows: Rows
    table: str
    previous: str
    recompute_key: tuple[str, ...]
    references: Mapping[str, str]

    def duplicates_are_new(self, check: CompiledCheck) -> bool:
        """Return whether rows that are alike in the check's columns are all in ``rows``.

        When these columns contain the recompute key, rows that are alike are recomputed together.
        """
        return bool(self.recompute_key) and set(self.recompute_key) <= set(check.columns)

    def relations(self, check: CompiledCheck) -> dict[str, str]:
        """Return the relations that the check's query reads, by what stands for them there."""
        read = {name: self.references[name] for name in check.reads}
        return {"table": self.table, "previous": self.previous, **read}
