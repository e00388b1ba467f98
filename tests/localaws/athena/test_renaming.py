"""ALTER TABLE … RENAME TO."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, work_group
from tests.localaws.athena.server import running


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "renamed")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    return Client.in_own_database(ctx, request.node.nodeid, "renamed")


def test_an_iceberg_table_goes_on_under_its_new_name(client: Client) -> None:
    made(client)
    client.rows("INSERT INTO t VALUES (1, 'a')")
    client.rows(
        f"ALTER TABLE `awsdatacatalog`.`{client.database}`.`t` RENAME TO `awsdatacatalog`.`{client.database}`.`u`"
    )
    client.rows("INSERT INTO u VALUES (2, 'b')")
    client.rows("CREATE DATABASE other")
    client.rows("ALTER TABLE u RENAME TO other.v")
    assert client.rows("SELECT * FROM other.v ORDER BY id") == [["1", "a"], ["2", "b"]]
    assert client.rows("SHOW TABLES") == []


def test_a_name_that_is_taken_and_a_hive_table_are_refused(client: Client) -> None:
    made(client)
    client.rows("CREATE TABLE hive AS SELECT 1 AS id")
    client.rows("INSERT INTO t VALUES (1, 'a')")
    assert "Table hive already exists" in client.fails("ALTER TABLE t RENAME TO hive")
    assert "Database does not exist" in client.fails("ALTER TABLE t RENAME TO nowhere.t")
    assert "has a slash" in client.fails("ALTER TABLE t RENAME TO `a/b`")
    assert "is for Iceberg tables alone" in client.fails("ALTER TABLE hive RENAME TO u")
    assert client.rows("SELECT * FROM t") == [["1", "a"]]
    assert client.rows("SHOW TABLES") == [["hive"], ["t"]]


def test_a_table_that_is_changed_meanwhile_keeps_its_name(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made(client)
    glue = client.ctx.client("glue")
    create = type(glue).create_table

    def create_after_a_commit(self: object, **given: object) -> object:
        answer = create(self, **given)
        client.rows("INSERT INTO t VALUES (1, 'a')")
        return answer

    monkeypatch.setattr(type(glue), "create_table", create_after_a_commit)
    assert "was changed meanwhile" in client.fails("ALTER TABLE t RENAME TO u")
    monkeypatch.undo()
    assert client.rows("SHOW TABLES") == [["t"]]
    assert client.rows("SELECT * FROM t") == [["1", "a"]]
