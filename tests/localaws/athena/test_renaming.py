"""ALTER TABLE … RENAME TO."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from moto.glue.models import GlueBackend

from localaws.athena.definitions.place import table_input
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_commit_that_comes_between_goes_on_under_the_new_name(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(client)

    rename = getattr(GlueBackend, "rename_table")  # noqa: B009  the local AWS added it

    def rename_after_a_commit(*given: Any) -> None:
        client.rows("INSERT INTO t VALUES (1, 'a')")
        rename(*given)

    monkeypatch.setattr(GlueBackend, "rename_table", rename_after_a_commit)
    client.rows("ALTER TABLE t RENAME TO u")
    assert client.rows("SHOW TABLES") == [["u"]]
    assert client.rows("SELECT * FROM u") == [["1", "a"]]


def test_no_commit_comes_between_the_old_name_and_the_new(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made(client)
    glue = client.ctx.client("glue")
    given = table_input(glue.get_table(DatabaseName=client.database, Name="t")["Table"])
    create, answers = GlueBackend.create_table, queue.Queue[str]()

    def commit() -> None:
        try:
            glue.update_table(DatabaseName=client.database, TableInput=given)
            answers.put("committed")
        except glue.exceptions.EntityNotFoundException:
            answers.put("gone")

    writer = threading.Thread(target=commit)

    def create_beside_a_commit(self: GlueBackend, *args: Any) -> Any:
        table = create(self, *args)
        writer.start()
        with suppress(queue.Empty):  # the commit waits for the whole of the renaming
            answers.put(answers.get(timeout=1))
        return table

    monkeypatch.setattr(GlueBackend, "create_table", create_beside_a_commit)
    client.rows("ALTER TABLE t RENAME TO u")
    writer.join(timeout=30)
    assert answers.get(timeout=30) == "gone"
