"""Spark over Glue's Iceberg REST endpoint reads what Athena's statements write, and Athena what Spark writes so."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, table_of, work_group
from tests.localaws.glue.scripts import job
from tests.localaws.running import ctx  # noqa: F401

#: As AWS's page says: https://docs.aws.amazon.com/glue/latest/dg/connect-glu-iceberg-rest.html
SCRIPT = """
import json
import os
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.rest", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.rest.type", "rest")
    .config("spark.sql.catalog.rest.uri", os.environ["AWS_ENDPOINT_URL"] + "/iceberg")
    .config("spark.sql.catalog.rest.warehouse", "123456789012")
    .config("spark.sql.catalog.rest.rest.sigv4-enabled", "true")
    .config("spark.sql.catalog.rest.rest.signing-name", "glue")
    .config("spark.sql.catalog.rest.rest.signing-region", "us-east-1")
    .config("spark.sql.catalog.rest.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
    .config("spark.sql.defaultCatalog", "rest")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
def told(what, sql):
    print("TOLD " + json.dumps([what, [list(map(str, row)) for row in spark.sql(sql).collect()]]))
told("namespaces", "SHOW NAMESPACES LIKE 'resty'")
told("tables", "SHOW TABLES IN resty")
told("t", "SELECT id, v FROM resty.t ORDER BY id")
told("then", "SELECT count(*) FROM resty.t VERSION AS OF " +
     str(spark.sql("SELECT min_by(snapshot_id, committed_at) FROM resty.t.snapshots").first()[0]))
spark.sql("ALTER TABLE resty.t SET TBLPROPERTIES ('write.delete.mode'='merge-on-read', "
          "'write.merge.mode'='merge-on-read')")
spark.sql("DELETE FROM resty.t WHERE id = 4")
spark.sql("ALTER TABLE resty.t ADD COLUMN more INT")
spark.sql("MERGE INTO resty.t USING (SELECT * FROM VALUES (1, 'one'), (9, 'nine') AS s (id, v)) s ON t.id = s.id "
          "WHEN MATCHED THEN UPDATE SET v = s.v, more = 7 WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v)")
spark.sql("CREATE TABLE resty.days (id BIGINT, price DECIMAL(10,2), at TIMESTAMP_NTZ) USING iceberg "
          "PARTITIONED BY (days(at), bucket(2, id))")
spark.sql("INSERT INTO resty.days VALUES (1, 1.50, TIMESTAMP_NTZ '2024-02-29 23:59:59.999999'), (2, NULL, NULL)")
spark.sql("CREATE TABLE resty.copied USING iceberg AS SELECT id, v FROM resty.t")
spark.sql("CREATE TABLE resty.gone (id INT) USING iceberg")
spark.sql("DROP TABLE resty.gone")
for refused in ("SELECT * FROM resty.nope", "CREATE TABLE resty.t (id INT) USING iceberg"):
    try:
        spark.sql(refused)
    except Exception as error:
        print("TOLD " + json.dumps([refused, type(error).__name__]))
"""


@pytest.mark.spark
@pytest.mark.proof
def test_spark_over_rest_and_athena_read_each_others_tables(ctx: Context) -> None:
    work_group(ctx, "resty")
    ctx.client("glue").create_database(DatabaseInput={"Name": "resty", "LocationUri": "s3://resty/resty"})
    client = Client(ctx, "resty", "resty")
    made(client, partitioned="bucket(2, id)")
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    client.rows("DELETE FROM t WHERE id = 2")
    client.rows("UPDATE t SET v = 'C' WHERE id = 3")
    made_job = job(ctx, SCRIPT, DefaultArguments={"--datalake-formats": "iceberg"})
    run = made_job.carry_out(300)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
    lines = [line.removeprefix("TOLD ") for line in made_job.log("output", run["Id"]) if line.startswith("TOLD ")]
    assert dict(map(json.loads, lines)) == {
        "namespaces": [["resty"]],
        "tables": [["resty", "t", "False"]],
        "t": [["1", "a"], ["3", "C"], ["4", "d"]],
        "then": [["4"]],
        "SELECT * FROM resty.nope": "AnalysisException",
        "CREATE TABLE resty.t (id INT) USING iceberg": "AnalysisException",
    }
    assert client.rows("SHOW TABLES") == [["copied"], ["days"], ["t"]]
    rows = [["1", "one", "7"], ["3", "C", None], ["9", "nine", None]]
    assert client.rows("SELECT id, v, more FROM t ORDER BY id") == rows
    assert client.rows("SELECT id, v FROM copied ORDER BY id") == [row[:2] for row in rows]
    assert client.rows("SELECT * FROM days ORDER BY id") == [
        ["1", "1.50", "2024-02-29 23:59:59.999999"], ["2", None, None],
    ]  # fmt: skip
    client.rows("UPDATE days SET price = DECIMAL '2.50' WHERE id = 2")
    client.rows("INSERT INTO copied VALUES (10, 'x')")
    assert sorted(map(str, table_of(client, "days").scan().to_arrow()["price"].to_pylist())) == ["1.50", "2.50"]
    assert len(table_of(client, "copied").scan().to_arrow()) == 4
