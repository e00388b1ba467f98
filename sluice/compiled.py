"""A compiled transform and its checks, and a request to recompute it: what a refresh on either engine works from.

Both refresh engines import this module, so it uses the standard library alone: the Glue job has nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sluice.writes import WRITE_MODES, WriteMode


@dataclass(frozen=True)
class Propagation:
    """The change propagation of an input: see ``sluice.transforms.Input``.

    ``key`` are the columns of which the function sees one row per value; it is empty when the function sees every row.
    """

    on: tuple[str, ...] = ()
    join: str | None = None
    join_on: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """Return whether change propagation is declared, by a dependency key or by a join path."""
        return bool(self.on) or self.join is not None

    @property
    def own(self) -> tuple[str, ...]:
        """Return the input's own columns by which its rows are found: the dependency key, or its side of the join."""
        return self.on or tuple(mine for mine, _ in self.join_on)

    @property
    def theirs(self) -> tuple[str, ...]:
        """Return the columns of the input that ``join`` names, in the order of ``own``."""
        return tuple(other for _, other in self.join_on)

    @property
    def needs_versions(self) -> bool:
        """Return whether rows of one input key may affect different keys of the result.

        Then all rows of that input key are needed wherever one of them is.
        """
        return bool(self.key) and not set(self.own) <= set(self.key)


@dataclass(frozen=True)
class CompiledCheck:
    """One check of a derived table, with SQL for each engine.

    The ``kind`` is one of: ``rows``, a condition that is true for rows that break it; ``unique``, no two rows have the
    same ``columns``; ``foreign_key``, ``columns`` are null or occur in the ``referenced`` columns of the table
    ``references``; ``measure``, a query for one value that ``operator`` compares with ``operand``. The query names the
    table as ``{table}``, its previous snapshot as ``{previous}``, and the tables in ``reads`` as ``{database.table}``.
    """

    name: str
    kind: Literal["rows", "unique", "foreign_key", "measure"]
    columns: tuple[str, ...] = ()
    severity: Literal["error", "warning"] = "error"
    duckdb: str = ""
    spark: str = ""
    operator: str = ""
    operand: Any = None
    references: str = ""
    referenced: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    @property
    def needs(self) -> set[str]:
        """Return the other tables that the check reads."""
        return {*self.reads, *([self.references] if self.references else ())}


@dataclass(frozen=True)
class CompiledTransform:
    """A derived table's transform as SQL for DuckDB (empty when its ``engine`` is Spark alone).

    ``inputs`` maps the function's parameters to tables. ``fingerprint`` changes when the result may change.
    ``conflicts`` is the SQL by input table for rows that contradict the one picked for their key. ``write``, the
    ``recompute_key`` and the change ``propagations`` (by parameter) are as in ``sluice.transforms.transform``.
    ``audit`` are the checks of the table, ``checks`` is their fingerprint. ``weight`` is the work per input row; 1 is
    only reading the row.
    """

    table: str
    inputs: Mapping[str, str]
    sql: str
    fingerprint: str
    conflicts: Mapping[str, str] = field(default_factory=dict)
    write: str = "replace"
    recompute_key: tuple[str, ...] = ()
    propagations: Mapping[str, Propagation] = field(default_factory=dict)
    weight: float = 1.0
    engine: Literal["any", "duckdb", "spark"] = "any"
    audit: tuple[CompiledCheck, ...] = ()
    checks: str = ""

    @property
    def mode(self) -> WriteMode:
        """Return how the table is written."""
        return WRITE_MODES[self.write]

    def duckdb_texts(self) -> Iterator[str]:
        """Yield all SQL of the transform that runs on DuckDB."""
        yield self.sql
        yield from self.conflicts.values()
        yield from (check.duckdb for check in self.audit)

    @property
    def needs(self) -> set[str]:
        """Return the tables that must be up to date before this one: its inputs, and those that its checks read."""
        return {*self.inputs.values(), *(name for check in self.audit for name in check.needs)}


@dataclass(frozen=True)
class Backfill:
    """A request to recompute the rows of ``table`` whose ``column`` is between the days ``first`` and ``last``.

    Both days are included; an empty column means all rows. ``requested`` is when the request was made, and
    distinguishes requests for the same table. With ``accept_loss``, rows may go whose inputs retention removed.
    """

    table: str
    column: str = ""
    first: str = ""
    last: str = ""
    requested: str = ""
    accept_loss: bool = False

    def __str__(self) -> str:
        return f"{self.column} {self.first} to {self.last}" if self.column else "the whole table"


#: How the text of a pause begins, and no other hold's.
PAUSED: Final = "held: paused at "


@dataclass(frozen=True)
class Pause:
    """A derived table that is not to be run: who asked for that, and when (UTC, ISO 8601)."""

    table: str
    by: str
    at: str

    def __str__(self) -> str:
        return f"{PAUSED}{self.at} by {self.by}, until `sluice resume {self.table}`"
