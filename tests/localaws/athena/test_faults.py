"""A statement whose n-th call to S3 or Glue fails has done all or nothing, and leaves no file that nothing names."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localaws.athena import executions
from localaws.athena import objects as objects_module
from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave
from localaws.athena.written_iceberg import IcebergCatalog
from localaws.context import Context
from tests.laws import fresh_seed
from tests.localaws.athena.client import Client
from tests.localaws.athena.faulty import WAYS, Faults
from tests.localaws.athena.iceberg import made, objects, stray, table_of, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow

#: Each so-many-th call fails whenever tests run, from one by chance, which is printed; every call in `make proof`.
STEPS = pytest.mark.parametrize("step", [36, pytest.param(1, marks=pytest.mark.proof)])
ROWS = "SELECT id, v FROM t ORDER BY id, v"


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Faults(monkeypatch)


@pytest.fixture(scope="module")
def ctx(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    del faults  # in place before the server begins
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "faulty")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "faulty")


Rows = list[list[str | None]]


@dataclass(frozen=True)
class Case:
    """A statement on the table t, and what its rows are once it is done."""

    sql: str
    after: Callable[[Rows], Rows]
    setup: str = "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')"


def _merged(rows: Rows) -> Rows:
    return sorted([*(([row[0], f"{row[1]}x"] if row[0] == "2" else row) for row in rows if row[0] != "1"), ["9", "z"]])


CASES = {
    "insert": Case("INSERT INTO t VALUES (9, 'z')", lambda rows: sorted([*rows, ["9", "z"]])),
    "merge": Case(
        "MERGE INTO t USING (VALUES 1, 2, 9) AS s (n) ON t.id = s.n WHEN MATCHED AND s.n = 1 THEN DELETE "
        "WHEN MATCHED THEN UPDATE SET v = v || 'x' WHEN NOT MATCHED THEN INSERT VALUES (s.n, 'z')",
        _merged,
    ),
    "delete": Case("DELETE FROM t WHERE id >= 2", lambda rows: [row for row in rows if str(row[0]) < "2"]),
    "optimize": Case("OPTIMIZE t REWRITE DATA USING BIN_PACK", lambda rows: rows),
    "alter": Case("ALTER TABLE t SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep'='2')", lambda rows: rows),
}


def failing(faults: Faults, run: Callable[[], str], way: str, step: int) -> Iterator[str]:
    """Run something again and again, each time with a later call that fails; yield what ``run`` says of each.

    The last run has no call that fails.
    """
    start = 1 + fresh_seed() % step
    sys.stdout.write(f"calls that fail: from the {start}th on, each {step}th\n")
    for n in itertools.count(start, step):
        faults.arm(n, way)
        try:
            said = run()
        finally:
            fired = faults.disarm()
        yield said
        if not fired:
            assert said == "SUCCEEDED"
            return


def state(client: Client, sql: str) -> str:
    return str(client.execution(sql)["Status"]["State"])


@STEPS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_a_statement_on_an_iceberg_table_has_done_all_or_nothing(
    client: Client, faults: Faults, name: str, way: str, step: int
) -> None:
    case, number = CASES[name], 0

    def files() -> int:
        return len(list(table_of(client).scan().plan_files()))

    def fresh() -> Rows:
        nonlocal number
        number += 1
        made(client, folder=f"t{number}")
        client.rows("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='1')")
        client.rows(case.setup)
        if name == "optimize":
            client.rows("INSERT INTO t VALUES (4, 'd')")
        return client.rows(ROWS)

    before = fresh()
    for said in failing(faults, lambda: state(client, case.sql), way, step):
        rows = client.rows(ROWS)
        assert rows in (before, case.after(before)), said
        assert rows == case.after(before) or said == "FAILED"
        assert rows == before or said == "SUCCEEDED" or way == "dead"
        if name == "optimize":
            assert files() in ({1} if said == "SUCCEEDED" else {1, 2})
        if way != "dead":
            assert stray(client, folder=f"t{number}") == []
        if rows != before or (name == "optimize" and files() == 1):
            client.rows("DROP TABLE t")
            before = fresh()


@STEPS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "kind",
    [
        "external_location = 's3://faulty/{}/t/',",
        "external_location = 's3://faulty/{}/t/', partitioned_by = ARRAY['v'],",
        "table_type = 'ICEBERG', is_external = false, location = 's3://faulty/{}/t', partitioning = ARRAY['v'],",
    ],
    ids=["hive", "partitions", "iceberg"],
)
def test_a_table_is_made_of_a_query_wholly_or_not_at_all(
    ctx: Context, client: Client, faults: Faults, kind: str, way: str, step: int
) -> None:
    where, iceberg = kind.format(client.database), "ICEBERG" in kind
    sql = f"CREATE TABLE t WITH ({where} format = 'PARQUET') AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS x (id, v)"
    for said in failing(faults, lambda: state(client, sql), way, step):
        if client.rows("SHOW TABLES"):
            # Glue has no call that makes a table and its partitions at once: a process that dies may leave the first.
            assert said == "SUCCEEDED" or way == "dead"
            made = [["1", "a"], ["2", "b"]]
            assert client.rows(ROWS) in ([made, []] if way == "dead" and "partitioned_by" in kind else [made])
            assert not iceberg or way == "dead" or stray(client) == []
            client.rows("DROP TABLE t")
        else:
            assert (said, way == "dead" or objects(client)) == ("FAILED", way == "dead" or [])
        for key in objects(client):
            ctx.client("s3").delete_object(Bucket="faulty", Key=key)


@STEPS
@pytest.mark.parametrize("way", ["refused", "lost"])
def test_rows_are_inserted_into_partitions_wholly_or_not_at_all(
    client: Client, faults: Faults, way: str, step: int
) -> None:
    """A process that dies may leave rows in a partition that is there already: Hive's tables have no commit."""
    where = f"external_location = 's3://faulty/{client.database}/t/', partitioned_by = ARRAY['v']"
    client.rows(f"CREATE TABLE t WITH ({where}) AS SELECT 1 AS id, 'a' AS v")
    before, files = client.rows(ROWS), objects(client)
    sql = "INSERT INTO t VALUES (2, 'a'), (3, 'b'), (4, 'c')"
    for said in failing(faults, lambda: state(client, sql), way, step):
        rows, added = client.rows(ROWS), [key for key in objects(client) if key not in files]
        assert rows in (before, [["1", "a"], ["2", "a"], ["3", "b"], ["4", "c"]])
        assert (rows == before, len(added)) == ((True, 0) if said == "FAILED" else (False, 3))
        for key in added:
            client.ctx.client("s3").delete_object(Bucket="faulty", Key=key)
        if added:
            client.rows("ALTER TABLE t DROP PARTITION (v = 'b'), PARTITION (v = 'c')")


