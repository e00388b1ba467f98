"""Entry point of the Glue job: refreshes one derived table on Spark with Iceberg.

Arguments: ``--table`` (such as ``silver.orders``), ``--run`` (the refresh's id), ``--pinned`` (JSON: the snapshots to
read by input table; of others, the present snapshot), ``--lake-bucket``, ``--prefix`` (of database names), ``--dpus``
(what the run is billed for), ``--backfill`` (JSON: the backfill request that the run fulfils, or null).
The last line of the output is the run as JSON. The project's modules and its compiled declaration are shipped as extra
Python files (``infra.bundle.spark_folder``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from dataclasses import asdict

from pyspark.sql import SparkSession

from sluice.compiled import Backfill
from sluice.plain import from_plain
from sluice.refresh.run import Held
from sluice.refresh.spark.alike import SETTINGS
from sluice.refresh.spark.engine import SparkEngine
from sluice.refresh.spark.lake import Lake
from sluice.refresh.spark.project import ShippedProject
from sluice.transforms import Transform


def session(lake_bucket: str) -> SparkSession:
    """Return a session whose catalog ``lake`` is the Glue catalog, through Iceberg."""
    builder = (
        SparkSession.builder.appName("sluice")
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
        .config("spark.sql.catalog.lake.type", "glue")
        .config("spark.sql.catalog.lake.warehouse", f"s3://{lake_bucket}/")
        .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
        # Each read sees the table as it is now, not as it was when this session first loaded it.
        .config("spark.sql.catalog.lake.cache-enabled", "false")
        # A table's name in SQL is never taken for a file's path.
        .config("spark.sql.runSQLOnFiles", "false")
    )
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def shipped_project() -> ShippedProject:
    """Return the compiled project that was shipped with the code; ``FileNotFoundError`` when it was not."""
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
    backfill = from_plain(Backfill, known.backfill) if known.backfill else None
    engine = SparkEngine(lake, shipped_project(), shipped_function, dpus=known.dpus)
    try:
        run = engine.run(known.table, run_id=known.run, pinned=known.pinned, backfill=backfill)
    except Held as held:
        sys.stdout.write(f"{held}\n")
    else:
        sys.stdout.write(f"{json.dumps(asdict(run), separators=(',', ':'))}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
