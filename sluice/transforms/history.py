"""Makes a slowly changing dimension (type 2) of versions: each version has the time in which it was valid."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: Columns of a version: valid from this moment (inclusive) to that (exclusive, null for ever), and whether it still is.
VALID_FROM, VALID_TO, IS_CURRENT = "valid_from", "valid_to", "is_current"
#: A column that is true in a row that ends the version before it and is no version itself.
DELETED = "_deleted"


def history(versions: DataFrame, key: Iterable[str]) -> DataFrame:
    """Return ``versions`` with the columns ``valid_to`` and ``is_current``, one row per key and ``valid_from``.

    A version with the same values as the one before is merged into it. Of several with the same key and ``valid_from``
    the one with the greatest values is kept. A row with ``_deleted`` true ends the version before it.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = list(key)
    own = [name for name in versions.columns if name not in (*keys, VALID_FROM, DELETED)]
    deleted = F.coalesce(F.col(DELETED), F.lit(False)) if DELETED in versions.columns else F.lit(False)
    marked = versions.select(*keys, VALID_FROM, *own, deleted.alias(DELETED))
    said = [*own, DELETED]
    ties = Window.partitionBy(*keys, VALID_FROM).orderBy(*(F.col(name).desc_nulls_last() for name in said))
    single = marked.withColumn("_place", F.row_number().over(ties)).where(F.col("_place") == 1).drop("_place")
    in_time = Window.partitionBy(*keys).orderBy(VALID_FROM)
    seen = single.select(
        *keys,
        VALID_FROM,
        *said,
        F.row_number().over(in_time).alias("_number"),
        *(F.lag(name).over(in_time).alias(f"_before_{name}") for name in said),
    )
    same = reduce(and_, (F.col(name).eqNullSafe(F.col(f"_before_{name}")) for name in said))
    changed = seen.where((F.col("_number") == 1) | ~same).select(*keys, VALID_FROM, *said)
    closed = changed.withColumn(VALID_TO, F.lead(VALID_FROM).over(in_time)).where(~F.col(DELETED))
    return closed.select(*keys, *own, VALID_FROM, VALID_TO, F.col(VALID_TO).isNull().alias(IS_CURRENT))
