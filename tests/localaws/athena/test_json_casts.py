"""Casts to JSON of what holds values: as Trino writes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, work_group
from tests.localaws.athena.server import running


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "json")
        client = Client.in_own_database(ctx, "json", "json")
        _fill(ctx, client)
        yield client


def _fill(ctx: Context, client: Client) -> None:
    made(client, columns="id int, a array<string>, n array<array<int>>, m map<string,boolean>, d double")
    client.rows(
        """INSERT INTO t VALUES
        (1, ARRAY['x "y"', NULL, 'é'], ARRAY[ARRAY[1, NULL], NULL], MAP(ARRAY['b', 'a'], ARRAY[true, NULL]), 1.5),
        (2, NULL, NULL, NULL, NULL)"""
    )


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ("a", r'["x \"y\"",null,"é"]'),
        ("n", "[[1,null],null]"),
        ("m", '{"a":null,"b":true}'),
        ("id", "1"),
        ("d", "1.5"),
        ("transform(a, x -> CAST(x AS JSON))", r'["x \"y\"",null,"é"]'),
        ("filter(a, x -> x = 'none')", "[]"),
        ("MAP()", "{}"),
        ("ARRAY[MAP()]", "[{}]"),
        ("DECIMAL '.50'", "0.50"),
        ("ARRAY[DECIMAL '-.50', DECIMAL '.00']", "[-0.50,0.00]"),
    ],
)
def test_json_of_values(client: Client, value: str, json: str) -> None:
    assert client.rows(f"SELECT json_format(CAST({value} AS JSON)) FROM t WHERE id = 1") == [[json]]
    if value in ("a", "n", "m"):
        assert client.rows(f"SELECT CAST({value} AS JSON) IS NULL FROM t WHERE id = 2") == [["true"]]


def test_a_decimal_has_a_digit_before_its_point(client: Client) -> None:
    values = "(VALUES DECIMAL '.50', DECIMAL '-.25', DECIMAL '.00', NULL) AS v(n)"
    assert client.rows(f"SELECT CAST(n AS varchar) FROM {values}") == [["0.50"], ["-0.25"], ["0.00"], [None]]
    assert client.rows("SELECT CAST(DECIMAL '-12.50' AS varchar)") == [["-12.50"]]


def test_what_is_not_written_alike_is_refused_by_its_type(client: Client) -> None:
    assert "a cast of varbinary to json" in client.fails("SELECT CAST(to_utf8(a[1]) AS JSON) FROM t")
