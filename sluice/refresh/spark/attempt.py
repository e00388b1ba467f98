"""One attempt of a run on Spark: writes a branch of the table, audits it, and publishes it.

Commits made by SQL statements cannot carry a summary, so the branch ends with an empty commit that does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import DataFrame

from sluice.compiled import CompiledTransform
from sluice.refresh.failures import AuditTarget, Failure
from sluice.refresh.record import Made, Rollback
from sluice.refresh.run import Lost, Published, Scope
from sluice.refresh.spark.audit import audit
from sluice.refresh.spark.branch import Branch, drop_leftovers
from sluice.refresh.spark.conflicts import quarantine_conflicts
from sluice.refresh.spark.lake import Difference, Lake
from sluice.refresh.spark.maintain import expire_snapshots
from sluice.refresh.spark.project import ShippedProject
from sluice.refresh.spark.relations import SparkRelations, without_values
from sluice.refresh.strategy import Change
from sluice.tables.upkeep import EMPTY
from sluice.transforms import Transform, apply, conflicting


class SparkAttempt:
    """An attempt of a run: see ``sluice.refresh.run.Attempt``. ``function`` is the transform's own."""

    def __init__(
        self,
        lake: Lake,
        project: ShippedProject,
        transform: CompiledTransform,
        function: Transform,
        pinned: Mapping[str, str],
    ) -> None:
        self._lake, self._project, self._transform, self._declared = lake, project, transform, function
        self._table = transform.table
        self._head = lake.head(self._table)
        drop_leftovers(lake, self._table, self._head, maker=self._table)
        said = self._head.summaries.get(self._head.main)
        self.made = None if said is None else Made.read(said)
        self.rollback = None if said is None else Rollback.read(said)
        names = transform.inputs.values()
        self.inputs = {name: pinned.get(name) or lake.head(name).main for name in names}
        self._differences: dict[str, Difference] = {}
        self._branch: Branch | None = None
        self._relations: SparkRelations | None = None
        self._frames: Mapping[str, DataFrame] = {}
        self._written, self._rows_written = "", 0

    def newer(self, table: str, before: str, now: str) -> bool:
        """Return whether an input's snapshot ``now`` came after ``before`` and has other data files."""
        if now in (before, EMPTY) or now in self._lake.head(table).ancestors(before):
            return False
        found = self._lake.difference(table, before, now)
        return found is None or found.change.changed

    def deletes(self) -> bool:
        """Return whether the table has row-level deletes."""
        return self._lake.has_deletes(self._table, self._head.main)

    def change(self, table: str, before: str, now: str) -> Change | None:
        """Return what changed in an input between two snapshots, or None when that is not known."""
        found = self._lake.difference(table, before, now)
        if found is None:
            return None
        self._differences[table] = found
        return found.change

    def relations(self) -> SparkRelations:
        """Return the rows of the inputs, for change propagation."""
        if self._relations is None:
            present = self._lake.rows(self._table, self._head.main)
            self._relations = SparkRelations(
                self._lake, self._transform.inputs, self.inputs, self._differences, present
            )
        return self._relations

    def replace(self) -> None:
        """Compute the whole table."""
        frames = {parameter: self._lake.rows(name, self.inputs[name]) for parameter, name in self._named()}
        self._begin(frames).replace(self._computed(frames))
        self._look()

    def append(self) -> None:
        """Compute the rows that the inputs' added rows give."""
        frames = {parameter: self.relations().added(parameter) for parameter, _ in self._named()}
        self._begin(frames).append(self._computed(frames))
        self._look()

    def merge(self, affected: DataFrame, inputs: Mapping[str, DataFrame]) -> None:
        """Compute the rows of the ``affected`` keys from pruned ``inputs``, to replace the present ones."""
        key, relations = self._transform.recompute_key, self.relations()
        rows = relations.keep(relations.with_values(self._computed(inputs), key, affected, key))
        self._begin(inputs).merge(affected, rows, key)
        self._look()

    def keep(self) -> None:
        """Compute nothing: no row of the table changes."""
        self._begin({})

    def audit(self, scope: Scope) -> list[Failure]:
        """Return a failure for each check of the table that does not hold."""
        lake, branch = self._lake, self._begun()
        rows = branch.rows() if scope == "all" else lake.added(self._table, self._head.main, self._written)
        read = {name for check in self._transform.audit for name in check.needs}
        references = {name: lake.name(name) for name in read} | {self._table: branch.address}
        recompute_key = self._transform.recompute_key if scope == "affected" else ()
        target = AuditTarget(rows, branch.address, lake.name(self._table), recompute_key, references)
        return audit(self._transform.audit, target)

    def retired(self) -> Mapping[str, int]:
        """Return how many rows retention removed so far from each input that may not lose any."""
        if self._project.dataset(self._table).may_lose:
            return {}
        return {name: rows for name in self.inputs if (rows := self._lake.head(name).retired_rows)}

    def lost(self, besides: DataFrame | None) -> Lost:
        """Return what the table as it is has and the computed one has no more; see ``sluice.refresh.run.Attempt``."""
        present, recompute = self._lake.rows(self._table, self._head.main), self._transform.recompute_key
        keyed = self._project.dataset(self._table).key or recompute
        key = keyed or tuple(present.columns)
        if besides is not None:
            present = without_values(present, recompute, besides, recompute)
        computed = self._begun().rows()
        if keyed:
            gone = without_values(present, key, computed, key).select(*key).distinct()
        else:  # equal rows count as often as there are
            gone = present.select(*key).exceptAll(computed.select(*key))
        example = gone.first()
        told = ", ".join(f"{column} {example[column]!r}" for column in key) if example else ""
        return Lost(gone.count(), "keys" if keyed else "rows", told)

    def quarantine(self, run_id: str) -> int:
        """Quarantine the records that were not picked for their key; return how many were new there."""
        found = 0
        for parameter, given in self._declared.sources.items():
            if given.newest is not None:
                dataset = self._project.dataset(given.table)
                losers = conflicting(self._frames[parameter], dataset.key, newest=given.newest)
                found += quarantine_conflicts(self._lake, losers, dataset, maker=self._table, run_id=run_id)
        return found

    def publish(self, summary: Callable[[int], Mapping[str, str]]) -> Published:
        """Publish the branch in one commit."""
        branch = self._begun()
        rows = branch.rows().count()
        branch.stamp(summary(rows))
        return Published(branch.publish(), rows, self._rows_written)

    def tidy(self) -> None:
        """Expire old snapshots of the table."""
        expire_snapshots(self._lake, self._table)

    def close(self) -> None:
        """Remove the branch and free what was kept in memory; main is unchanged unless the branch was published."""
        try:
            if self._branch is not None:
                self._branch.drop()
        finally:
            if self._relations is not None:
                self._relations.forget()

    def _named(self) -> list[tuple[str, str]]:
        return list(self._transform.inputs.items())

    def _begin(self, frames: Mapping[str, DataFrame]) -> Branch:
        """Begin the branch, whose rows are computed from ``frames`` (by parameter)."""
        self._frames = frames
        self._branch = Branch(self._lake, self._table, maker=self._table, at=self._head.main)
        return self._branch

    def _begun(self) -> Branch:
        assert self._branch is not None, "nothing was computed"
        return self._branch

    def _look(self) -> None:
        """Read which snapshot the branch has now, and how many rows it added."""
        self._written, made = self._begun().head()
        self._rows_written = int(made.get("added-records", "0"))

    def _computed(self, frames: Mapping[str, DataFrame]) -> DataFrame:
        """Return what the function computes from ``frames``, with the table's columns; writing casts their types."""
        keys = {name: self._project.dataset(table).key for name, table in self._named()}
        columns = self._lake.spark.table(self._lake.name(self._table)).columns
        return apply(self._declared, frames, keys).select(*columns)
