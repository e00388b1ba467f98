"""After any history of statements a table has the rows that a plain model has, whoever reads it, and at each state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localaws.context import Context
from tests.laws import some
from tests.localaws.athena.client import Client
from tests.localaws.athena.histories import History, ordered
from tests.localaws.athena.iceberg import stray, table_of, work_group
from tests.localaws.athena.server import running

SEEDS = 150
#: One seed in so many runs whenever tests run.
SHARE = 75


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        work_group(ctx, "histories")
        yield ctx


@pytest.mark.slow
@pytest.mark.parametrize("seed", some(range(SEEDS), SHARE))
def test_after_any_history_every_reader_finds_the_rows_of_the_model(ctx: Context, seed: int) -> None:
    ctx.client("glue").create_database(DatabaseInput={"Name": f"history{seed}"})
    client = Client(ctx, f"history{seed}", "histories")
    history = History(client, seed)
    for _ in range(10):
        history.step()
        found = sorted(map(tuple, client.rows("SELECT id, v, n, d FROM t")), key=str)
        assert found == ordered(history.rows), history.said
    table = table_of(client)
    assert ordered(table.scan().to_arrow().to_pylist()) == ordered(history.rows), history.said
    for snapshot, rows in history.states:
        assert ordered(table.scan(snapshot_id=snapshot).to_arrow().to_pylist()) == ordered(rows), history.said
    snapshot, rows = history.chance.choice(history.states)
    found = sorted(map(tuple, client.rows(f"SELECT id, v, n, d FROM t FOR VERSION AS OF {snapshot}")), key=str)
    assert found == ordered(rows), history.said
    summary = table.current_snapshot().summary
    tasks = list(table.scan().plan_files())
    deletes = {file for task in tasks for file in task.delete_files}
    assert int(summary["total-data-files"]) == len(tasks)
    assert int(summary["total-records"]) == sum(task.file.record_count for task in tasks)
    assert int(summary["total-position-deletes"]) >= sum(file.record_count for file in deletes)
    assert stray(client) == []
