"""A result is given again where that is asked for, to whom it was given, and of what may still be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto.s3.models import s3_backends

from localaws.athena import reuse
from localaws.athena.executions import Execution
from localaws.athena.results import Results
from localaws.context import Context
from localaws.gateway.callers import Session
from tests.localaws.athena.shop import rows, run, shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with shop(tmp_path_factory.mktemp("aws")) as ctx:
        yield ctx


def test_a_result_is_given_again_where_that_is_asked_for(ctx: Context) -> None:
    sql = "SELECT count(*) AS n, max(id) AS reused FROM items"
    asked = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}

    def reused(found: dict[str, Any]) -> bool:
        return bool(found["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"])

    first = run(ctx, sql, **asked)
    assert not reused(first)
    again = run(ctx, sql, **asked)
    assert reused(again)
    assert again["Statistics"]["DataScannedInBytes"] == 0
    assert again["ResultConfiguration"]["OutputLocation"] == first["ResultConfiguration"]["OutputLocation"]
    assert again["ResultReuseConfiguration"] == asked["ResultReuseConfiguration"]
    assert rows(ctx, sql, **asked) == [["n", "reused"], ["3", "3"]]
    assert not reused(run(ctx, sql))
    for other in ({"WorkGroup": "primary", "ResultConfiguration": {"OutputLocation": "s3://out/other/"}},
                  {"QueryExecutionContext": {"Database": "default"}}):  # fmt: skip
        differing = {**asked, **other}
        assert not reused(run(ctx, sql.replace("items", "shop.items"), **differing))
    now = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}}}
    assert not reused(run(ctx, sql, **now))
    for found in ctx.client("s3").list_objects_v2(Bucket="out", Prefix="analysts/")["Contents"]:
        ctx.client("s3").delete_object(Bucket="out", Key=found["Key"])
    assert not reused(run(ctx, sql, **asked))


def test_a_prepared_statement_that_was_made_anew_has_no_earlier_result(ctx: Context) -> None:
    asked = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}

    def executed(*parameters: str) -> tuple[bool, list[list[str | None]]]:
        given = {**asked, "ExecutionParameters": list(parameters)}
        found = run(ctx, "EXECUTE again", **given)
        reused = found["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"]
        return reused, rows(ctx, "EXECUTE again", **given)

    run(ctx, "PREPARE again FROM SELECT id, 'first' AS made FROM items WHERE id = ?")
    assert executed("1") == (False, [["id", "made"], ["1", "first"]])
    assert executed("1") == (True, [["id", "made"], ["1", "first"]])
    assert executed("2") == (False, [["id", "made"], ["2", "first"]])
    run(ctx, "PREPARE again FROM SELECT id, 'second' AS made FROM items WHERE id = ?")
    assert executed("1") == (False, [["id", "made"], ["1", "second"]])
    iceberg = "LOCATION 's3://lake/reusing/' TBLPROPERTIES ('table_type'='ICEBERG')"
    run(ctx, f"CREATE TABLE reusing (n int) {iceberg}")
    run(ctx, "PREPARE again FROM INSERT INTO reusing VALUES (?)")
    for _ in range(2):
        assert not run(ctx, "EXECUTE again", **asked, ExecutionParameters=["1"])["Statistics"][
            "ResultReuseInformation"
        ]["ReusedPreviousResult"]
    assert rows(ctx, "SELECT count(*) AS n FROM reusing") == [["n"], ["2"]]


def test_no_result_is_given_again_of_what_cannot_be_read_any_more(ctx: Context) -> None:
    asked = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}}
    ctx.client("glue").create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "leaving", "TableType": "EXTERNAL_TABLE",
            "StorageDescriptor": {
                "Columns": [{"Name": "n", "Type": "int"}], "Location": "s3://lake/leaving/",
                "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
            },
        },
    )  # fmt: skip
    assert run(ctx, "SELECT count(n) FROM leaving", **asked)["Status"]["State"] == "SUCCEEDED"
    ctx.client("glue").delete_table(DatabaseName="shop", Name="leaving")
    found = run(ctx, "SELECT count(n) FROM leaving", **asked)["Status"]
    assert "TABLE_NOT_FOUND" in found["StateChangeReason"]


def test_a_result_is_given_again_to_the_role_that_asked_for_it_alone() -> None:
    def execution(role: str, **more: Any) -> Execution:
        workgroup = SimpleNamespace(name="w")
        return Execution(
            "SELECT 1", "db", "", workgroup, "s3://reused/", None, None, None, "123456789012", "us-east-1",
            Session(f"arn:aws:iam::123456789012:role/{role}", "s"), resolved="SELECT 1", **more,
        )  # fmt: skip

    done = execution("one", status="SUCCEEDED", completed=time.time(), results=Results([], [["1"]]))
    s3_backends["123456789012"]["aws"].create_bucket("reused", "us-east-1")
    s3_backends["123456789012"]["aws"].put_object("reused", f"{done.id}.csv", b"")
    assert reuse.earlier(execution("one", reuse=5), [done]) is done
    assert reuse.earlier(execution("another", reuse=5), [done]) is None
    other = Session("arn:aws:iam::123456789012:role/one", "s", policy="{}")
    for name, value in (("resolved", "SELECT 2"), ("resolved", None), ("session", other),
                        ("workgroup", SimpleNamespace(name="other")), ("region", "eu-west-1")):  # fmt: skip
        asked = execution("one", reuse=5)
        setattr(asked, name, value)
        assert reuse.earlier(asked, [done]) is None
