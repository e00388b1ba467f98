"""Two to eight writers of one Iceberg table at once: the rows are what the statements that succeeded make."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from localaws.athena import written_iceberg
from localaws.context import Context
from tests.laws import some
from tests.localaws.athena.client import Client
from tests.localaws.athena.iceberg import made, stray, table_of, work_group
from tests.localaws.athena.ledger import SHARED, Writer, expected
from tests.localaws.athena.server import running

#: How many writers there are, and how many statements each runs: the first case whenever tests run.
CASES = some([(8, 2), (2, 12), (4, 8), (8, 6)], 4)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "writers")
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client in an empty database of the test's own."""
    return Client.in_own_database(ctx, request.node.nodeid, "writers")


def written(client: Client, count: int, steps: int, seed: int) -> list[Writer]:
    """Have so many writers write at once, and hold the table to what they were told."""
    chance = random.Random(seed)
    made(client, columns="id int, n int", partitioned=chance.choice(["", "bucket(3, id)", "truncate(1000, id)"]))
    client.rows(f"INSERT INTO t VALUES {', '.join(f'({row}, 0)' for row in SHARED)}")
    writers = [Writer(client, number, random.Random(seed * 100 + number)) for number in range(1, count + 1)]

    def work(writer: Writer) -> None:
        for _ in range(steps):
            writer.step()

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, writer) for writer in writers]:
            done.result()
    said = [writer.said for writer in writers]
    table = table_of(client)
    for rows in (
        [tuple(int(str(cell)) for cell in row) for row in client.rows("SELECT id, n FROM t")],
        [tuple(row.values()) for row in table.scan().to_arrow().to_pylist()],
    ):
        assert sorted(rows) == expected(writers), said
    changes = [each for each in table.snapshots() if each.summary and each.summary.operation.value != "replace"]
    assert len(changes) == 1 + sum(writer.changes for writer in writers), said
    assert stray(client) == []
    return writers


@pytest.mark.slow
@pytest.mark.parametrize("size", CASES)
def test_writers_at_once_lose_and_double_nothing(client: Client, size: tuple[int, int]) -> None:
    writers = written(client, *size, seed=sum(size))
    assert [failure for writer in writers for failure in writer.failures] == []


@pytest.mark.slow
@pytest.mark.parametrize("size", CASES)
def test_who_may_not_begin_anew_fails_with_athenas_error_and_has_done_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(written_iceberg, "_TRIES", 1)
    writers = written(client, *size, seed=sum(size) + 100)
    failures = [failure for writer in writers for failure in writer.failures]
    assert failures
    assert {each.partition(" transaction")[0] for each in failures} == {"ICEBERG_COMMIT_ERROR: Failed to commit the"}
