"""A query may what its caller may, and reads nothing that is not in S3."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog.sql import SqlCatalog

from localaws.context import Context
from tests.localaws.athena.iceberg import aged
from tests.localaws.athena.server import iceberg_catalog
from tests.localaws.iam.test_enforcement import Caller
from tests.localaws.running import ctx, until  # noqa: F401

pytestmark = pytest.mark.slow
ATHENA = {"Action": "athena:*", "Resource": "*"}
OUT = {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::leave-out/*"}
GLUE = {"Action": ["glue:GetTable", "glue:GetDatabase", "glue:GetPartitions"], "Resource": "*"}
READ = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::leave-in/*"}
LIST = {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::leave-in"}
ALL = [ATHENA, OUT, GLUE, READ, LIST]


@pytest.fixture(scope="module")
def lake(ctx: Context) -> Context:
    for bucket in ("leave-in", "leave-out", "leave-private"):
        ctx.client("s3").create_bucket(Bucket=bucket)
    ctx.client("glue").create_database(DatabaseInput={"Name": "leave"})
    for bucket, name in (("leave-in", "own"), ("leave-private", "private")):
        ctx.client("s3").put_object(Bucket=bucket, Key="d/x.csv", Body=b"seen\n")
        hive(ctx, name, f"s3://{bucket}/d/")
        table = iceberg_catalog(ctx, f"s3://{bucket}/w").create_table(
            f"leave.{name}_i", pa.schema([("a", pa.string())])
        )
        table.append(pa.table({"a": ["seen"]}))
    return ctx


def hive(ctx: Context, name: str, location: str, parameters: dict[str, str] | None = None) -> None:
    serde = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    storage = {"Columns": [{"Name": "a", "Type": "string"}], "Location": location,
               "SerdeInfo": {"SerializationLibrary": serde, "Parameters": {"field.delim": ","}}}  # fmt: skip
    given: Any = {"Name": name, "TableType": "EXTERNAL_TABLE", "Parameters": parameters or {}}
    ctx.client("glue").create_table(DatabaseName="leave", TableInput={**given, "StorageDescriptor": storage})


def run(client: Any, sql: str, out: str = "s3://leave-out/r/", *, again: bool = False) -> str:
    """What a query ends with: its rows as one text, or why it failed; ``again``: an earlier result will do."""
    asked: Any = {"QueryString": sql, "QueryExecutionContext": {"Database": "leave"}}
    if again:
        asked["ResultReuseConfiguration"] = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 5}}
    name = client.start_query_execution(**asked, ResultConfiguration={"OutputLocation": out})["QueryExecutionId"]

    def ended() -> Any:
        status = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
        return status if status["State"] in {"SUCCEEDED", "FAILED"} else None

    status = until(ended)
    if status["State"] == "FAILED":
        return str(status["StateChangeReason"])
    return json.dumps(client.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"])


@pytest.mark.parametrize("table", ["own", "own_i", '"own_i$files"'])
def test_a_query_reads_what_its_caller_may_read(lake: Context, table: str) -> None:
    athena = Caller(lake, *ALL)("athena")
    assert "seen" in run(athena, f"SELECT * FROM {table}") or "s3://leave-in/" in run(athena, f"SELECT * FROM {table}")


@pytest.mark.parametrize("missing", [GLUE, READ, OUT])
@pytest.mark.parametrize("table", ["own", "own_i"])
def test_a_query_without_one_of_the_permissions_is_refused(lake: Context, table: str, missing: Any) -> None:
    athena = Caller(lake, *[statement for statement in ALL if statement is not missing])("athena")
    said = run(athena, f"SELECT * FROM {table}")
    assert said.startswith("PERMISSION_DENIED: ")
    assert "seen" not in said.removeprefix("PERMISSION_DENIED: ").split("User:")[0]


@pytest.mark.parametrize("table", ["private", "private_i", '"private_i$files"', '"private_i$snapshots"'])
def test_a_query_is_no_way_around_the_callers_permissions(lake: Context, table: str) -> None:
    athena = Caller(lake, *ALL)("athena")
    assert run(athena, f"SELECT * FROM {table}").startswith("PERMISSION_DENIED: ")
    assert run(lake.client("athena"), f"SELECT * FROM {table}").startswith("[")


@pytest.mark.parametrize("table", ["own", "own_i"])
def test_an_earlier_result_is_given_again_to_who_may_read_the_files_now(lake: Context, table: str) -> None:
    caller = Caller(lake, *ALL)
    athena, iam = caller("athena"), lake.client("iam")
    assert "seen" in run(athena, f"SELECT * FROM {table}", again=True)
    assert "seen" in run(athena, f"SELECT * FROM {table}", again=True)
    for name in iam.list_role_policies(RoleName=caller.role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=caller.role, PolicyName=name)
    left = [{"Effect": "Allow", **statement} for statement in ALL if statement is not READ]
    document = json.dumps({"Version": "2012-10-17", "Statement": left})
    iam.put_role_policy(RoleName=caller.role, PolicyName="left", PolicyDocument=document)
    assert run(athena, f"SELECT * FROM {table}", again=True).startswith("PERMISSION_DENIED: ")


ASK = {"Action": ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"], "Resource": "*"}
PREPARED = {
    "Create": "PREPARE made FROM SELECT 'made'",
    "Get": "EXECUTE there",
    "Update": "PREPARE there FROM SELECT 'changed'",
    "Delete": "DEALLOCATE PREPARE there",
}


@pytest.mark.parametrize("does", PREPARED)
def test_what_a_query_does_to_a_prepared_statement_needs_leave(lake: Context, does: str) -> None:
    run(lake.client("athena"), "PREPARE there FROM SELECT 'first'")
    with pytest.raises(ClientError, match=f"athena:{does}PreparedStatement on resource: .*:workgroup/primary"):
        run(Caller(lake, ASK, OUT)("athena"), PREPARED[does])
    assert "first" in run(lake.client("athena"), "EXECUTE there")
    with pytest.raises(ClientError, match="was not found"):
        lake.client("athena").get_prepared_statement(StatementName="made", WorkGroup="primary")
    may = Caller(lake, ASK, OUT, {"Action": f"athena:{does}PreparedStatement", "Resource": "*"})("athena")
    assert run(may, PREPARED[does]).startswith("[")
    if does == "Create":
        lake.client("athena").delete_prepared_statement(StatementName="made", WorkGroup="primary")


def test_a_query_writes_where_its_caller_may_write(lake: Context) -> None:
    lists = {"Action": "s3:ListBucket", "Resource": "*"}
    athena = Caller(lake, *ALL, lists)("athena")
    unload = "UNLOAD (SELECT 1 AS a) TO '{}' WITH (format = 'PARQUET')"
    create = "CREATE TABLE leave.made WITH (external_location = '{}', format = 'PARQUET') AS SELECT 1 AS a"
    assert run(athena, "SELECT 1", "s3://leave-private/r/").startswith("PERMISSION_DENIED: ")
    assert run(athena, unload.format("s3://leave-private/u/")).startswith("PERMISSION_DENIED: ")
    assert "glue:CreateTable" in run(athena, create.format("s3://leave-out/c/"))
    maker = Caller(lake, *ALL, lists, {"Action": "glue:CreateTable", "Resource": "*"})("athena")
    assert run(maker, create.format("s3://leave-private/c/")).startswith("PERMISSION_DENIED: ")
    assert lake.client("s3").list_objects_v2(Bucket="leave-private", Prefix="r/")["KeyCount"] == 0
    assert lake.client("s3").list_objects_v2(Bucket="leave-private", Prefix="u/")["KeyCount"] == 0
    assert lake.client("s3").list_objects_v2(Bucket="leave-private", Prefix="c/")["KeyCount"] == 0
    assert run(maker, create.format("s3://leave-out/c/")).startswith("[")


@pytest.mark.parametrize("sql", ["SHOW DATABASES", "SHOW TABLES IN leave", "DESCRIBE leave.own",
                                 "SHOW CREATE TABLE leave.own", "SELECT * FROM information_schema.tables"])  # fmt: skip
def test_the_catalog_shows_what_its_caller_may_see(lake: Context, sql: str) -> None:
    assert run(Caller(lake, ATHENA, OUT)("athena"), sql).startswith("PERMISSION_DENIED: ")


def test_results_are_read_by_who_may_read_the_object(lake: Context) -> None:
    name = lake.client("athena").start_query_execution(
        QueryString="SELECT 'seen'", ResultConfiguration={"OutputLocation": "s3://leave-private/r/"}
    )["QueryExecutionId"]
    asked = {"QueryExecutionId": name}
    until(
        lambda: lake.client("athena").get_query_execution(**asked)["QueryExecution"]["Status"]["State"] == "SUCCEEDED"
    )
    with pytest.raises(Exception, match="s3:GetObject"):
        Caller(lake, *ALL)("athena").get_query_results(**asked)
    with pytest.raises(Exception, match="glue:GetTable"):
        Caller(lake, ATHENA)("athena").get_table_metadata(
            CatalogName="AwsDataCatalog", DatabaseName="leave", TableName="own"
        )


def test_a_session_policy_narrows_its_queries(lake: Context) -> None:
    caller = Caller(lake, *ALL, {"Action": "sts:AssumeRole", "Resource": "*"})
    arn = lake.client("iam").get_role(RoleName=caller.role)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in (ATHENA, OUT, GLUE)]})
    caller.keys = lake.client("sts").assume_role(RoleArn=arn, RoleSessionName="me", Policy=policy)["Credentials"]
    assert run(caller("athena"), "SELECT * FROM own").startswith("PERMISSION_DENIED: ")


# ---- files of the host


def test_a_table_reads_no_file_of_the_host(lake: Context, tmp_path: Path) -> None:
    """Neither its metadata, nor what metadata in S3 names: manifests, data."""
    local = SqlCatalog("x", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}/w")
    local.create_namespace("n")
    table = local.create_table("n.t", pa.schema([("a", pa.string())]))
    table.append(pa.table({"a": ["HOST FILE"]}))
    written = Path(table.metadata_location.removeprefix("file://")).read_bytes()
    lake.client("s3").put_object(Bucket="leave-in", Key="evil/1.metadata.json", Body=written)
    evil = json.loads(written)
    evil["properties"] = {"py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO", "s3.endpoint": "http://127.0.0.1:1"}
    lake.client("s3").put_object(Bucket="leave-in", Key="evil/2.metadata.json", Body=json.dumps(evil).encode())
    locations = [
        table.metadata_location, table.metadata_location.removeprefix("file://"), "file:///etc/passwd",
        "http://127.0.0.1:1/x.metadata.json", "s3://leave-in/evil/1.metadata.json", "s3://leave-in/evil/2.metadata.json",
    ]  # fmt: skip
    for number, location in enumerate(locations):
        hive(lake, f"evil{number}", "s3://leave-in/x", {"table_type": "ICEBERG", "metadata_location": location})
        for name in (f"evil{number}", f'"evil{number}$files"'):
            said = run(lake.client("athena"), f"SELECT * FROM {name}")
            assert said.startswith("INVALID_TABLE_PROPERTY: "), said
            assert "HOST FILE" not in said
    for number, location in enumerate(["file:///etc/", "/etc/", "http://127.0.0.1/x"]):
        hive(lake, f"hostly{number}", location)
        assert run(lake.client("athena"), f"SELECT * FROM hostly{number}").startswith("INVALID_TABLE_PROPERTY: ")


def test_lists_show_what_the_callers_rights_on_the_catalog_show(lake: Context) -> None:
    glue = lake.client("glue")
    glue.create_database(DatabaseInput={"Name": "leave_not"})
    glue.create_table(DatabaseName="leave_not", TableInput={"Name": "hidden_one", "TableType": "EXTERNAL_TABLE",
                      "StorageDescriptor": {"Columns": [{"Name": "secret", "Type": "string"}]}})  # fmt: skip
    arn = "arn:aws:glue:us-east-1:123456789012:"
    own = [f"{arn}catalog", f"{arn}database/leave", f"{arn}table/leave/own*"]
    athena = Caller(lake, ATHENA, OUT, {"Action": "glue:*", "Resource": own})("athena")
    listed = {
        "SHOW DATABASES": "leave", "SHOW SCHEMAS": "leave", "SELECT * FROM information_schema.schemata": "leave",
        "SELECT * FROM information_schema.tables": "own_i", "SELECT * FROM information_schema.columns": "own_i",
        "SHOW TABLES": "own_i", "SHOW TABLES IN leave": "own_i",
    }  # fmt: skip
    for sql, seen in listed.items():
        said = run(athena, sql)
        assert f'"{seen}"' in said, (sql, said)
        assert "leave_not" not in said, sql
        assert "hidden_one" not in said, sql
        assert '"private' not in said, sql
        assert "private" in run(lake.client("athena"), sql) or "leave_not" in run(lake.client("athena"), sql)
    assert run(athena, "SHOW TABLES IN leave_not").startswith("PERMISSION_DENIED: ")
    for call in ("list_databases", "list_table_metadata"):
        if hasattr(athena, call):
            given: dict[str, str] = {"CatalogName": "AwsDataCatalog"}
            given |= {"DatabaseName": "leave"} if call == "list_table_metadata" else {}
            try:
                said = json.dumps(getattr(athena, call)(**given), default=str)
            except ClientError as error:
                said = str(error)
            assert "leave_not" not in said
            assert '"private' not in said


CHANGE = {"Action": "glue:UpdateTable", "Resource": "*"}
STORE = {"Action": "s3:PutObject", "Resource": "arn:aws:s3:::leave-in/*"}
REMOVE = {"Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::leave-in/*"}
CHANGES = [
    "INSERT INTO changed_i VALUES ('new')",
    "UPDATE changed_i SET a = 'new' WHERE a = 'seen'",
    "DELETE FROM changed_i WHERE a = 'seen'",
    "MERGE INTO changed_i USING (VALUES 'new') AS s (a) ON changed_i.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
    "OPTIMIZE changed_i REWRITE DATA USING BIN_PACK",
    "VACUUM changed_i",
]


@pytest.fixture(scope="module")
def changed(lake: Context) -> Context:
    """A lake with one more table, whose two files are worth rewriting."""
    table = iceberg_catalog(lake, "s3://leave-in/w").create_table("leave.changed_i", pa.schema([("a", pa.string())]))
    for value in ("seen", "other", "third"):
        table.append(pa.table({"a": [value]}))
    with table.transaction() as transaction:
        transaction.set_properties({"optimize_rewrite_data_file_threshold": "2"})
    return lake


@pytest.mark.parametrize("sql", CHANGES)
def test_a_statement_changes_nothing_without_leave_to_change_the_table(changed: Context, sql: str) -> None:
    told = run(Caller(changed, *ALL, STORE, REMOVE)("athena"), sql)
    assert told.startswith("PERMISSION_DENIED: ")
    assert "glue:UpdateTable" in told


@pytest.mark.parametrize("sql", CHANGES[:5])
def test_a_statement_writes_no_file_without_leave_to_write_it(changed: Context, sql: str) -> None:
    before = _keys(changed)
    told = run(Caller(changed, *ALL, CHANGE, REMOVE)("athena"), sql)
    assert told.startswith("PERMISSION_DENIED: ")
    assert "s3:PutObject" in told
    assert _keys(changed) == before


def test_what_a_statement_reads_needs_leave_too(changed: Context) -> None:
    may = Caller(changed, *ALL, CHANGE, STORE)("athena")
    for sql in (
        "DELETE FROM changed_i WHERE a IN (SELECT a FROM private_i)",
        "UPDATE changed_i SET a = (SELECT max(a) FROM private)",
        "MERGE INTO changed_i USING private_i AS s ON changed_i.a = s.a WHEN NOT MATCHED THEN INSERT VALUES (s.a)",
        "OPTIMIZE changed_i REWRITE DATA USING BIN_PACK WHERE a = (SELECT max(a) FROM private_i)",
    ):
        told = run(may, sql)
        assert told.startswith("PERMISSION_DENIED: "), told
        assert "leave-private" in told


def test_who_may_change_a_table_needs_no_leave_to_delete_and_vacuum_leaves_what_may_not_go(changed: Context) -> None:
    may = Caller(changed, *ALL, CHANGE, STORE)("athena")
    for sql in CHANGES[:5]:
        assert json.loads(run(may, sql)) == []
    assert json.loads(run(may, "SELECT count(*) FROM changed_i"))[1:] == [{"Data": [{"VarCharValue": "4"}]}]
    with iceberg_catalog(changed, "s3://leave-in/w").load_table("leave.changed_i").transaction() as transaction:
        transaction.set_properties({"vacuum_max_snapshot_age_seconds": "1"})
    time.sleep(1.5)
    before = _keys(changed)
    assert run(may, "VACUUM changed_i") == "[]"
    assert set(before) <= set(_keys(changed))
    aged(changed, "leave-in", "w/leave.db/changed_i", days=4)
    assert run(Caller(changed, *ALL, CHANGE, STORE, REMOVE)("athena"), "VACUUM changed_i") == "[]"
    assert len(_keys(changed)) < len(before)


def _keys(lake: Context) -> list[str]:
    pages = lake.client("s3").get_paginator("list_objects_v2").paginate(Bucket="leave-in", Prefix="w/")
    return [item["Key"] for page in pages for item in page.get("Contents", [])]
