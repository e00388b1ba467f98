"""Spark reads what Athena's statements write, deletes among it, and Athena reads what Spark's leave."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.histories import History, ordered
from tests.localaws.athena.iceberg import table_of, work_group
from tests.localaws.glue.scripts import job
from tests.localaws.running import ctx  # noqa: F401

SESSION = """
import json
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.lake.type", "glue")
    .config("spark.sql.catalog.lake.warehouse", "s3://sparkle/")
    .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
def rows(table):
    found = spark.sql(f"SELECT id, v, n, CAST(d AS STRING) AS d FROM lake.{table}")
    return [row.asDict() for row in found.collect()]
for table in TABLES:
    print("ROWS " + json.dumps([table, rows(table)]))
    spark.sql(f"ALTER TABLE lake.{table} SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', "
              "'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read')")
    spark.sql(f"DELETE FROM lake.{table} WHERE id % 4 = 1")
    spark.sql(f"UPDATE lake.{table} SET n = -1 WHERE id % 4 = 2")
    print("LEFT " + json.dumps([table, rows(table)]))
"""
SEEDS = 4


@pytest.mark.spark
def test_spark_and_athena_read_each_others_changes(ctx: Context) -> None:
    work_group(ctx, "sparkle")
    clients, known = {}, {}
    for seed in range(SEEDS):
        database = f"sparkle{seed}"
        ctx.client("glue").create_database(DatabaseInput={"Name": database})
        client = clients[database] = Client(ctx, database, "sparkle")
        history = History(client, 1000 + seed)
        for _ in range(6):
            history.step()
        if not history.rows:
            history.insert()
        known[database] = ordered(history.rows)
    tables = json.dumps([f"{database}.t" for database in clients])
    script = f"TABLES = {tables}{SESSION}"
    made_job = job(ctx, script, DefaultArguments={"--datalake-formats": "iceberg"})
    run = made_job.carry_out(300)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
    lines = made_job.log("output", run["Id"])
    read, left = (_said(lines, word) for word in ("ROWS", "LEFT"))
    assert {name.removesuffix(".t"): ordered(rows) for name, rows in read.items()} == known
    for database, client in clients.items():
        found = sorted(map(tuple, client.rows("SELECT id, v, n, d FROM t")), key=str)
        assert found == ordered(left[f"{database}.t"])
        client.rows("UPDATE t SET v = 'after' WHERE n = -1")
        client.rows("DELETE FROM t WHERE id % 4 = 3")
        rows = [row | ({"v": "after"} if row["n"] == -1 else {}) for row in left[f"{database}.t"] if row["id"] % 4 != 3]
        assert ordered(table_of(client).scan().to_arrow().to_pylist()) == ordered(rows)


def _said(lines: list[str], word: str) -> dict[str, list[dict[str, Any]]]:
    return dict(json.loads(line.removeprefix(f"{word} ")) for line in lines if line.startswith(f"{word} "))
