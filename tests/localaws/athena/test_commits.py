"""What becomes of a statement around its commit: an answer that is lost, a stop, a second of its kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from localaws.athena import write
from localaws.athena.leave import Leave
from localaws.athena.statements.kinds import Name
from localaws.athena.written_iceberg import IcebergCatalog, committed
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, objects, stray, table_of, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "commits")
        ctx.client("athena").create_work_group(
            Name="nowhere", Configuration={"ResultConfiguration": {"OutputLocation": "s3://commits-no-bucket/x/"}}
        )
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "commits")


def committing(monkeypatch: pytest.MonkeyPatch, run: Callable[[Callable[[], None]], None]) -> None:
    """Have each commit to an Iceberg table be ``run``, which gets the commit itself."""
    was = IcebergCatalog._update_glue_table

    def commit(self: IcebergCatalog, *args: Any, **kwargs: Any) -> None:
        run(lambda: was(self, *args, **kwargs))

    monkeypatch.setattr(IcebergCatalog, "_update_glue_table", commit)


def test_the_count_of_changed_rows_is_told_though_the_commits_answer_is_lost(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')")

    def lost(commit: Callable[[], None]) -> None:
        commit()
        raise OSError("the answer is lost")

    committing(monkeypatch, lost)
    found = client.execution("UPDATE t SET v = 'x'")
    assert found["Status"]["State"] == "SUCCEEDED"
    assert client.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])["UpdateCount"] == 2


@pytest.mark.parametrize("expired", [False, True])
def test_files_of_a_commit_that_the_tables_log_forgot_stay(
    client: Client, monkeypatch: pytest.MonkeyPatch, expired: bool
) -> None:
    """Others commit before the lost answer is looked into, and the log keeps the last of them alone."""
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    with table_of(client).transaction() as transaction:
        transaction.set_properties({"write.metadata.previous-versions-max": "1"})

    def lost(commit: Callable[[], None]) -> None:
        commit()
        own = table_of(client).current_snapshot().snapshot_id
        for number in (8, 9):
            table_of(client).append(pa.table({"id": pa.array([number], pa.int32()), "v": ["o"]}))
        if expired:
            table_of(client).maintenance.expire_snapshots().by_id(own).commit()
        raise OSError("the answer is lost")

    committing(monkeypatch, lost)
    sql = "UPDATE t SET v = 'x' WHERE id = 1"
    if expired:
        assert "do not say whether this statement changed it" in client.fails(sql)
    else:
        client.rows(sql)
    assert client.rows("SELECT * FROM t ORDER BY id") == [["1", "x"], ["2", "b"], ["8", "o"], ["9", "o"]]


def test_a_process_that_is_told_to_end_ends_whether_or_not_the_commit_was_done(
    ctx: Context, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(client)

    def ended(commit: Callable[[], None]) -> None:
        commit()
        raise KeyboardInterrupt

    committing(monkeypatch, ended)

    def change(table: Any, _catalog: IcebergCatalog) -> None:
        table.append(pa.table({"id": pa.array([1], pa.int32()), "v": ["a"]}))

    with pytest.raises(KeyboardInterrupt):
        committed(Name("t", client.database), Leave(ctx), lambda: None, change)
    assert client.rows("SELECT * FROM t") == [["1", "a"]]


@pytest.mark.parametrize(
    "sql",
    ["UPDATE t SET v = 'x'", "INSERT INTO t VALUES (2, 'b')", "CREATE TABLE u AS SELECT 1 AS a", "DROP TABLE t"],
)
def test_a_statement_whose_results_cannot_be_kept_does_nothing(ctx: Context, client: Client, sql: str) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    before = objects(client)
    with pytest.raises(ClientError, match="Unable to verify/create output bucket commits-no-bucket"):
        Client(ctx, client.database, "nowhere").execution(sql)
    assert (client.rows("SELECT * FROM t"), client.rows("SHOW TABLES"), objects(client)) == (
        [["1", "a"]], [["t"]], before,
    )  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t SET v = 'stopped'",
        "INSERT INTO t VALUES (2, 'b')",
        "CREATE TABLE u WITH (external_location = 's3://commits/{}/u/') AS SELECT 1 AS a",
    ],
)
def test_a_statement_that_is_stopped_before_its_commit_does_not_commit(
    client: Client, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    before = objects(client)
    reached, stopped = threading.Event(), threading.Event()

    def waiting(was: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            found = was(*args, **kwargs)
            reached.set()
            assert stopped.wait(20)
            return found

        return call

    monkeypatch.setattr(IcebergCatalog, "_update_and_stage_table", waiting(IcebergCatalog._update_and_stage_table))
    monkeypatch.setattr(write, "_table_input", waiting(write._table_input))
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(client.execution, sql.format(client.database))
        assert reached.wait(20)
        (started,) = client.athena.list_query_executions(WorkGroup="commits", MaxResults=1)["QueryExecutionIds"]
        client.athena.stop_query_execution(QueryExecutionId=started)
        stopped.set()
        assert found.result()["Status"]["State"] == "CANCELLED"
    client.rows("SELECT 1")  # a stopped statement may still be taking back what it wrote
    monkeypatch.undo()
    assert client.rows("SELECT * FROM t") == [["1", "a"]]
    assert client.rows("SHOW TABLES") == [["t"]]
    assert stray(client) == []
    assert objects(client) == before


def test_of_two_that_make_one_table_at_once_the_second_fails_and_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, was = threading.Barrier(2), write._must_be_empty

    def empty(*args: Any) -> None:
        was(*args)
        both.wait(20)

    monkeypatch.setattr(write, "_must_be_empty", empty)
    sql = f"CREATE TABLE n WITH (external_location = 's3://commits/{client.database}/n/') AS SELECT 1 AS a"
    with ThreadPoolExecutor(2) as pool:
        ended = [each.result()["Status"] for each in [pool.submit(client.execution, sql) for _ in range(2)]]
    assert sorted(status["State"] for status in ended) == ["FAILED", "SUCCEEDED"]
    (reason,) = (status["StateChangeReason"] for status in ended if status["State"] == "FAILED")
    assert reason.startswith("TABLE_ALREADY_EXISTS: ")
    assert client.rows("SELECT * FROM n") == [["1"]]
