"""Entry point of the Glue job: rebuilds one derived table on Spark with Iceberg.

Arguments: ``--table`` (``silver.orders``), ``--lake-bucket``, ``--prefix`` (before database names). The project's
code must be given to Glue as extra Python files.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

from pyspark.sql import SparkSession

from sluice.project import deployed_project
from sluice.transforms import apply


def session(lake_bucket: str) -> SparkSession:
    """Return a session whose catalog ``lake`` is the Glue catalog, through Iceberg."""
    return (
        SparkSession.builder.appName("sluice")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "glue")
        .config("spark.sql.catalog.lake.warehouse", f"s3://{lake_bucket}/")
        .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .getOrCreate()
    )


def rebuild(spark: SparkSession, table: str, prefix: str) -> None:
    """Replace all rows of ``table`` by what its transform makes of its inputs."""
    database, _, name = table.partition(".")
    function: Any = getattr(importlib.import_module(f"glue_jobs.{database}.{name}"), name)
    project = deployed_project()
    inputs = {parameter: spark.table(f"lake.{prefix}{source}") for parameter, source in function.inputs.items()}
    target = f"lake.{prefix}{table}"
    columns = spark.table(target).columns
    keys = {parameter: project.contract(source).key for parameter, source in function.inputs.items()}
    apply(function, inputs, keys).select(*columns).writeTo(target).overwritePartitions()


def main(arguments: list[str]) -> None:
    """Run the job with Glue's arguments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", required=True)
    parser.add_argument("--lake-bucket", required=True)
    parser.add_argument("--prefix", default="")
    known, _ = parser.parse_known_args(arguments)
    rebuild(session(known.lake_bucket), known.table, known.prefix)


if __name__ == "__main__":
    main(sys.argv[1:])
