"""Change propagation and pruning on Spark, in the steps that ``sluice.refresh.duckdb.pruning`` takes on DuckDB.

Changed input rows give the affected keys, and inputs are pruned to the rows of affected keys. In all comparisons null
equals null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from sluice.refresh.spark.lake import Difference, Lake
from sluice.refresh.spark.shipped import CompiledTransform

#: With more key values than this, files are pruned by the least and the greatest: Iceberg prunes by no longer list.
#: https://github.com/apache/iceberg/blob/main/api/src/main/java/org/apache/iceberg/expressions/InclusiveMetricsEvaluator.java
_FEW_VALUES = 200


class Pruning:
    """The inputs of one incremental run and their changes, by parameter; ``close`` frees the rows kept in memory."""

    def __init__(
        self, lake: Lake, transform: CompiledTransform, inputs: Mapping[str, str], differences: Mapping[str, Difference]
    ) -> None:
        self._lake, self._transform, self._differences = lake, transform, differences
        self._whole = {parameter: lake.rows(name, inputs[name]) for parameter, name in transform.inputs.items()}
        self._kept: list[DataFrame] = []

    def keep(self, rows: DataFrame) -> DataFrame:
        """Return ``rows``, persisted until ``close`` so that they are computed once."""
        self._kept.append(rows.persist())
        return rows

    def close(self) -> None:
        """Free all persisted rows."""
        for rows in self._kept:
            rows.unpersist()

    def affected(self) -> DataFrame | None:
        """Return the affected keys, each once, or None when there are none."""
        parts = [
            self._affected_keys(parameter, self._with_other_versions(parameter, difference))
            for parameter, difference in self._differences.items()
            if difference.changed
        ]
        if not parts:
            return None
        found = self.keep(reduce(DataFrame.unionByName, parts).distinct())
        return found if found.limit(1).count() else None

    def pruned(self, affected: DataFrame) -> dict[str, DataFrame]:
        """Return each input, by parameter, pruned to the rows that belong to the keys in ``affected``."""
        done: dict[str, DataFrame] = {}
        for parameter in self._transform.inputs:
            self._prune(parameter, affected, done)
        return done

    def added(self) -> dict[str, DataFrame]:
        """Return only the added rows of each input, by parameter."""
        return {
            parameter: self._lake.added_rows(name, self._differences[parameter])
            for parameter, name in self._transform.inputs.items()
        }

    def _with_other_versions(self, parameter: str, difference: Difference) -> DataFrame:
        """Return the changed rows, with all other rows of the same key where the function sees one per key."""
        propagation = self._transform.propagations[parameter]
        changed = self.keep(self._lake.changed_rows(self._transform.inputs[parameter], difference))
        if not propagation.needs_versions:
            return changed
        return changed.unionByName(with_values(self._whole[parameter], propagation.key, changed, propagation.key))

    def _affected_keys(self, parameter: str, rows: DataFrame) -> DataFrame:
        """Return the affected keys of ``rows`` of an input, by its dependency key or along its join path."""
        propagation = self._transform.propagations[parameter]
        if propagation.on:
            named = zip(propagation.on, self._transform.recompute_key, strict=True)
            return rows.select(*(F.col(own).alias(column) for own, column in named)).distinct()
        assert propagation.join is not None
        own, theirs = _sides(propagation.join_on)
        return self._affected_keys(propagation.join, with_values(self._whole[propagation.join], theirs, rows, own))

    def _prune(self, parameter: str, affected: DataFrame, done: dict[str, DataFrame]) -> DataFrame:
        if parameter in done:
            return done[parameter]
        propagation, whole = self._transform.propagations[parameter], self._whole[parameter]
        if propagation.on:
            rows = with_values(whole, propagation.on, affected, self._transform.recompute_key)
        elif propagation.join is not None:
            own, theirs = _sides(propagation.join_on)
            rows = with_values(whole, own, self._prune(propagation.join, affected, done), theirs)
        else:
            done[parameter] = whole
            return whole
        if propagation.needs_versions:
            rows = with_values(whole, propagation.key, self.keep(rows), propagation.key)
        done[parameter] = self.keep(rows)
        return rows


def with_values(rows: DataFrame, columns: Sequence[str], values: DataFrame, named: Sequence[str]) -> DataFrame:
    """Return the ``rows`` whose ``columns`` equal the columns ``named`` of some row of ``values``."""
    near = rows.where(may_hold(rows, columns[0], values, named[0]))
    return _joined(near, columns, values, named, "left_semi")


def without_values(rows: DataFrame, columns: Sequence[str], values: DataFrame, named: Sequence[str]) -> DataFrame:
    """Return the ``rows`` whose ``columns`` equal the columns ``named`` of no row of ``values``."""
    return _joined(rows, columns, values, named, "left_anti")


def may_hold(rows: DataFrame, column: str, values: DataFrame, named: str) -> Column:
    """Return a condition by which Iceberg can prune files; it holds for each row whose ``column`` is among ``values``.

    The values are those of the column ``named`` of ``values``; the condition may hold for other rows, too.
    """
    kind = rows.schema[column].dataType
    some = [row[0] for row in values.select(named).distinct().limit(_FEW_VALUES + 1).collect()]
    null = F.lit(False)
    if None in some:
        null = F.col(column).isNull()
    present = [_literal(value, kind) for value in some if value is not None]
    if len(some) <= _FEW_VALUES:
        return F.col(column).isin(present) | null if present else null
    least, greatest, nulls = values.agg(
        F.min(named), F.max(named), F.count(F.when(F.col(named).isNull(), 1))
    ).collect()[0]
    between = F.col(column).between(_literal(least, kind), _literal(greatest, kind))
    return between | F.col(column).isNull() if nulls else between


def _literal(value: Any, kind: Any) -> Column:
    # PySpark converts a datetime literal from this machine's time zone; a text is cast as it is.
    return F.lit(str(value)).cast(kind) if isinstance(value, datetime) else F.lit(value)


def _joined(rows: DataFrame, columns: Sequence[str], values: DataFrame, named: Sequence[str], how: str) -> DataFrame:
    # The values' columns are renamed, since both sides may come from the same table.
    other = values.select(*(F.col(name).alias(_other(place)) for place, name in enumerate(named))).distinct()
    same: Iterable[Column] = (F.col(name).eqNullSafe(F.col(_other(place))) for place, name in enumerate(columns))
    return rows.join(other, reduce(and_, same), how)


def _other(place: int) -> str:
    return f"_sluice_{place}"


def _sides(join_on: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    own, theirs = zip(*join_on, strict=True)
    return own, theirs
