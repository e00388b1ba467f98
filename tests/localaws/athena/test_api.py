"""Athena as its clients see it: states, results, workgroups, awswrangler."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import awswrangler as wr
import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from moto.athena.models import AthenaBackend, athena_backends
from moto.athena.responses import AthenaResponse
from moto.s3.exceptions import EntityTooSmall
from moto.s3.models import S3Backend, s3_backends
from pyiceberg.expressions import EqualTo
from pyiceberg.types import LongType, StringType

from localaws.athena import api, reuse
from localaws.athena.executions import Execution
from localaws.athena.results import Results
from localaws.context import Context
from localaws.gateway.callers import Session
from tests.localaws.athena.client import Client
from tests.localaws.athena.server import iceberg_catalog, running

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("price", pa.decimal128(12, 2)),
        ("at", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
    ]
)
ROWS = [
    {
        "id": 1,
        "name": 'a "quoted", name',
        "price": Decimal("1.50"),
        "at": datetime(2024, 1, 31, 10, 0, 0, 123456),
        "tags": ["x", None],
    },
    {"id": 2, "name": None, "price": Decimal("2.25"), "at": datetime(2024, 2, 29), "tags": []},
    {"id": 3, "name": "Zoë 李", "price": None, "at": None, "tags": None},
]


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        s3, glue = ctx.client("s3"), ctx.client("glue")
        for bucket in ("lake", "out"):
            s3.create_bucket(Bucket=bucket)
        glue.create_database(DatabaseInput={"Name": "shop"})
        catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
        items = catalog.create_table("shop.items", SCHEMA)
        items.append(pa.Table.from_pylist(ROWS[:2], SCHEMA))
        items.append(pa.Table.from_pylist(ROWS[2:], SCHEMA))
        catalog.create_table("shop.empty", SCHEMA)
        ctx.client("athena").create_work_group(
            Name="analysts",
            Configuration={
                "ResultConfiguration": {"OutputLocation": "s3://out/analysts/"},
                "EnforceWorkGroupConfiguration": True,
            },
        )
        yield ctx


def run(ctx: Context, sql: str, **options: Any) -> dict[str, Any]:
    athena = ctx.client("athena")
    options = {"WorkGroup": "analysts", "QueryExecutionContext": {"Database": "shop"}, **options}
    query_id = athena.start_query_execution(QueryString=sql, **options)["QueryExecutionId"]
    return wait(ctx, query_id)


def wait(ctx: Context, query_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = ctx.client("athena").get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
            return found
        time.sleep(0.02)
    raise AssertionError("the query did not end")


def rows(ctx: Context, sql: str, **options: Any) -> list[list[str | None]]:
    found = run(ctx, sql, **options)
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    result = ctx.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])
    return [[value.get("VarCharValue") for value in row["Data"]] for row in result["ResultSet"]["Rows"]]


def failure(ctx: Context, sql: str, **options: Any) -> str:
    found = run(ctx, sql, **options)
    assert found["Status"]["State"] == "FAILED", found["Status"]
    assert found["Status"]["AthenaError"]["ErrorMessage"] == found["Status"]["StateChangeReason"]
    return str(found["Status"]["StateChangeReason"])


def test_results_are_written_as_athena_writes_them(ctx: Context) -> None:
    found = run(ctx, "SELECT * FROM items ORDER BY id", ResultConfiguration={"OutputLocation": "s3://lake/elsewhere/"})
    location = found["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://out/analysts/{found['QueryExecutionId']}.csv"
    key = location.removeprefix("s3://out/")
    assert ctx.client("s3").get_object(Bucket="out", Key=key)["Body"].read().decode() == (
        '"id","name","price","at","tags"\n'
        '"1","a ""quoted"", name","1.50","2024-01-31 10:00:00.123456","[x, null]"\n'
        '"2",,"2.25","2024-02-29 00:00:00.000000","[]"\n'
        '"3","Zoë 李",,,\n'
    )
    assert ctx.client("s3").get_object(Bucket="out", Key=key + ".metadata")["Body"].read()
    assert found["Statistics"]["DataScannedInBytes"] > 1000
    assert found["StatementType"] == "DML"
    assert found["Status"]["CompletionDateTime"] >= found["Status"]["SubmissionDateTime"]


def test_column_types_carry_precision(ctx: Context) -> None:
    found = run(ctx, "SELECT id, price, at, tags, 1e0 d, true b, map(array['k'],array[1]) m FROM items")
    info = ctx.client("athena").get_query_results(QueryExecutionId=found["QueryExecutionId"])["ResultSet"]
    kinds = [(c["Name"], c["Type"]) for c in info["ResultSetMetadata"]["ColumnInfo"]]
    assert kinds == [
        ("id", "bigint"), ("price", "decimal"), ("at", "timestamp"), ("tags", "array"), ("d", "double"),
        ("b", "boolean"), ("m", "map"),
    ]  # fmt: skip
    assert (
        info["ResultSetMetadata"]["ColumnInfo"][1]["Precision"],
        info["ResultSetMetadata"]["ColumnInfo"][1]["Scale"],
    ) == (12, 2)


def test_pages_hold_every_row_once_after_one_header(ctx: Context) -> None:
    found = run(ctx, "SELECT x FROM UNNEST(sequence(1, 2500)) AS t(x) ORDER BY x")
    pages = ctx.client("athena").get_paginator("get_query_results").paginate(QueryExecutionId=found["QueryExecutionId"])
    got = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert got == ["x", *map(str, range(1, 2501))]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM items", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT * FROM nope", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.shop.nope' does not exist"),
        ("SELECT * FROM nodb.t", "SCHEMA_NOT_FOUND"),
        ("SELEC 1", "mismatched input 'SELEC'"),
        ("SELECT FROM WHERE", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "SYNTAX_ERROR"),
        ("INSERT INTO items VALUES (1)", "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types"),
        ("EXPLAIN DELETE FROM items", "EXPLAIN of DELETE is not supported"),
        ("SELECT * FROM read_csv('/etc/passwd')", "NOT_SUPPORTED"),
        ("SELECT frobnicate(id) FROM items", "the function 'frobnicate'"),
        ("SELECT 1/0", "DIVISION_BY_ZERO"),
        ("SELECT id FROM items GROUP BY name", "EXPRESSION_NOT_AGGREGATE"),
    ],
)
def test_a_failed_query_says_why(ctx: Context, sql: str, reason: str) -> None:
    assert reason in failure(ctx, sql)


def test_an_empty_table_and_metadata_tables(ctx: Context) -> None:
    assert rows(ctx, "SELECT * FROM empty") == [["id", "name", "price", "at", "tags"]]
    assert rows(ctx, 'SELECT operation FROM "items$snapshots" ORDER BY committed_at')[1:] == [["append"], ["append"]]
    assert rows(ctx, 'SELECT sum(record_count) FROM "items$files"')[1:] == [["3"]]
    assert len(rows(ctx, 'SELECT * FROM "items$history"')) == 3
    assert rows(ctx, 'SELECT record_count FROM "items$partitions"')[1:] == [["3"]]


def test_time_travel_reads_the_older_snapshot(ctx: Context) -> None:
    first = rows(ctx, 'SELECT snapshot_id FROM "items$snapshots" ORDER BY committed_at')[1][0]
    assert rows(ctx, f"SELECT count(*) FROM items FOR VERSION AS OF {first}")[1:] == [["2"]]
    assert rows(ctx, "SELECT count(*) FROM items FOR TIMESTAMP AS OF current_timestamp")[1:] == [["3"]]
    assert "No version history" in failure(
        ctx, "SELECT * FROM items FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00 UTC'"
    )


@pytest.mark.slow
def test_evolved_renamed_and_deleted_are_respected(ctx: Context) -> None:
    catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
    table = catalog.create_table("shop.evolving", pa.schema([("a", pa.int32()), ("b", pa.string())]))
    table.append(pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["x", "y"]}))
    with table.update_schema() as update:
        update.add_column("c", LongType())
    assert rows(ctx, "SELECT a, c FROM evolving ORDER BY a")[1:] == [["1", None], ["2", None]]
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.rename_column("b", "was_b")
    with table.update_schema() as update:
        update.add_column("b", StringType())
    assert rows(ctx, "SELECT a, b, was_b FROM evolving ORDER BY a")[1:] == [["1", None, "x"], ["2", None, "y"]]
    table.delete(EqualTo("a", 1))
    assert rows(ctx, "SELECT count(*), min(a) FROM evolving")[1:] == [["1", "2"]]


def test_a_line_of_describe_has_three_columns(ctx: Context) -> None:
    client = Client(ctx, "shop", "analysts")
    query = client.execution("DESCRIBE shop.items")["QueryExecutionId"]
    found = ctx.client("athena").get_query_results(QueryExecutionId=query)["ResultSet"]
    assert [each["Name"] for each in found["ResultSetMetadata"]["ColumnInfo"]] == ["col_name", "data_type", "comment"]
    assert {len(row["Data"]) for row in found["Rows"]} == {1}


def test_a_session_knows_its_catalog_and_schema(ctx: Context) -> None:
    found = rows(ctx, "SELECT current_catalog, current_schema, CURRENT_CATALOG AS c FROM shop.items LIMIT 1")
    assert found[-1] == ["awsdatacatalog", "shop", "awsdatacatalog"]


def test_a_view_knows_the_catalog_and_schema_of_the_session_that_reads_it(ctx: Context) -> None:
    rows(ctx, "CREATE VIEW where_am_i AS SELECT current_schema AS s, current_catalog AS c")
    try:
        assert rows(ctx, "SELECT * FROM where_am_i")[-1] == ["shop", "awsdatacatalog"]
    finally:
        rows(ctx, "DROP VIEW where_am_i")


def test_a_statement_is_deleted_from_the_workgroup_that_is_named(ctx: Context) -> None:
    athena = ctx.client("athena")
    athena.create_prepared_statement(StatementName="mine", WorkGroup="analysts", QueryStatement="SELECT 1")
    with pytest.raises(athena.exceptions.ResourceNotFoundException, match="in workGroup primary"):
        athena.delete_prepared_statement(StatementName="mine", WorkGroup="primary")
    assert athena.get_prepared_statement(StatementName="mine", WorkGroup="analysts")
    athena.delete_prepared_statement(StatementName="mine", WorkGroup="analysts")
    with pytest.raises(athena.exceptions.ResourceNotFoundException):
        athena.get_prepared_statement(StatementName="mine", WorkGroup="analysts")


def test_a_statement_that_is_not_prepared_is_not_found(ctx: Context) -> None:
    athena = ctx.client("athena")
    for ask in (athena.get_prepared_statement, athena.delete_prepared_statement):
        with pytest.raises(athena.exceptions.ResourceNotFoundException, match="was not found"):
            ask(StatementName="nope", WorkGroup="analysts")


def test_a_tables_metadata_say_how_it_is_stored(ctx: Context) -> None:
    rows(
        ctx,
        "CREATE EXTERNAL TABLE kept (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' LOCATION 's3://lake/kept/'",
    )
    found = ctx.client("athena").get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="kept")
    parameters = found["TableMetadata"]["Parameters"]
    assert parameters["location"] == "s3://lake/kept/"
    assert parameters["inputformat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert parameters["serde.serialization.lib"].endswith("LazySimpleSerDe")
    assert parameters["serde.param.field.delim"] == "|"
    rows(ctx, "DROP TABLE kept")


def test_show_and_describe(ctx: Context) -> None:
    assert ["shop"] in rows(ctx, "SHOW DATABASES")
    assert ["items"] in rows(ctx, "SHOW TABLES IN shop 'it*'")
    assert [r[0].strip() for r in rows(ctx, "SHOW COLUMNS IN items")] == ["id", "name", "price", "at", "tags"]
    assert rows(ctx, "DESCRIBE shop.items")[0] == ["id                  \tbigint              \t" + " " * 20]
    assert rows(ctx, "SHOW CREATE TABLE items")[0] == ["CREATE TABLE shop.items("]
    assert ["items"] in rows(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop'")
    found = rows(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'items'")
    assert ["price", "decimal(12,2)"] in found


def test_what_a_column_means_is_shown_wherever_columns_are(ctx: Context) -> None:
    column = {"Name": "id", "Type": "bigint", "Comment": "Number of the thing,\nnot the maker's."}
    table = {"Name": "told", "StorageDescriptor": {"Columns": [column, {"Name": "n", "Type": "int"}]},
             "PartitionKeys": [{"Name": "day", "Type": "date", "Comment": "When."}]}  # fmt: skip
    ctx.client("glue").create_table(DatabaseName="shop", TableInput=table)
    described = [[part.strip() for part in row[0].split("\t")] for row in rows(ctx, "DESCRIBE shop.told")]
    assert ["id", "bigint", "Number of the thing, not the maker's."] in described
    assert ["n", "int", ""] in described
    assert ["day", "date", "When."] in described
    asked = "SELECT column_name, comment FROM information_schema.columns WHERE table_name = 'told' ORDER BY 1"
    assert rows(ctx, asked)[1:] == [["day", "When."], ["id", "Number of the thing, not the maker's."], ["n", None]]
    made = [row[0].strip() for row in rows(ctx, "SHOW CREATE TABLE told")]
    assert r"`id` bigint COMMENT 'Number of the thing, not the maker\'s.'," in made


@pytest.mark.parametrize(("sql", "said"), [
    ("SELEC * FROM items", "SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'"), ("?", "mismatched input '?'"),
    ("VACUUM items now", "line 1:14: mismatched input 'now'"), ("optimize items", "mismatched input '<EOF>'"),
])  # fmt: skip
def test_a_word_that_begins_no_statement_is_no_statement_that_is_missing_here(
    ctx: Context, sql: str, said: str
) -> None:
    assert said in run(ctx, sql)["Status"]["StateChangeReason"]


@pytest.mark.slow
def test_parameters_and_prepared_statements(ctx: Context) -> None:
    sql = "SELECT id FROM items WHERE name = ? OR id = ? ORDER BY id"
    assert rows(ctx, sql, ExecutionParameters=["'Zoë 李'", "1"])[1:] == [["1"], ["3"]]
    assert "Incorrect number of parameters" in failure(ctx, sql, ExecutionParameters=["1"])
    for more in ("1) FROM items --", "0) ORDER BY (true", "1) LIMIT (1", "1) FROM items WHERE (true", "1) OR (1=1"):
        assert "not an SQL literal" in failure(ctx, "SELECT ?", ExecutionParameters=[more])
    run(ctx, "PREPARE one FROM SELECT id FROM items WHERE id = ?")
    assert rows(ctx, "EXECUTE one USING 2")[1:] == [["2"]]
    run(ctx, "DEALLOCATE PREPARE one")
    assert "Prepared statement not found" in failure(ctx, "EXECUTE one USING 2")


def test_a_workgroup_limits_scans_and_can_be_disabled(ctx: Context) -> None:
    athena = ctx.client("athena")
    athena.create_work_group(
        Name="small",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://out/small"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    # The API takes no limit below 10 MB, which no table of this test reaches.
    athena_backends[ctx.account][ctx.region].work_groups["small"].configuration["BytesScannedCutoffPerQuery"] = 10
    status = run(ctx, "SELECT * FROM items", WorkGroup="small")["Status"]
    assert status["State"] == "CANCELLED"  # as AWS says of it, not FAILED
    assert "Bytes scanned limit was exceeded" in status["StateChangeReason"]
    assert "allows 10" in status["StateChangeReason"]
    athena.update_work_group(WorkGroup="small", State="DISABLED")
    with pytest.raises(ClientError, match="disabled"):
        athena.start_query_execution(QueryString="SELECT 1", WorkGroup="small")
    with pytest.raises(ClientError, match="No output location"):
        athena.start_query_execution(QueryString="SELECT 1")


def test_a_request_token_starts_one_query(ctx: Context) -> None:
    athena = ctx.client("athena")
    options = {"QueryString": "SELECT 1", "WorkGroup": "analysts", "ClientRequestToken": "t" * 40}
    first = athena.start_query_execution(**options)["QueryExecutionId"]
    assert athena.start_query_execution(**options)["QueryExecutionId"] == first
    wait(ctx, first)
    assert first in athena.list_query_executions(WorkGroup="analysts")["QueryExecutionIds"]
    batch = athena.batch_get_query_execution(QueryExecutionIds=[first, "unknown"])
    assert (len(batch["QueryExecutions"]), len(batch["UnprocessedQueryExecutionIds"])) == (1, 1)


def test_a_stopped_query_is_cancelled(ctx: Context) -> None:
    athena = ctx.client("athena")
    sql = (
        "SELECT count(*) FROM UNNEST(sequence(1, 100000)) a(x) CROSS JOIN UNNEST(sequence(1, 999999)) b(y) WHERE x<y-y"
    )
    query_id = athena.start_query_execution(QueryString=sql, WorkGroup="analysts")["QueryExecutionId"]
    time.sleep(0.2)
    athena.stop_query_execution(QueryExecutionId=query_id)
    assert wait(ctx, query_id)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ClientError, match="CANCELLED"):
        athena.get_query_results(QueryExecutionId=query_id)


@pytest.mark.slow
def test_stopped_queries_really_stop_whenever_it_comes(ctx: Context) -> None:
    athena = ctx.client("athena")
    sql = (
        "SELECT count(*) FROM UNNEST(sequence(1, 900000)) a(x) CROSS JOIN UNNEST(sequence(1, 900000)) b(y) WHERE x<y-y"
    )
    for pause in (0.0, 0.01, 0.05, 0.1, 0.3, 0.0):
        query_id = athena.start_query_execution(QueryString=sql, WorkGroup="analysts")["QueryExecutionId"]
        time.sleep(pause)
        athena.stop_query_execution(QueryExecutionId=query_id)
        status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
        assert status["State"] == "CANCELLED"
        assert status["CompletionDateTime"]
    # Each would have taken minutes of the two that run at once: the next gets its turn.
    query_id = athena.start_query_execution(QueryString="SELECT 1", WorkGroup="analysts")["QueryExecutionId"]
    assert wait(ctx, query_id)["Status"]["State"] == "SUCCEEDED"
    assert athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"] == "SUCCEEDED"


def test_hive_tables_in_three_formats(ctx: Context) -> None:
    s3, glue = ctx.client("s3"), ctx.client("glue")
    s3.put_object(Bucket="lake", Key="csv/a.csv", Body=b'id,name,at\n1,"x, y",19723\n2,"",bad\n')
    s3.put_object(Bucket="lake", Key="json/dt=2024-01-01/a.json", Body=b'{"ID": 1, "n": {"a": 1}}\n{"id": "x"}\n')
    columns = [{"Name": "id", "Type": "int"}, {"Name": "name", "Type": "string"}, {"Name": "at", "Type": "date"}]
    csv_serde = {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ","},
    }
    glue.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "plain",
            "Parameters": {"skip.header.line.count": "1"},
            "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/csv/", "SerdeInfo": csv_serde},
        },
    )
    assert rows(ctx, "SELECT id, name FROM plain ORDER BY id")[1:] == [["1", "x, y"], ["2", ""]]
    refused = run(ctx, "SELECT * FROM plain")["Status"]["StateChangeReason"]
    assert refused == "HIVE_BAD_DATA: Error parsing field value 'bad' for field 2: For input string: \"bad\""
    s3.put_object(Bucket="lake", Key="csv/a.csv", Body=b'id,name,at\n1,"x, y",19723\n')
    assert rows(ctx, "SELECT * FROM plain")[1:] == [["1", "x, y", "2024-01-01"]]
    json_serde = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}
    storage = {"Columns": [{"Name": "id", "Type": "int"}, {"Name": "n", "Type": "string"}], "SerdeInfo": json_serde}
    glue.create_table(
        DatabaseName="shop",
        TableInput={
            "Name": "lines",
            "PartitionKeys": [{"Name": "dt", "Type": "date"}],
            "StorageDescriptor": {**storage, "Location": "s3://lake/json/"},
        },
    )
    assert rows(ctx, "SELECT * FROM lines")[1:] == []
    partition = {
        "Values": ["2024-01-01"],
        "StorageDescriptor": {**storage, "Location": "s3://lake/json/dt=2024-01-01/"},
    }
    glue.create_partition(DatabaseName="shop", TableName="lines", PartitionInput=partition)
    assert rows(ctx, "SELECT * FROM lines WHERE dt = DATE '2024-01-01'")[1:] == [
        ["1", '{"a":1}', "2024-01-01"], [None, None, "2024-01-01"],
    ]  # fmt: skip


@pytest.mark.slow
# awswrangler 3.17 copies as pandas did before its third version.
@pytest.mark.filterwarnings("ignore:The copy keyword is deprecated")
@pytest.mark.parametrize(
    "mode", [{"ctas_approach": True}, {"ctas_approach": False, "unload_approach": True}, {"ctas_approach": False}]
)
def test_awswrangler_reads_in_all_three_modes(ctx: Context, mode: dict[str, bool]) -> None:
    session = boto3.Session(region_name=ctx.region, aws_access_key_id="test", aws_secret_access_key="test")
    for service in ("athena", "s3", "glue", "sts"):
        setattr(wr.config, f"{service}_endpoint_url", ctx.endpoint)
    where = {"s3_output": "s3://out/unloaded/"} if "unload_approach" in mode else {}
    frame = wr.athena.read_sql_query(
        "SELECT id, name, price, at FROM items ORDER BY id",
        database="shop",
        workgroup="analysts",
        boto3_session=session,
        **mode,
        **where,
    )
    frame = frame.sort_values("id")
    assert frame["id"].tolist() == [1, 2, 3]
    assert frame["price"].tolist()[:2] == [Decimal("1.50"), Decimal("2.25")]
    assert frame["name"].tolist()[2] == "Zoë 李"
    assert str(frame["at"].tolist()[0]) == "2024-01-31 10:00:00.123456"


def test_every_operation_is_answered_here_and_moto_keeps_its_state_where_it_did() -> None:
    for operation in api.OPERATIONS:
        assert getattr(AthenaResponse, operation.__name__) is operation
    for attribute in ("executions", "work_groups", "prepared_statements"):
        assert attribute in AthenaBackend("us-east-1", "123456789012").__dict__


@pytest.mark.slow
def test_a_query_of_a_time_travelled_schema_reads_the_schema_of_then(ctx: Context) -> None:
    catalog = iceberg_catalog(ctx, "s3://lake/warehouse")
    table = catalog.create_table("shop.travelling", pa.schema([("a", pa.int32())]))
    table.append(pa.table({"a": pa.array([1], pa.int32())}))
    first = table.current_snapshot().snapshot_id
    with table.update_schema() as update:
        update.add_column("b", LongType())
    table.append(pa.table({"a": pa.array([2], pa.int32()), "b": pa.array([7], pa.int64())}))
    assert rows(ctx, f"SELECT * FROM travelling FOR VERSION AS OF {first}") == [["a"], ["1"]]
    assert rows(ctx, "SELECT * FROM travelling ORDER BY a") == [["a", "b"], ["1", None], ["2", "7"]]


@pytest.mark.slow
def test_many_queries_at_once_wait_their_turn_and_all_succeed(ctx: Context) -> None:
    athena = ctx.client("athena")
    started = [
        athena.start_query_execution(QueryString=f"SELECT {n}, count(*) FROM shop.items", WorkGroup="analysts")
        for n in range(8)
    ]
    assert {wait(ctx, one["QueryExecutionId"])["Status"]["State"] for one in started} == {"SUCCEEDED"}


def test_the_catalog_is_told_as_athena_tells_it(ctx: Context) -> None:
    athena = ctx.client("athena")
    assert {"CatalogName": "AwsDataCatalog", "Type": "GLUE"} in athena.list_data_catalogs()["DataCatalogsSummary"]
    own = athena.get_data_catalog(Name="awsdatacatalog")["DataCatalog"]
    assert own["Parameters"] == {"catalog-id": ctx.account}
    with pytest.raises(ClientError, match="DataCatalog nope was not found"):
        athena.get_data_catalog(Name="nope")
    versions = athena.list_engine_versions()["EngineVersions"]
    assert versions[0] == {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
    made = "CREATE EXTERNAL TABLE stored_told (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ';' LOCATION 's3://lake/told/'"
    assert run(ctx, made)["Status"]["State"] == "SUCCEEDED"
    told = athena.get_table_metadata(CatalogName="AwsDataCatalog", DatabaseName="shop", TableName="stored_told")
    parameters = told["TableMetadata"]["Parameters"]
    assert "location" in parameters, told
    assert parameters["location"].rstrip("/") == "s3://lake/told"
    assert parameters["serde.serialization.lib"].endswith("LazySimpleSerDe")
    assert parameters["serde.param.field.delim"] == ";"
    assert parameters["inputformat"].endswith("TextInputFormat")
    run(ctx, "DROP TABLE stored_told")


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("get_table_metadata", {"DatabaseName": "shop", "TableName": "nope"}),
        ("get_database", {"DatabaseName": "nope"}),
        ("list_table_metadata", {"DatabaseName": "nope"}),
        ("list_databases", {"CatalogName": "nope"}),
    ],
)
def test_what_the_catalog_lacks_is_its_own_error(ctx: Context, call: str, given: dict[str, str]) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(ctx.client("athena"), call)(**{"CatalogName": "AwsDataCatalog", **given})
    assert refused.value.response["Error"]["Code"] == "MetadataException"
    assert "nope" in str(refused.value)


def test_a_prepared_statement_that_is_not_there_is_not_found(ctx: Context) -> None:
    athena = ctx.client("athena")
    for call in (athena.get_prepared_statement, athena.delete_prepared_statement):
        with pytest.raises(athena.exceptions.ResourceNotFoundException):
            call(StatementName="nope", WorkGroup="analysts")


def test_a_result_that_s3_does_not_take_is_no_missing_bucket(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*given: Any, **named: Any) -> None:
        raise EntityTooSmall

    monkeypatch.setattr(S3Backend, "put_object", refuses)
    assert failure(ctx, "SELECT 1").startswith("GENERIC_INTERNAL_ERROR: EntityTooSmall")


def test_rows_on_disk_are_in_the_folder_of_the_local_aws(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    monkeypatch.setenv("TMPDIR", "/nowhere")
    found = rows(ctx, "SELECT x, cast(x * 1000000007 AS varchar) AS y FROM unnest(sequence(1, 100)) a(x)")
    assert len(found) == 101
    many = run(ctx, "SELECT x, x * 1000000007 AS t FROM unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 6)) b(y)")
    assert many["Status"]["State"] == "SUCCEEDED", many["Status"]


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
