"""Transforms: pure functions from PySpark DataFrames to one, the same on DuckDB and on Spark.

``glue_jobs/<database>/<table>.py`` holds one function, named as its table and decorated with ``transform``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Transform = Callable[..., "DataFrame"]


def transform(**inputs: str) -> Callable[[Transform], Transform]:
    """Declare which table each parameter of the function is, e.g. ``@transform(orders="bronze.orders")``."""

    def declare(function: Transform) -> Transform:
        function.inputs = inputs  # type: ignore[attr-defined]
        return function

    return declare


def latest_by_key(rows: DataFrame, key: Iterable[str], *, newest: str) -> DataFrame:
    """Return one row per key, the one with the latest ``newest``; equal ones are decided by the rows' own values.

    The winner never depends on the order in which records arrived.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    own = [name for name in rows.columns if not name.startswith("_") and name not in (*keys, newest)]
    order: list[Any] = [F.col(newest).desc_nulls_last(), *(F.col(name).desc_nulls_last() for name in own)]
    ranked = rows.withColumn("_rank", F.row_number().over(Window.partitionBy(*keys).orderBy(*order)))
    return ranked.where(F.col("_rank") == 1).select(*keys, newest, *own)
