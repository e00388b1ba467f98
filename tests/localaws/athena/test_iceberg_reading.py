"""What a query sees of an Iceberg table besides its rows: metadata tables, older states, the file of each row."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, table_of, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "looked")
        yield ctx


@pytest.fixture(scope="module")
def client(ctx: Context) -> Client:
    """A client in a database with a table of three states, the last two of which have a delete file."""
    ctx.client("glue").create_database(DatabaseInput={"Name": "looked"})
    client = Client(ctx, "looked", "looked")
    made(client, columns="id int, v string")
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    client.rows("UPDATE t SET v = 'x' WHERE id = 2")
    table = table_of(client)
    table.manage_snapshots().create_branch(table.snapshots()[0].snapshot_id, "first").commit()
    client.rows("INSERT INTO t VALUES (4, 'd')")
    made(client, "bare", partitioned="bucket(4, id), v")
    return client


def test_each_metadata_table_of_athena_is_there(client: Client) -> None:
    assert client.rows('SELECT content, sum(record_count) FROM "t$files" GROUP BY 1 ORDER BY 1') == [
        ["0", "5"], ["1", "1"],
    ]  # fmt: skip
    assert client.rows('SELECT operation FROM "t$snapshots" ORDER BY committed_at') == [
        ["append"], ["overwrite"], ["append"],
    ]  # fmt: skip
    assert client.rows('SELECT content, count(*) FROM "t$manifests" GROUP BY 1 ORDER BY 1') == [["0", "3"], ["1", "1"]]
    assert client.rows('SELECT count(*) FROM "t$history" WHERE is_current_ancestor') == [["3"]]
    assert client.rows('SELECT record_count, position_delete_record_count FROM "t$partitions"') == [["5", "1"]]
    assert client.rows('SELECT name, type FROM "t$refs" ORDER BY name') == [["first", "BRANCH"], ["main", "BRANCH"]]
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('write_compression' = 'gzip')")
    assert ["write.parquet.compression-codec", "gzip"] in client.rows('SELECT key, value FROM "t$properties"')
    for suffix in ("files", "snapshots", "manifests", "history", "partitions", "refs"):
        assert client.rows(f'SELECT count(*) FROM "bare${suffix}"') == [["0"]]
    assert client.rows('SELECT record_count, spec_id, partition FROM "bare$partitions"') == []
    assert "the metadata table $nope" in client.fails('SELECT * FROM "t$nope"')


def test_an_older_state_is_read_by_number_name_and_time(client: Client) -> None:
    first, second, _ = (row[0] for row in client.rows('SELECT snapshot_id FROM "t$snapshots" ORDER BY committed_at'))
    rows = "SELECT id, v FROM t FOR {} ORDER BY id"
    before, after = [["1", "a"], ["2", "b"], ["3", "c"]], [["1", "a"], ["2", "x"], ["3", "c"]]
    assert client.rows(rows.format(f"VERSION AS OF {first}")) == before
    assert client.rows(rows.format("VERSION AS OF 'first'")) == before
    assert client.rows(rows.format(f"VERSION AS OF {second}")) == after
    moment = client.rows(f'SELECT made_current_at FROM "t$history" WHERE snapshot_id = {second}')[0][0]
    assert client.rows(rows.format(f"TIMESTAMP AS OF TIMESTAMP '{moment}'")) == after
    assert client.rows("SELECT count(*) FROM t FOR TIMESTAMP AS OF current_timestamp + interval '1' day") == [["4"]]
    assert "Iceberg snapshot ID does not exists: 5" in client.fails(rows.format("VERSION AS OF 5"))
    assert "SYNTAX_ERROR" in client.fails("DELETE FROM t FOR VERSION AS OF 'first'")


def test_a_row_knows_its_file_and_no_star_shows_it(client: Client) -> None:
    files = {task.file.file_path for task in table_of(client).scan().plan_files()}
    assert len(files) == 3
    assert {row[0] for row in client.rows('SELECT "$path" FROM t')} == files
    assert client.rows('SELECT count(DISTINCT "$path"), count(x."$file_modified_time") FROM t AS x') == [["3", "4"]]
    assert client.rows("SELECT * FROM t WHERE \"$path\" LIKE 's3://looked/%' AND id = 2") == [["2", "x"]]
    assert client.rows('SELECT "$path" FROM bare') == []
    assert len(client.rows("SELECT * FROM t FOR VERSION AS OF 'first'")[0]) == 2
    named = client.rows("SELECT count(DISTINCT \"$path\"), min(id) FROM t FOR VERSION AS OF 'first'")
    assert named == [["1", "1"]]
    typed = client.rows('SELECT typeof("$file_modified_time") FROM t LIMIT 1')
    assert typed == [["timestamp(3) with time zone"]]
    assert "COLUMN_NOT_FOUND" in client.fails('SELECT "$file_size" FROM t')


@pytest.mark.parametrize("kind", ["PARQUET", "TEXTFILE"])
def test_a_hive_tables_row_knows_its_file(ctx: Context, client: Client, kind: str) -> None:
    if kind == "PARQUET":
        client.rows(f"CREATE TABLE h{kind} WITH (external_location = 's3://looked/{kind}/') AS SELECT 1 AS a")
        client.rows(f"INSERT INTO h{kind} SELECT 2")
    else:
        for number in (1, 2):
            ctx.client("s3").put_object(Bucket="looked", Key=f"{kind}/{number}.txt", Body=f"{number}\n".encode())
        client.rows(f"CREATE EXTERNAL TABLE h{kind} (a int) LOCATION 's3://looked/{kind}/'")
    keys = [o["Key"] for o in ctx.client("s3").list_objects_v2(Bucket="looked", Prefix=f"{kind}/")["Contents"]]
    found = client.rows(f'SELECT "$path", a FROM h{kind} WHERE "$file_size" > 0 ORDER BY 1')
    assert [row[0] for row in found] == [f"s3://looked/{key}" for key in keys]
    assert sorted(str(row[1]) for row in found) == ["1", "2"]
    assert client.rows(f"SELECT * FROM h{kind} ORDER BY 1") == [["1"], ["2"]]
    assert client.rows(f'SELECT count(*) FROM h{kind} WHERE "$file_modified_time" < current_timestamp') == [["2"]]