def test_a_file_that_a_thread_finishes_behind_a_failed_statement_is_not_kept(ctx: Context) -> None:
    """PyIceberg writes files in threads of its own, which go on when one of them has failed."""
    catalog = IcebergCatalog(Leave(ctx))
    late = catalog._load_file_io().new_output("s3://faulty/late/data/one.parquet").create()
    late.write(b"rows")
    catalog.written.take_back()
    late.close()
    assert ctx.client("s3").list_objects_v2(Bucket="faulty", Prefix="late/")["KeyCount"] == 0


@STEPS
@pytest.mark.parametrize("way", WAYS)
def test_an_unload_that_fails_leaves_nothing(ctx: Context, client: Client, faults: Faults, way: str, step: int) -> None:
    sql = f"UNLOAD (SELECT 1 AS a) TO 's3://faulty/{client.database}/u/' WITH (format = 'PARQUET')"
    for said in failing(faults, lambda: state(client, sql), way, step):
        found = objects(client)
        assert len(found) == (said == "SUCCEEDED") or way == "dead"
        for key in found:
            ctx.client("s3").delete_object(Bucket="faulty", Key=key)


@pytest.mark.parametrize("suffix", ["-manifest.csv", ".metadata"])
def test_rows_that_a_table_has_are_no_failure_whatever_becomes_of_the_result(
    client: Client, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """A client that sees an INSERT fail runs it again."""

    def refused(leave: Leave, uri: str, *given: Any) -> None:
        if uri.endswith(suffix):
            raise QueryFailed("PERMISSION_DENIED", f"{uri} cannot be written")
        objects_module.put(leave, uri, *given)

    monkeypatch.setattr(executions, "put", refused)
    where = f"external_location = 's3://faulty/{client.database}/t/'"
    for sql in (f"CREATE TABLE t WITH ({where}) AS SELECT 1 AS id", "INSERT INTO t VALUES (2)"):
        assert state(client, sql) == "SUCCEEDED"
    assert state(client, f"UNLOAD (SELECT 3 AS id) TO 's3://faulty/{client.database}/u/' WITH (format = 'JSON')") == (
        "FAILED"
    )
    monkeypatch.undo()
    assert client.rows("SELECT id FROM t ORDER BY id") == [["1"], ["2"]]
    assert [key for key in objects(client) if "/u/" in key] == []
