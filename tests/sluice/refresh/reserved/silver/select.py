from __future__ import annotations

from pyspark.sql import DataFrame

from sluice.transforms import transform, unique


@transform(write="merge", recompute_key="order", table=unique("bronze.order", newest="at", on="order"))
def select(table: DataFrame) -> DataFrame:
    return table.select(*(name for name in table.columns if not name.startswith("_")))
