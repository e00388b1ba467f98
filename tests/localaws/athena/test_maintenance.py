"""OPTIMIZE and VACUUM of Iceberg tables: what they rewrite and remove, and what they leave alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyiceberg.io.pyarrow import _dataframe_to_data_files

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import aged, made, objects, stray, table_of, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "kept")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "kept")


def test_optimize_rewrites_small_files_and_those_with_deletes(client: Client) -> None:
    made(client, columns="id int, p string", partitioned="p")
    for number in range(5):
        client.rows(f"INSERT INTO t VALUES ({number}, 'a'), ({number + 10}, 'a'), ({number + 20}, 'b')")
    client.rows("INSERT INTO t VALUES (90, 'few'), (91, 'few')")
    client.rows("DELETE FROM t WHERE id IN (1, 90)")
    before = client.rows("SELECT * FROM t ORDER BY id")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE p = 'b'")
    table = table_of(client)
    assert (table.current_snapshot().summary.operation.value, len(before)) == ("replace", 15)
    found = client.execution("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
    table = table_of(client)
    summary = table.current_snapshot().summary
    shown = {key: summary[key] for key in ("added-data-files", "deleted-data-files", "removed-position-delete-files",
                                           "added-records", "deleted-records", "total-records", "total-data-files",
                                           "total-position-deletes")}  # fmt: skip
    assert list(shown.values()) == ["1", "5", "1", "9", "10", "16", "3", "1"]
    assert client.rows("SELECT * FROM t ORDER BY id") == before
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == sorted(int(str(row[0])) for row in before)
    # The partition with few files stays as it is, and so does a table in which nothing is to be done.
    assert sum(len(task.delete_files) for task in table.scan().plan_files()) == 1
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert table_of(client).metadata_location == table.metadata_location
    assert stray(client) == []


def test_a_files_many_delete_files_are_reason_enough_to_rewrite_it(client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')")
    client.rows("DELETE FROM t WHERE id = 1")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert len(table_of(client).snapshots()) == 2
    client.rows("DELETE FROM t WHERE id = 2")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    (task,) = table_of(client).scan().plan_files()
    assert (task.file.record_count, task.delete_files) == (2, set())
    assert client.rows("SELECT * FROM t ORDER BY id") == [["3", "c"], ["4", "d"]]


def test_a_tables_properties_say_what_is_rewritten(client: Client) -> None:
    made(client)
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='2')")
    assert "whole number above 0" in client.fails(
        "ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='many')"
    )
    client.rows("INSERT INTO t VALUES (1, 'a')")
    client.rows("INSERT INTO t VALUES (2, 'b')")
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_min_data_file_size_bytes'='1')")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert len(list(table_of(client).scan().plan_files())) == 2
    client.rows("ALTER TABLE t UNSET TBLPROPERTIES ('optimize_rewrite_min_data_file_size_bytes')")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert len(list(table_of(client).scan().plan_files())) == 1


def test_vacuum_expires_snapshots_and_removes_their_files_and_orphans(ctx: Context, client: Client) -> None:
    made(client)
    made(client, "inside", folder="t/inside")
    client.rows("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    client.rows("UPDATE t SET v = 'x' WHERE id = 1")
    table = table_of(client)
    table.manage_snapshots().create_tag(table.snapshots()[0].snapshot_id, "first").commit()
    client.rows("UPDATE t SET v = 'y'")
    ctx.client("s3").put_object(Bucket="kept", Key=f"{client.database}/t/data/lost.parquet", Body=b"lost")
    before = objects(client)
    client.rows("VACUUM t")
    assert objects(client) == before  # all is younger than five days
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='1')")
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_max_metadata_files_to_keep'='2')")
    time.sleep(1.1)
    client.rows("VACUUM `t`")
    assert f"{client.database}/t/data/lost.parquet" in objects(client)  # it may be one of a writer under way
    aged(client.ctx, "kept", client.database, 4)
    client.rows("VACUUM `t`")
    table = table_of(client)
    assert [s.snapshot_id for s in table.snapshots()] == [
        table.refs()["first"].snapshot_id,
        table.metadata.current_snapshot_id,
    ]
    assert len(table.metadata.metadata_log) == 2
    assert stray(client) == []
    assert client.rows("SELECT * FROM t ORDER BY id") == [["1", "y"], ["2", "y"]]
    assert client.rows("SELECT * FROM t FOR VERSION AS OF 'first' ORDER BY id") == [["1", "a"], ["2", "b"]]
    assert client.rows("SELECT count(*) FROM inside") == [["0"]]


def test_vacuum_touches_no_table_that_shares_its_folder(ctx: Context, client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    location = f"s3://kept/{client.database}/t/"
    client.rows(f"CREATE EXTERNAL TABLE twin (a int) LOCATION '{location}'")
    assert f"the location of {client.database}.t and of {client.database}.twin" in client.fails("VACUUM t")
    client.rows("CREATE TABLE top (a int) LOCATION 's3://kept/' TBLPROPERTIES ('table_type'='ICEBERG')")
    assert client.fails("VACUUM top") == "GENERIC_INTERNAL_ERROR: Path missing in file system location: s3://kept"
    assert "Iceberg tables only" in client.fails("VACUUM twin")


def test_optimize_comes_to_rest(client: Client) -> None:
    """PyIceberg's files are smaller than the target that it was given, and yet they are not written for ever."""
    made(client)
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('write_target_data_file_size_bytes'='20000')")
    for _ in range(3):
        client.rows(f"INSERT INTO t SELECT cast(n AS integer), '{'a' * 36}' FROM UNNEST(sequence(1, 4000)) AS x (n)")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    table = table_of(client)
    assert len(list(table.scan().plan_files())) >= 5  # small ones, all of them
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert table_of(client).metadata_location == table.metadata_location


