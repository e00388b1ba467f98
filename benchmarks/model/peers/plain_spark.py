"""PySpark without a table format: the same functions, DataFrames from Parquet to Parquet, sorted in each partition."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.model.child import Work
from benchmarks.model.peers.spark_settings import start_java
from benchmarks.model.sql import TABLES
from sluice.transforms.discover import discover


def main() -> None:
    work = Work()
    start_java(work.scratch)
    spark = SparkSession.builder.appName("plain").config("spark.sql.timestampType", "TIMESTAMP_NTZ").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    found = {item.table: item for item in discover(Path(work.given["functions"]))}
    spark.range(1).count()
    for table in TABLES:
        with work.table(table):
            frames = {name: spark.read.parquet(*work.sources(source)) for name, source in found[table].inputs.items()}
            rows = found[table].function(**frames)
            if order := work.given["sort_order"][table]:
                rows = rows.repartitionByRange(*order).sortWithinPartitions(*order)
            rows.write.mode("append").option("compression", "zstd").parquet(str(work.target(table)))
    work.finish()
    spark.stop()


if __name__ == "__main__":
    main()
