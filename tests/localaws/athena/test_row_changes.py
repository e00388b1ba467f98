"""UPDATE, DELETE and MERGE on Iceberg tables: what they change, what they write, and who reads it alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from localaws.athena import iceberg_writes
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, objects, stray, table_of, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "changed")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "changed")


def test_delete_takes_the_rows_for_which_the_condition_is_true(client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL), (4, 'd')")
    found = client.execution("DELETE FROM t WHERE v <> 'b'")
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    assert (found["StatementType"], found["SubstatementType"]) == ("DML", "DELETE")
    answer = client.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
    assert answer["UpdateCount"] == 2
    assert client.rows("SELECT * FROM t ORDER BY id") == [["2", "b"], ["3", None]]
    table = table_of(client)
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == [2, 3]
    summary = table.current_snapshot().summary
    assert summary.operation.value == "delete"
    kept = {key: summary[key] for key in ("added-delete-files", "added-position-deletes", "total-delete-files",
                                          "total-position-deletes", "total-data-files", "total-records")}  # fmt: skip
    assert list(kept.values()) == ["1", "2", "1", "2", "1", "4"]
    (task,) = table.scan().plan_files()
    (deletes,) = task.delete_files
    assert (deletes.content, deletes.record_count) == (1, 2)
    client.rows(f"DELETE FROM awsdatacatalog.{client.database}.t WHERE {client.database}.t.id = 2")
    assert client.rows("SELECT id FROM t") == [["3"]]
    client.rows("DELETE FROM t")
    assert client.rows("SELECT id FROM t") == []
    assert list(table_of(client).scan().plan_files()) == []
    assert table_of(client).current_snapshot().summary["total-delete-files"] == "0"


def test_update_assigns_from_the_row_as_it_was(client: Client) -> None:
    made(client, columns="id int, a bigint, b bigint, note string")
    client.rows("INSERT INTO t VALUES (1, 10, 20, 'x'), (2, 30, 40, NULL)")
    client.rows("UPDATE t SET a = b, b = a + 1, note = upper(note) WHERE id < 5")
    assert client.rows("SELECT * FROM t ORDER BY id") == [["1", "20", "11", "X"], ["2", "40", "31", None]]
    client.rows("CREATE TABLE other AS SELECT 2 AS id, 7 AS n")
    client.rows("UPDATE t SET a = (SELECT max(n) FROM other) WHERE id IN (SELECT id FROM other)")
    client.rows("UPDATE t SET note = 'n' WHERE EXISTS (SELECT 1 FROM other o WHERE o.id = t.id)")
    assert client.rows("SELECT * FROM t ORDER BY id") == [["1", "20", "11", "X"], ["2", "7", "31", "n"]]
    before = table_of(client).metadata_location
    client.rows("UPDATE t SET a = 1 WHERE id = 99")
    assert table_of(client).metadata_location == before


def test_merge_takes_the_first_clause_that_holds(client: Client) -> None:
    made(client, columns="id int, v string, n int")
    client.rows("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4)")
    client.rows("CREATE TABLE s AS SELECT * FROM (VALUES (1, 'A'), (2, 'B'), (3, 'C'), (7, 'G'), (8, 'H')) x (id, v)")
    found = client.execution(
        "MERGE INTO t AS o USING (SELECT * FROM s) AS s ON o.id = s.id "
        "WHEN MATCHED AND o.v = 'a' THEN DELETE "
        "WHEN MATCHED AND s.id < 3 THEN UPDATE SET v = s.v, n = o.n * 10 "
        "WHEN NOT MATCHED AND s.id = 7 THEN INSERT (n, id) VALUES (s.id + 1, s.id) "
        "WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v, NULL)"
    )
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    answer = client.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
    assert answer["UpdateCount"] == 4
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["2", "B", "20"], ["3", "c", "3"], ["4", "d", "4"], ["7", None, "8"], ["8", "H", None],
    ]  # fmt: skip
    table = table_of(client)
    assert len(table.snapshots()) == 2
    assert table.current_snapshot().summary.operation.value == "overwrite"
    reason = client.fails("MERGE INTO t USING (VALUES (2), (2)) AS s (id) ON t.id = s.id WHEN MATCHED THEN DELETE")
    assert reason == ("MERGE_TARGET_ROW_MULTIPLE_MATCHES: One MERGE target table row matched more than one source row")
    client.rows(
        "MERGE INTO t USING (VALUES (2, 1), (2, 0)) AS s (id, x) ON t.id = s.id WHEN MATCHED AND x = 1 THEN DELETE"
    )
    assert client.rows("SELECT count(*) FROM t") == [["4"]]
    client.rows("MERGE INTO t USING t AS s ON t.id = s.id AND s.id > 3 WHEN MATCHED THEN UPDATE SET n = s.n")
    assert client.rows("SELECT count(*) FROM t") == [["4"]]


@pytest.fixture(scope="module")
def filled(ctx: Context) -> Client:
    """A client in a database with a table of each kind."""
    ctx.client("glue").create_database(DatabaseInput={"Name": "filled"})
    client = Client(ctx, "filled", "changed")
    made(client)
    client.rows("CREATE TABLE hive AS SELECT 1 AS a")
    client.rows("CREATE VIEW seen AS SELECT a FROM hive")
    client.rows("INSERT INTO t VALUES (1, 'a')")
    return client


def no_function(name: str) -> str:
    return f"Function {name!r} not registered"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DELETE FROM nope", "TABLE_NOT_FOUND"),
        ("DELETE FROM t AS x WHERE id = 1", "SYNTAX_ERROR"),
        ("DELETE FROM t USING u WHERE id = 1", "SYNTAX_ERROR"),
        ("DELETE FROM t WHERE id = 1 RETURNING id", "SYNTAX_ERROR"),
        ("DELETE FROM t WHERE nope = 1", "COLUMN_NOT_FOUND"),
        ("DELETE FROM other.public.t", "CATALOG_NOT_FOUND"),
        ("DELETE FROM hive", "Iceberg tables only"),
        ("DELETE FROM seen", "of views"),
        ("UPDATE t SET nope = 1", "target column nope doesn't exist"),
        ("UPDATE t SET id = 1, id = 2", "more than once"),
        ("UPDATE t SET id = 'x'", "TYPE_MISMATCH: line 1:1: UPDATE table column types don't match SET expressions"),
        ("UPDATE t SET id = 1 FROM hive", "SYNTAX_ERROR"),
        ("UPDATE t SET id = 1/0", "DIVISION_BY_ZERO"),
        ("UPDATE t SET id = (SELECT a FROM read_csv('/etc/passwd'))", no_function("read_csv")),
        ("DELETE FROM t WHERE id IN (SELECT 1 FROM '/etc/passwd')", "INVALID_NAME: '/etc/passwd' has a slash"),
        ("DELETE FROM '/etc/passwd'", "INVALID_NAME: '/etc/passwd' has a slash"),
        ("MERGE INTO t USING read_csv('/x') AS s ON true WHEN MATCHED THEN DELETE", no_function("read_csv")),
        ("MERGE INTO t USING hive ON id = a WHEN MATCHED THEN UPDATE SET v = getenv('HOME')", no_function("getenv")),
        ("MERGE INTO t USING hive ON id = a WHEN NOT MATCHED THEN INSERT VALUES (1, current_setting('x'))",
         no_function("current_setting")),
        ("MERGE INTO t USING (ATTACH '/x.db' AS x) AS s ON true WHEN MATCHED THEN DELETE", "SYNTAX_ERROR"),
        ("MERGE INTO t USING (COPY hive TO '/tmp/x') AS s ON true WHEN MATCHED THEN DELETE", "SYNTAX_ERROR"),
        ("MERGE INTO t USING (DELETE FROM hive) AS s ON true WHEN MATCHED THEN DELETE", "SYNTAX_ERROR"),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE id IN (SELECT 1 FROM read_csv('/x'))", no_function("read_csv")),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE id = 1 ORDER BY id", "SYNTAX_ERROR"),
        ("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE id = 1; DROP TABLE t", "Only one sql statement"),
        ("OPTIMIZE hive REWRITE DATA USING BIN_PACK", "Iceberg tables only"),
        ("VACUUM '/etc/passwd'", "SYNTAX_ERROR"),
        ("DELETE FROM t WHERE \"$path\" <> ''", "COLUMN_NOT_FOUND: line 1:21"),
        ('DELETE FROM t WHERE "$row" = 0', "COLUMN_NOT_FOUND"),
        ('DELETE FROM t WHERE EXISTS (SELECT 1 FROM "t$target rows")', "TABLE_NOT_FOUND"),
        ('UPDATE t SET "$row" = 1', "COLUMN_NOT_FOUND"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN MATCHED AND rand() < 0.5 THEN DELETE", "by chance"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN MATCHED AND s.a IN (SELECT a FROM hive TABLESAMPLE "
         "BERNOULLI (50)) THEN DELETE", "by chance"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN NOT MATCHED BY SOURCE THEN DELETE", "SYNTAX_ERROR"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN NOT MATCHED THEN DELETE", "SYNTAX_ERROR"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN NOT MATCHED THEN INSERT (id) VALUES (1, 2)", "TYPE_MISMATCH"),
        ("MERGE INTO t USING hive AS s ON t.id = s.a WHEN NOT MATCHED THEN INSERT (no) VALUES (1)", "does not exist"),
        ("DELETE FROM t; DROP TABLE t", "SYNTAX_ERROR"),
        ("UPDATE t SET id = 1; COPY t TO '/tmp/x'", "SYNTAX_ERROR"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing_and_leaves_no_file(filled: Client, sql: str, reason: str) -> None:
    before = objects(filled)
    told = filled.fails(sql)
    assert told.startswith(reason) if ": " in reason else reason in told
    assert objects(filled) == before


def test_no_partition_is_by_floating_point_values(client: Client) -> None:
    """PyIceberg finds no rows of NaN, and those of either zero twice."""
    refused = "a partition of an Iceberg table by d, whose type is double"
    making = (
        f"CREATE TABLE t (id int, d double) PARTITIONED BY (d) LOCATION 's3://changed/{client.database}/t' "
        "TBLPROPERTIES ('table_type'='ICEBERG')",
        f"CREATE TABLE t WITH (table_type = 'ICEBERG', location = 's3://changed/{client.database}/t', "
        "is_external = false, partitioning = ARRAY['d']) AS SELECT 1 AS id, nan() AS d",
    )
    for sql in making:
        assert refused in client.fails(sql)
    made(client, columns="id int, d double")
    client.rows("INSERT INTO t VALUES (1, 0e0), (2, -0e0), (3, nan())")
    with table_of(client).update_spec() as update:
        update.add_identity("d")
    before = objects(client)
    for sql in ("INSERT INTO t VALUES (4, 1e0)", "UPDATE t SET id = id + 10"):
        assert refused in client.fails(sql)
    assert (objects(client), client.rows("SELECT count(*) FROM t")) == (before, [["3"]])


def test_no_commit_has_more_or_fewer_rows_than_the_statement(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='1')")
    client.rows("DELETE FROM t WHERE id = 7")
    before = objects(client)
    write = iceberg_writes._dataframe_to_data_files
    monkeypatch.setattr(iceberg_writes, "_dataframe_to_data_files", lambda *args: [*write(*args)] * 2)
    location = f"s3://changed/{client.database}/u"
    for sql in (
        "INSERT INTO t VALUES (2, 'b')",
        "UPDATE t SET v = 'x'",
        f"CREATE TABLE u WITH (table_type = 'ICEBERG', is_external = false, location = '{location}') AS SELECT 1 AS a",
    ):
        assert "1 rows were to be written" in client.fails(sql)
    assert objects(client) == before


def test_a_column_that_older_files_are_partitioned_by_is_not_dropped(client: Client) -> None:
    made(client, columns="id int, p string, q string", partitioned="p")
    client.rows("INSERT INTO t VALUES (1, 'a', 'x'), (2, 'a', 'y'), (3, 'b', 'z')")
    with table_of(client).update_spec() as update:
        update.remove_field("p")
    assert "used by an old partition spec: p" in client.fails("ALTER TABLE t DROP COLUMN p")
    with table_of(client).update_schema() as update:
        update.delete_column("p")
    before = objects(client)
    for sql in ("DELETE FROM t WHERE id = 1", "UPDATE t SET q = 'u'", "OPTIMIZE t REWRITE DATA USING BIN_PACK"):
        assert "the partition field p, whose column was dropped" in client.fails(sql)
    assert objects(client) == before
    client.rows("INSERT INTO t VALUES (4, 'q')")
    assert client.rows("SELECT id, q FROM t ORDER BY id") == [["1", "x"], ["2", "y"], ["3", "z"], ["4", "q"]]


def test_delete_files_have_the_partition_of_their_data_file(client: Client) -> None:
    made(
        client,
        columns="id int, s string, at timestamp, d date, p string",
        partitioned="bucket(3, id), truncate(2, s), hour(at), month(d), p",
    )
    client.rows(
        "INSERT INTO t SELECT cast(n AS integer), 'name' || cast(n AS varchar), "
        "date_add('hour', n % 3, TIMESTAMP '2024-01-31 22:30:00'), date_add('day', n, DATE '2024-01-30'), "
        "CASE WHEN n % 4 = 0 THEN NULL ELSE 'a/b c' END FROM UNNEST(sequence(1, 12)) AS x (n)"
    )
    client.rows("DELETE FROM t WHERE id IN (3, 4)")
    client.rows("UPDATE t SET at = date_add('day', 1, at), p = 'other' WHERE id BETWEEN 6 AND 9")
    shown = [["1", "a/b c"], ["2", "a/b c"], ["5", "a/b c"], ["6", "other"], ["7", "other"], ["8", "other"],
             ["9", "other"], ["10", "a/b c"], ["11", "a/b c"], ["12", None]]  # fmt: skip
    assert client.rows("SELECT id, p FROM t ORDER BY id") == shown
    table = table_of(client)
    for task in table.scan().plan_files():
        for deletes in task.delete_files:
            assert (deletes.partition, deletes.spec_id) == (task.file.partition, task.file.spec_id)
    assert sorted(table.scan(row_filter="id = 7").to_arrow()["p"].to_pylist()) == ["other"]


def test_tables_whose_columns_and_partitions_changed_are_changed(client: Client) -> None:
    made(client, columns="id int, v string, gone int")
    client.rows("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
    with table_of(client).update_spec() as spec:
        spec.add_identity("v")
    client.rows("ALTER TABLE t ADD COLUMNS (extra bigint)")
    client.rows("ALTER TABLE t DROP COLUMN gone")
    client.rows("ALTER TABLE t CHANGE COLUMN id number bigint")
    client.rows("INSERT INTO t VALUES (4, 'd', 40), (5, 'd', 50), (5000000000, 'e', 60)")
    client.rows("DELETE FROM t WHERE number = 2 OR number = 5")
    client.rows("UPDATE t SET extra = number WHERE extra IS NULL")
    assert client.rows("SELECT * FROM t ORDER BY number") == [
        ["1", "a", "1"], ["3", "c", "3"], ["4", "d", "40"], ["5000000000", "e", "60"],
    ]  # fmt: skip
    client.rows("DELETE FROM t WHERE extra = 60")
    found = table_of(client).scan().to_arrow().sort_by("number")
    assert found.to_pydict() == {"number": [1, 3, 4], "v": ["a", "c", "d"], "extra": [1, 3, 40]}


def test_a_table_partitioned_twice_by_one_column_is_refused_by_name(client: Client) -> None:
    made(client, partitioned="id, bucket(2, id)")
    assert "partitioned twice by the column id" in client.fails("INSERT INTO t VALUES (1, 'a')")
    assert objects(client) == [key for key in objects(client) if key.endswith(".metadata.json")]
    client.rows("DELETE FROM t WHERE id = 1")


def test_every_type_of_column_is_kept_by_an_update_of_another(client: Client) -> None:
    made(
        client,
        columns="id int, f float, d double, x decimal(38,9), b binary, t timestamp, day date, yes boolean, "
        "list array<struct<a:int,b:string>>, m map<string,array<double>>",
    )
    client.rows(
        "INSERT INTO t VALUES (1, REAL '1.5', nan(), DECIMAL '12345678901234567890123456789.000000001', "
        "from_hex('00ff'), TIMESTAMP '2024-02-29 23:59:59.999999', DATE '0001-01-01', true, "
        "ARRAY[CAST(ROW(1, 'x') AS row(a integer, b varchar)), NULL], MAP(ARRAY['k'], ARRAY[ARRAY[1e0, NULL]])), "
        "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    before = table_of(client).scan().to_arrow().sort_by("id").drop_columns("id").to_pylist()
    client.rows("UPDATE t SET id = id + 10")
    after = table_of(client).scan().to_arrow().sort_by("id")
    assert after["id"].to_pylist() == [11, 12]
    assert repr(after.drop_columns("id").to_pylist()) == repr(before)


def test_writers_at_once_lose_nothing(client: Client) -> None:
    """Statements that meet others which were first begin anew, so that each row is changed as often as was said."""
    made(client, columns="id int, n int")
    client.rows("INSERT INTO t VALUES (1, 0), (2, 0)")

    def work(number: int) -> None:
        client.rows("UPDATE t SET n = n + 1 WHERE id < 100")
        client.rows(
            f"MERGE INTO t USING (VALUES (100), ({200 + number})) AS s (id) ON t.id = s.id "
            "WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1)"
        )
        rows = pa.table({"id": pa.array([1000 + number], pa.int32()), "n": pa.array([0], pa.int32())})
        table_of(client).append(rows)
        client.rows(f"DELETE FROM t WHERE id = {1000 + number}")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, number) for number in range(4)]:
            done.result()
    assert client.rows("SELECT id, n FROM t ORDER BY id") == [
        ["1", "4"], ["2", "4"], ["100", "4"], ["200", "1"], ["201", "1"], ["202", "1"], ["203", "1"],
    ]  # fmt: skip
    assert [key for key in stray(client) if not lost_by_pyiceberg(client, key)] == []


def lost_by_pyiceberg(client: Client, key: str) -> bool:
    """Whether a stray object is PyIceberg's, which leaves what it wrote for an append that another writer overtook.

    It is the metadata with that append, or the mark of a folder, which Arrow makes where it deleted a file.
    """
    if key.endswith("/"):
        return True
    body = client.ctx.client("s3").get_object(Bucket=client.workgroup, Key=key)["Body"].read()
    return key.endswith(".metadata.json") and json.loads(body)["snapshots"][-1]["summary"]["operation"] == "append"
