"""Sluice on local Spark, as its Glue job runs it: to an Iceberg branch, checked there, then published."""

from __future__ import annotations

from pathlib import Path

from benchmarks.model.child import Work
from benchmarks.model.peers.spark_settings import start_java
from benchmarks.model.sql import TABLES
from sluice.refresh.spark.engine import SparkEngine
from sluice.refresh.spark.lake import Lake
from sluice.refresh.spark.main import session
from sluice.refresh.spark.project import ShippedProject
from sluice.transforms.discover import discover


def main() -> None:
    work = Work()
    start_java(work.scratch, tuple(Path(jar) for jar in work.given["jars"]))
    spark = session("unused")
    spark.sparkContext.setLogLevel("ERROR")
    # The catalog is opened when it is first asked for: its files lie on this machine's disk, as everybody's do.
    spark.conf.set("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.hadoop.HadoopFileIO")
    spark.conf.set("spark.sql.catalog.lake.warehouse", f"file://{work.output}")
    functions = {item.table: item for item in discover(Path(work.given["functions"]))}
    project = ShippedProject(Path(work.given["project"]).read_bytes())
    lake = Lake(spark, work.given["prefix"])
    engine = SparkEngine(lake, project, functions.__getitem__)
    lake.head("bronze.orders")
    for table in TABLES:
        with work.table(table):
            run = engine.run(table, run_id="model")
        work.add_steps(run.seconds)
    work.finish()
    spark.stop()


if __name__ == "__main__":
    main()
