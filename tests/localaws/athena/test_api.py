"""Athena as its clients see it: states, results, workgroups."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.athena.models import AthenaBackend, athena_backends
from moto.athena.responses import AthenaResponse
from moto.s3.exceptions import EntityTooSmall
from moto.s3.models import S3Backend

from localaws.athena import api
from localaws.context import Context
from tests.localaws.athena.shop import failure, rows, run, shop, wait


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with shop(tmp_path_factory.mktemp("aws")) as ctx:
        yield ctx


@pytest.mark.slow
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
        ("SELECT * FROM read_csv('/etc/passwd')", "FUNCTION_NOT_FOUND"),
        ("SELECT frobnicate(id) FROM items", "Function 'frobnicate' not registered"),
        ("SELECT 1/0", "DIVISION_BY_ZERO"),
        ("SELECT id FROM items GROUP BY name", "EXPRESSION_NOT_AGGREGATE"),
    ],
)
def test_a_failed_query_says_why(ctx: Context, sql: str, reason: str) -> None:
    assert reason in failure(ctx, sql)


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
    assert rows(ctx, "SELECT ?, name FROM items WHERE id = ?", ExecutionParameters=["name", "1"])[1][0] == "name"
    assert rows(ctx, "SELECT ? AS x", ExecutionParameters=["name || 'x'"]) == [["x"], ["name || 'x'"]]
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
        "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x) CROSS JOIN UNNEST(sequence(1, 10000)) b(y) "
        "CROSS JOIN UNNEST(sequence(1, 10000)) c(z) WHERE x * y % 7 = z % 5"
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
        "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x) CROSS JOIN UNNEST(sequence(1, 10000)) b(y) "
        "CROSS JOIN UNNEST(sequence(1, 10000)) c(z) WHERE x * y % 7 = z % 5"
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


def test_every_operation_is_answered_here_and_moto_keeps_its_state_where_it_did() -> None:
    for operation in api.OPERATIONS:
        assert getattr(AthenaResponse, operation.__name__) is operation
    for attribute in ("executions", "work_groups", "prepared_statements"):
        assert attribute in AthenaBackend("us-east-1", "123456789012").__dict__


@pytest.mark.slow
def test_many_queries_at_once_wait_their_turn_and_all_succeed(ctx: Context) -> None:
    athena = ctx.client("athena")
    started = [
        athena.start_query_execution(QueryString=f"SELECT {n}, count(*) FROM shop.items", WorkGroup="analysts")
        for n in range(8)
    ]
    assert {wait(ctx, one["QueryExecutionId"])["Status"]["State"] for one in started} == {"SUCCEEDED"}


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


@pytest.mark.slow
def test_rows_on_disk_are_in_the_folder_of_the_local_aws(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    monkeypatch.setenv("TMPDIR", "/nowhere")
    found = rows(ctx, "SELECT x, cast(x * 1000000007 AS varchar) AS y FROM unnest(sequence(1, 100)) a(x)")
    assert len(found) == 101
    many = run(ctx, "SELECT x, x * 1000000007 AS t FROM unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 6)) b(y)")
    assert many["Status"]["State"] == "SUCCEEDED", many["Status"]
