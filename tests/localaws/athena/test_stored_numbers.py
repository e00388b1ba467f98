"""Numbers with a point go into real and decimal columns as they are written; other doubles go into neither."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, work_group
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "numbers")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    return Client.in_own_database(ctx, request.node.nodeid, "numbers")


COLUMNS = "id int, f float, n decimal(6,2), d double"


def test_numbers_are_read_in_their_columns_type(client: Client) -> None:
    made(client, columns=COLUMNS)
    client.rows("INSERT INTO t VALUES (1, 0.1, 12.5, 0.1), (2, -1.5, -.25, -1.5)")
    client.rows("INSERT INTO t VALUES (3, 7.5, 7.0, 7), (4, NULL, NULL, NULL)")
    client.rows("INSERT INTO t (n, id) SELECT 1.75, 5")
    client.rows("INSERT INTO t (f, id) VALUES (2.25, 6)")
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "0.1", "12.50", "0.1"],
        ["2", "-1.5", "-0.25", "-1.5"],
        ["3", "7.5", "7.00", "7.0"],
        ["4", None, None, None],
        ["5", None, "1.75", None],
        ["6", "2.25", None, None],
    ]


def test_update_and_merge_read_them_as_insert_does(client: Client) -> None:
    made(client, columns=COLUMNS)
    client.rows("INSERT INTO t VALUES (1, 0.1, 12.5, 0.1), (2, NULL, NULL, NULL)")
    client.rows("UPDATE t SET f = -0.5, n = 2.5 WHERE id = 2")
    client.rows(
        "MERGE INTO t USING (VALUES 1, 3) AS s (id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = 7.25 "
        "WHEN NOT MATCHED THEN INSERT VALUES (s.id, 3.5, -4.25, 0.5)"
    )
    assert client.rows("SELECT * FROM t ORDER BY id") == [
        ["1", "0.1", "7.25", "0.1"], ["2", "-0.5", "2.50", None], ["3", "3.5", "-4.25", "0.5"],
    ]  # fmt: skip
    assert "Expressions: [decimal(4,3)]" in client.fails("UPDATE t SET n = 2.555")


def test_behind_a_star_a_place_is_no_column(client: Client) -> None:
    made(client, name="s", columns="id int, f float")
    made(client, columns="id int, f float, d double, n decimal(6,2)")
    client.rows("INSERT INTO s VALUES (1, 2.5)")
    client.rows("INSERT INTO t (id, f, d) SELECT *, 0.1 FROM s")
    client.rows("INSERT INTO t (f, id, d) SELECT 0.1, s.id, s.f FROM s")
    assert client.rows("SELECT d = 0.1, f FROM t ORDER BY f") == [["false", "0.1"], ["true", "2.5"]]
    assert "TYPE_MISMATCH" in client.fails("INSERT INTO t (id, f, n) SELECT *, 0.1 FROM s")


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (f) VALUES (1.5e0)",
        "INSERT INTO t (n) VALUES (DOUBLE '1.5')",
        "INSERT INTO t (f) SELECT d FROM t",
        "INSERT INTO t (n) VALUES (1.234)",  # more digits than the column has
        "INSERT INTO t (id) VALUES (1.5)",
    ],
)
def test_what_would_lose_digits_is_refused(client: Client, sql: str) -> None:
    made(client, columns=COLUMNS)
    assert "TYPE_MISMATCH" in client.fails(sql)
    assert client.rows("SELECT count(*) FROM t") == [["0"]]
