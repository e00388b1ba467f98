"""What an audit reads and finds, the same for both engines. Imports the standard library only, as Spark's job needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from sluice.comparisons import holds
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


def judged(check: CompiledCheck, values: Sequence[Any]) -> Iterator[Failure]:
    """Yield a failure unless the values that a check's query gave are one, and as the check says it must be.

    A value that is NULL fails: there is nothing of which the check could hold.
    """
    found = values[0] if values else None
    if len(values) > 1 or isinstance(found, list | dict | tuple):
        why = "it gives more than one row" if len(values) > 1 else "it gives more than one value"
        yield Failure(check.name, f"cannot be computed: {why}", (), check.severity)
        return
    try:
        sound = found is not None and holds(found, check.operator, check.operand)
    except ValueError as error:
        yield Failure(check.name, f"cannot be computed: {error}", (), check.severity)
        return
    if not sound:
        yield Failure(check.name, f"found {found}, {check.operator} {check.operand}", (), check.severity)
