"""The rows of one run's inputs on Spark, for change propagation: see ``sluice.refresh.propagation.Relations``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, FloatType

from sluice.refresh.spark.lake import Difference, Lake

#: With more key values than this, files are pruned by the least and the greatest: Iceberg prunes by no longer list.
#: https://github.com/apache/iceberg/blob/main/api/src/main/java/org/apache/iceberg/expressions/InclusiveMetricsEvaluator.java
_FEW_VALUES = 200


class SparkRelations:
    """The inputs of one incremental run and their changes, by parameter; ``forget`` frees the rows kept in memory.

    ``names`` are the inputs' tables by parameter; ``differences`` are by table; ``present`` are the derived table's
    rows.
    """

    def __init__(
        self,
        lake: Lake,
        names: Mapping[str, str],
        inputs: Mapping[str, str],
        differences: Mapping[str, Difference],
        present: DataFrame,
    ) -> None:
        self._lake, self._names, self._differences, self._present = lake, names, differences, present
        self._whole = {parameter: lake.rows(name, inputs[name]) for parameter, name in names.items()}
        self._kept: list[DataFrame] = []

    def forget(self) -> None:
        """Free all rows that were kept."""
        while self._kept:
            self._kept.pop().unpersist()

    def whole(self, parameter: str) -> DataFrame:
        """Return all rows of an input at the snapshot that the run reads."""
        return self._whole[parameter]

    def changed(self, parameter: str) -> DataFrame:
        """Return the distinct rows that were added to or removed from an input; rows that only moved are left out."""
        name = self._names[parameter]
        return self._lake.changed_rows(name, self._differences[name])

    def added(self, parameter: str) -> DataFrame:
        """Return the rows that were added to an input."""
        name = self._names[parameter]
        return self._lake.added_rows(name, self._differences[name])

    def present(self) -> DataFrame:
        """Return the rows that the derived table has now."""
        return self._present

    def columns(self, rows: DataFrame) -> Sequence[str]:
        """Return the names of the columns of ``rows``."""
        found: list[str] = rows.columns
        return found

    def count(self, rows: DataFrame) -> int:
        """Return how many rows there are."""
        return int(rows.count())

    def with_values(
        self, rows: DataFrame, columns: Sequence[str], values: DataFrame, named: Sequence[str]
    ) -> DataFrame:
        """Return the ``rows`` whose ``columns`` equal the columns ``named`` of some row of ``values``."""
        return with_values(rows, columns, values, named)

    def between_days(self, rows: DataFrame, column: str, first: str, last: str) -> DataFrame:
        """Return the ``rows`` whose ``column`` is between two days, which are included."""
        return rows.where(F.col(column).cast("date").between(F.lit(first).cast("date"), F.lit(last).cast("date")))

    def select(self, rows: DataFrame, columns: Sequence[str], named: Sequence[str]) -> DataFrame:
        """Return only ``columns`` of the rows, under the names ``named``."""
        return rows.select(*(F.col(own).alias(name) for own, name in zip(columns, named, strict=True)))

    def union(self, parts: Sequence[DataFrame]) -> DataFrame:
        """Return the rows of all ``parts``."""
        return reduce(DataFrame.unionByName, parts)

    def distinct(self, rows: DataFrame) -> DataFrame:
        """Return each of the ``rows`` once."""
        return rows.distinct()

    def keep(self, rows: DataFrame) -> DataFrame:
        """Return ``rows``, persisted until ``forget`` so that they are computed once."""
        if rows.is_cached:
            return rows
        self._kept.append(rows.persist())
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
    if isinstance(kind, FloatType | DoubleType):
        return F.lit(True)  # bounds say nothing about NaN, and a key of such numbers is rare
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
