"""Rows are what they are by the place of their fields, whatever these are called: written, read, cast, put together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, objects, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow

FORMATS = ("PARQUET", "ORC", "AVRO", "JSON", "TEXTFILE")


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "rows")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "rows")


def test_rows_that_are_written_to_an_iceberg_table_are_taken_by_place(client: Client) -> None:
    made(
        client, columns="id int, z struct<a:int,b:string>, l array<struct<A:int,b:string>>, m map<string,struct<a:int>>"
    )
    client.rows("INSERT INTO t SELECT 1, ROW(10, 'x'), ARRAY[ROW(1, 'a'), NULL], MAP(ARRAY['k'], ARRAY[ROW(7)])")
    client.rows(
        "INSERT INTO t VALUES (2, CAST(ROW(40, 'z') AS ROW(p int, q varchar)), "
        "ARRAY[CAST(ROW(2, 'b') AS ROW(b int, a varchar))], MAP(ARRAY['k'], ARRAY[CAST(ROW(8) AS ROW(z int))]))"
    )
    client.rows("INSERT INTO t VALUES (3, NULL, ARRAY[], MAP())")
    client.rows("UPDATE t SET z = ROW(50, 'u'), l = ARRAY[ROW(3, NULL)] WHERE id = 3")
    client.rows(
        "MERGE INTO t USING (SELECT * FROM (VALUES (1, ROW(11, 'm')), (4, ROW(44, 'n'))) s (id, r)) s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET z = s.r WHEN NOT MATCHED THEN INSERT (id, z) VALUES (s.id, s.r)"
    )
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "{a=11, b=m}", "[{a=1, b=a}, null]", "{k={a=7}}"],
        ["2", "{a=40, b=z}", "[{a=2, b=b}]", "{k={a=8}}"],
        ["3", "{a=50, b=u}", "[{a=3, b=null}]", "{}"],
        ["4", "{a=44, b=n}", None, None],
    ]


def test_rows_beside_an_array_of_nothing_are_written_by_place(client: Client) -> None:
    made(client, columns="id int, l array<struct<p:int,q:int>>")
    client.rows(
        "INSERT INTO t (id, l) SELECT 0, ARRAY[] UNION ALL SELECT 1, ARRAY[CAST(ROW(1, 5) AS ROW(a int, b int))] "
        "UNION ALL SELECT 2, ARRAY[CAST(ROW(6, 2) AS ROW(b int, a int))]"
    )
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["0", "[]"],
        ["1", "[{p=1, q=5}]"],
        ["2", "[{p=6, q=2}]"],
    ]


def test_rows_that_are_deleted_come_before_another_by_place(client: Client) -> None:
    made(client, columns="id int, r struct<a:int,b:int>")
    client.rows("INSERT INTO t VALUES (1, ROW(1, 5)), (2, ROW(6, 2)), (3, ROW(3, 9))")
    client.rows("DELETE FROM t WHERE r < CAST(ROW(2, 0) AS ROW(b int, a int))")
    assert client.rows("SELECT id FROM t ORDER BY id") == [["2"], ["3"]]
    client.rows("UPDATE t SET id = 9 WHERE CAST(ROW(4, 0) AS ROW(b int, a int)) >= r")
    assert client.rows("SELECT id FROM t ORDER BY id") == [["2"], ["9"]]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_that_are_written_to_a_hive_table_are_taken_by_place(client: Client, form: str) -> None:
    client.rows(
        f"CREATE TABLE h WITH (format = '{form}', external_location = 's3://rows/{client.database}/h/') AS "
        "SELECT 0 id, CAST(ROW(0, 'o') AS ROW(a int, b varchar)) z, "
        "ARRAY[CAST(ROW(0, ROW('o')) AS ROW(a int, b ROW(c varchar)))] l"
    )
    client.rows("INSERT INTO h SELECT 1, ROW(10, 'x'), ARRAY[ROW(1, ROW('a'))]")
    client.rows("INSERT INTO h SELECT 2, CAST(ROW(2, 'y') AS ROW(b int, a varchar)), NULL")
    assert client.rows("SELECT id, z.a, z.b, l[1].a, l[1].b.c FROM h WHERE id < 2 ORDER BY id") == [
        ["0", "0", "o", "0", "o"],
        ["1", "10", "x", "1", "a"],
    ]
    assert client.rows("SELECT z.a, z.b FROM h WHERE id = 2") == [["2", "y"]]


def test_rows_that_do_not_fit_are_refused_and_nothing_is_written(client: Client) -> None:
    made(client, columns="id int, z struct<a:int,b:string>")
    before = objects(client)
    for value in ("ROW(10)", "ROW(10, 'x', 1)", "ROW('x', 10)", "ROW(BIGINT '1', 'x')", "ARRAY[1]"):
        assert "TYPE_MISMATCH" in client.fails(f"INSERT INTO t SELECT 1, {value}")
        assert "TYPE_MISMATCH" in client.fails(f"UPDATE t SET z = {value}")
    assert (objects(client), client.rows("SELECT * FROM t")) == (before, [])


def test_what_is_null_among_lists_and_maps_of_rows_stays_null(client: Client) -> None:
    made(client, columns="id int, l array<struct<a:int>>, m map<string,array<struct<a:int>>>")
    client.rows("INSERT INTO t VALUES (1, NULL, NULL), (2, ARRAY[], MAP(ARRAY['k'], ARRAY[NULL])), (3, NULL, NULL)")
    wanted = [["1", None, None], ["2", "[]", "{k=null}"], ["3", None, None]]
    assert client.rows("SELECT * FROM t ORDER BY id") == wanted
    client.rows("DELETE FROM t WHERE id = 3")  # from here on, delete files are applied
    assert client.rows("SELECT * FROM t ORDER BY id") == wanted[:2]
    client.rows("UPDATE t SET id = 4 WHERE id = 1")
    client.rows("OPTIMIZE t REWRITE DATA USING BIN_PACK")
    assert client.rows("SELECT * FROM t ORDER BY id") == [wanted[1], ["4", None, None]]


def test_a_row_without_names_makes_no_column(client: Client) -> None:
    folder = f"s3://rows/{client.database}"
    for given, said in (
        ("table_type = 'ICEBERG', is_external = false, location", "Row type field does not have a name: "),
        ("external_location", "Please give each field a name: "),
    ):
        failed = client.fails(f"CREATE TABLE n WITH ({given} = '{folder}/n/') AS SELECT ROW(1, 'x') z")
        assert failed.startswith("NOT_SUPPORTED")
        assert failed.endswith(f"{said}row(integer, varchar)")
    assert objects(client) == []


def test_tables_and_views_of_a_union_of_rows_have_all_of_their_fields(client: Client) -> None:
    union = (
        "SELECT 1 id, CAST(ROW(1, 'x') AS ROW(a int, b varchar)) z "
        "UNION ALL SELECT 2, CAST(ROW(BIGINT '2', 'y') AS ROW(a bigint, b varchar))"
    )
    client.rows(f"CREATE TABLE c WITH (external_location = 's3://rows/{client.database}/c/') AS {union}")
    client.rows(f"CREATE VIEW v AS {union}")
    for name in ("c", "v"):
        assert client.rows(f"SELECT id, z.a, z.b FROM {name} ORDER BY id") == [["1", "1", "x"], ["2", "2", "y"]]
    other = union.replace("a bigint, b varchar", "p bigint, q varchar")
    made, to = f"external_location = 's3://rows/{client.database}/d/'", f"TO 's3://rows/{client.database}/u/'"
    for statement in (
        f"CREATE VIEW w AS {other}",
        f"CREATE TABLE d WITH ({made}) AS {other}",
        f"UNLOAD ({other}) {to} WITH (format = 'JSON')",
    ):
        assert "Please give each field a name: row(bigint, varchar)" in client.fails(statement)
