"""Entry point of the Glue job: rebuilds one derived table on Spark with Iceberg.

Arguments: ``--table`` (``silver.orders``), ``--lake-bucket``, ``--prefix`` (before database names). What it imports of
the project, and the declared project itself, come as extra Python files (``infra.bundle.spark_folder``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

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
    declared = declared_keys()
    inputs = {parameter: spark.table(f"lake.{prefix}{source}") for parameter, source in function.inputs.items()}
    target = f"lake.{prefix}{table}"
    columns = spark.table(target).columns
    keys = {parameter: declared[source] for parameter, source in function.inputs.items()}
    # Not by partitions: one that the result no longer has would keep its rows.
    apply(function, inputs, keys).select(*columns).writeTo(target).overwrite(F.lit(True))


def declared_keys() -> dict[str, list[str]]:
    """Return the key columns of every contracted table, from the project that was shipped with the code."""
    shipped = pkgutil.get_data("glue_jobs", "project.json")
    if shipped is None:
        raise FileNotFoundError("glue_jobs/project.json was not shipped: deploy again, infra/bundle.py puts it there")
    contracts = json.loads(shipped)["contracts"]
    return {f"{contract['database']}.{contract['name']}": contract.get("key", []) for contract in contracts}


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
