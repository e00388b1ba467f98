"""Entry point of the Glue job: brings one derived table up to date on Spark with Iceberg.

Arguments: ``--table`` (``silver.orders``), ``--run`` (the refresh's id), ``--pinned`` (JSON: the snapshots to read, by
input table; those not named: the present ones), ``--lake-bucket``, ``--prefix`` (before database names), ``--dpus``,
``--backfill`` (JSON: the request that the run does, or null).
The last line of its output is the run as JSON. What it imports of the project, and the declared project itself, come
as extra Python files (``infra.bundle.spark_folder``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys

from pyspark.sql import SparkSession

from sluice.spark.lake import Lake
from sluice.spark.run import Workshop, run_transform
from sluice.spark.shipped import ShippedProject
from sluice.transforms import Transform


def session(lake_bucket: str) -> SparkSession:
    """Return a session whose catalog ``lake`` is the Glue catalog, through Iceberg."""
    return (
        SparkSession.builder.appName("sluice")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "glue")
        .config("spark.sql.catalog.lake.warehouse", f"s3://{lake_bucket}/")
        .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
        # A table is what it is now, not what it was when this job first looked.
        .config("spark.sql.catalog.lake.cache-enabled", "false")
        # A name in SQL is a table, never a file.
        .config("spark.sql.runSQLOnFiles", "false")
        # Text is what it says: nothing of the process is written into it (``sluice.spark.confined`` insists).
        .config("spark.sql.variable.substitute", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.timestampType", "TIMESTAMP_NTZ")
        .getOrCreate()
    )


def shipped_project() -> ShippedProject:
    """Return the declared project that was shipped with the code."""
    shipped = pkgutil.get_data("glue_jobs", "project.json")
    if shipped is None:
        raise FileNotFoundError("glue_jobs/project.json was not shipped: deploy again, infra/bundle.py puts it there")
    return ShippedProject(shipped)


def shipped_function(table: str) -> Transform:
    """Return the function that makes ``table``."""
    database, _, name = table.partition(".")
    function: Transform = getattr(importlib.import_module(f"glue_jobs.{database}.{name}"), name)
    return function


def main(arguments: list[str]) -> None:
    """Run the job with Glue's arguments."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--table", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--pinned", type=json.loads, default={})
    parser.add_argument("--lake-bucket", required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--dpus", type=float, default=0.0)
    parser.add_argument("--backfill", type=json.loads)
    known, _ = parser.parse_known_args(arguments)
    lake = Lake(session(known.lake_bucket), known.prefix)
    # What outgrew the functions is computed as a whole: that holds the interval, too, and readers see it at once.
    whole = "backfill, on Spark of the whole table" if known.backfill else ""
    workshop = Workshop(lake, shipped_project(), shipped_function, dpus=known.dpus, whole=whole)
    run = run_transform(workshop, known.table, run_id=known.run, pinned=known.pinned)
    sys.stdout.write(f"{run.to_json()}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