def test_optimize_reads_no_more_than_its_workgroup_allows(ctx: Context, client: Client) -> None:
    ctx.client("athena").create_work_group(
        Name="metered",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://kept-out/results/"},
            "BytesScannedCutoffPerQuery": 10_000_000,
        },
    )
    made(client)
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='2')")
    for number in (1, 2):
        client.rows(f"INSERT INTO t VALUES ({number}, 'a')")
    table = table_of(client)
    sizes = sum(task.file.file_size_in_bytes for task in table.scan().plan_files())
    found = client.execution("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE id > 5")
    assert found["Statistics"]["DataScannedInBytes"] == sizes
    texts = [os.urandom(1000).hex() for _ in range(6000)]
    for number in (3, 4):
        table_of(client).append(pa.table({"id": pa.array([number] * len(texts), pa.int32()), "v": texts}))
    big = Client(ctx, client.database, "metered")
    ended = big.execution("OPTIMIZE t REWRITE DATA USING BIN_PACK")["Status"]
    assert ended["State"] == "CANCELLED"  # as AWS says of it
    assert "Bytes scanned limit was exceeded" in ended["StateChangeReason"]
    assert len(list(table_of(client).scan().plan_files())) == 4


def _all_may_go(client: Client, name: str = "t") -> None:
    """Have VACUUM find every snapshot but the last old, and every object that nothing names."""
    client.rows(f"ALTER TABLE {name} SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='1')")
    aged(client.ctx, "kept", client.database, 30)
    time.sleep(1.1)


def test_vacuum_leaves_a_file_that_is_named_by_another_scheme(client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    (task,) = table_of(client).scan().plan_files()
    client.rows("DELETE FROM t")
    table_of(client).add_files([task.file.file_path.replace("s3://", "s3a://")])
    _all_may_go(client)
    client.rows("VACUUM t")
    assert client.rows("SELECT * FROM t") == [["1", "a"]]


def test_vacuum_refuses_a_table_whose_files_others_may_name(client: Client) -> None:
    made(client)
    made(client, "lent")
    client.rows("INSERT INTO t VALUES (1, 'a')")
    (task,) = table_of(client).scan().plan_files()
    with table_of(client, "lent").transaction() as transaction:
        transaction.set_properties({"gc.enabled": "false"})
    table_of(client, "lent").add_files([task.file.file_path])
    client.rows("DELETE FROM lent")
    _all_may_go(client, "lent")
    before = (objects(client), table_of(client, "lent").metadata_location)
    assert "gc.enabled is false" in client.fails("VACUUM lent")
    assert (objects(client), table_of(client, "lent").metadata_location) == before
    assert client.rows("SELECT * FROM t") == [["1", "a"]]


def test_vacuum_leaves_the_partitions_of_tables_that_lie_elsewhere(ctx: Context, client: Client) -> None:
    made(client)
    here = f"{client.database}/t/data/part"
    client.rows(f"CREATE EXTERNAL TABLE h (a int) PARTITIONED BY (p string) LOCATION 's3://kept/{client.database}/h/'")
    client.rows(f"ALTER TABLE h ADD PARTITION (p = '1') LOCATION 's3://kept/{here}/'")
    for key in (f"{here}/x", f"{client.database}/t/data/lost"):
        ctx.client("s3").put_object(Bucket="kept", Key=key, Body=b"1")
    _all_may_go(client)
    client.rows("VACUUM t")
    assert [f"{here}/x" in objects(client), f"{client.database}/t/data/lost" in objects(client)] == [True, False]


def test_vacuum_leaves_the_files_of_a_writer_under_way(client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    client.rows("ALTER TABLE t SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='1')")
    table = table_of(client)
    rows = table.scan().to_arrow()
    (written,) = _dataframe_to_data_files(table.metadata, rows, table.io)
    aged(client.ctx, "kept", client.database, 2)
    client.rows("VACUUM t")
    with table_of(client).transaction() as transaction, transaction.update_snapshot().fast_append() as append:
        append.append_data_file(written)
    assert client.rows("SELECT * FROM t") == [["1", "a"], ["1", "a"]]
