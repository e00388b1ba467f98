from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from sluice.transforms import source, transform


@transform(
    write="replace_partitions",
    recompute_key="end",
    select=source("silver.select", on="end"),
    order=source("bronze.order", join="select", join_on={"order": "order"}),
)
def group(select: DataFrame, order: DataFrame) -> DataFrame:
    wanted = order.select("order").distinct()
    joined = select.join(wanted, "order", "left_semi")
    return joined.groupBy("end").agg(F.count(F.lit(1)).alias("from"), F.max("at").alias("at"))
