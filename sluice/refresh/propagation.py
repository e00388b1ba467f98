"""Change propagation and pruning: from the changed input rows to the affected keys, and back to input rows.

Affected keys are the values of the recompute key whose rows a change may alter. All rows of an affected key are
recomputed, over inputs pruned to the rows that belong to affected keys. Added and removed rows both count, so a row
that a change moved from one key to another affects both. In all comparisons null equals null.

The steps are the same on both engines; what an engine does with rows is ``Relations``. Imports the standard library
only, as Spark's job requires.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from sluice.compiled import Backfill, CompiledTransform
from sluice.refresh.strategy import Strategy, refuse_rows

Rows = TypeVar("Rows")


class Relations(Protocol[Rows]):
    """What an engine does with the rows of one run's inputs; ``Rows`` is how it holds rows that it can read."""

    def whole(self, parameter: str) -> Rows:
        """Return all rows of an input at the snapshot that the run reads."""

    def changed(self, parameter: str) -> Rows:
        """Return the distinct rows that were added to or removed from an input; rows that only moved are left out."""

    def present(self) -> Rows:
        """Return the rows that the derived table has now."""

    def columns(self, rows: Rows) -> Sequence[str]:
        """Return the names of the columns of ``rows``."""

    def count(self, rows: Rows) -> int:
        """Return how many rows there are."""

    def with_values(self, rows: Rows, columns: Sequence[str], values: Rows, named: Sequence[str]) -> Rows:
        """Return the ``rows`` whose ``columns`` equal the columns ``named`` of some row of ``values``."""

    def between_days(self, rows: Rows, column: str, first: str, last: str) -> Rows:
        """Return the ``rows`` whose ``column``, a date or a timestamp, is between two days, which are included."""

    def select(self, rows: Rows, columns: Sequence[str], named: Sequence[str]) -> Rows:
        """Return only ``columns`` of the rows, under the names ``named``."""

    def union(self, parts: Sequence[Rows]) -> Rows:
        """Return the rows of all ``parts``, which have the same columns."""

    def distinct(self, rows: Rows) -> Rows:
        """Return each of the ``rows`` once."""

    def keep(self, rows: Rows) -> Rows:
        """Return ``rows``, computed once however often they are read."""

    def forget(self) -> None:
        """Free what was kept; nothing of it is read any more."""


class Pruning(Generic[Rows]):
    """The inputs of one incremental run and their changes, by parameter."""

    def __init__(self, transform: CompiledTransform, strategy: Strategy, relations: Relations[Rows]) -> None:
        self._transform, self._strategy, self._relations = transform, strategy, relations
        #: Of a run with a backfill, once its affected keys are known: those that changes of its inputs affect.
        self.changed_keys: Rows | None = None

    def affected_keys(self) -> Rows | None:
        """Return the affected keys, each once, or None when there are none.

        Raise ``TooWide`` when most of an input changed, or when an input changed that declares no change propagation.
        """
        changed, asked = [*self._of_changes()], [*self._of_backfill(self._strategy.backfill)]
        if changed and asked:
            self.changed_keys = self._each_once(changed)
            changed = [self.changed_keys]
        if not (parts := changed + asked):
            return None
        found = self._each_once(parts)
        return found if self._relations.count(found) else None

    def pruned(self, affected: Rows) -> dict[str, Rows]:
        """Return each input, by parameter, pruned to the rows that belong to the keys in ``affected``."""
        done: dict[str, Rows] = {}
        for parameter in self._transform.inputs:
            self._prune(parameter, affected, done)
        return done

    def _each_once(self, parts: Sequence[Rows]) -> Rows:
        return self._relations.keep(self._relations.distinct(self._relations.union(parts)))

    def _of_changes(self) -> Iterator[Rows]:
        changes = self._strategy.changes or {}
        for parameter, change in changes.items():
            if change.changed:
                rows = self._relations.keep(self._relations.changed(parameter))
                count = self._relations.count(rows)
                refuse_rows(self._transform, parameter, change, count, for_cost=self._strategy.for_cost)
                if count:
                    yield self._keys(parameter, self._with_other_versions(parameter, rows))

    def _of_backfill(self, backfill: Backfill | None) -> Iterator[Rows]:
        """Yield the affected keys of a backfill: those of the table's and the inputs' rows in its interval."""
        if backfill is None:
            return
        column, first, last = backfill.column, backfill.first, backfill.last
        relations, key = self._relations, self._transform.recompute_key
        yield relations.select(relations.between_days(relations.present(), column, first, last), key, key)
        for parameter, propagation in self._transform.propagations.items():
            whole = relations.whole(parameter)
            if propagation.on and column in relations.columns(whole):
                yield self._keys(parameter, relations.between_days(whole, column, first, last))

    def _with_other_versions(self, parameter: str, changed: Rows) -> Rows:
        """Return the changed rows, with all other rows of the same key where the function sees one per key."""
        propagation = self._transform.propagations[parameter]
        if not propagation.needs_versions:
            return changed
        whole, key = self._relations.whole(parameter), propagation.key
        return self._relations.union([changed, self._relations.with_values(whole, key, changed, key)])

    def _keys(self, parameter: str, rows: Rows) -> Rows:
        """Return the affected keys of ``rows`` of an input, by its dependency key or along its join path."""
        propagation = self._transform.propagations[parameter]
        if propagation.on:
            return self._relations.select(rows, propagation.on, self._transform.recompute_key)
        assert propagation.join is not None
        whole = self._relations.whole(propagation.join)
        joined = self._relations.with_values(whole, propagation.theirs, rows, propagation.own)
        return self._keys(propagation.join, joined)

    def _prune(self, parameter: str, affected: Rows, done: dict[str, Rows]) -> Rows:
        if parameter in done:
            return done[parameter]
        propagation, relations = self._transform.propagations[parameter], self._relations
        whole = relations.whole(parameter)
        if propagation.on:
            rows = relations.with_values(whole, propagation.on, affected, self._transform.recompute_key)
        elif propagation.join is not None:
            other = self._prune(propagation.join, affected, done)
            rows = relations.with_values(whole, propagation.own, other, propagation.theirs)
        else:
            done[parameter] = whole
            return whole
        if propagation.needs_versions:
            keys = relations.keep(relations.distinct(relations.select(rows, propagation.key, propagation.key)))
            rows = relations.with_values(whole, propagation.key, keys, propagation.key)
        done[parameter] = relations.keep(rows)
        return done[parameter]
