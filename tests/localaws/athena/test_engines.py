"""The processes of query engines: whose they are, how they end, what a query that is stopped leaves."""

from __future__ import annotations

import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from localaws.athena import computing, executions, processes
from localaws.athena.computing import Computer, Question, Relation
from localaws.athena.engine import failure
from localaws.athena.errors import QueryFailed
from localaws.athena.executions import Execution
from localaws.athena.kept_rows import KeptRows
from localaws.athena.processes import EngineEnded, EngineProcess, Engines
from localaws.context import Context
from tests.localaws.athena.client import Client
from tests.localaws.athena.server import running

pytestmark = pytest.mark.slow

#: More rows than any machine counts in the time of a test.
ENDLESS = "SELECT count(*) FROM unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 10000)) b(y)," + (
    " unnest(sequence(1, 10000)) c(z) WHERE x * y % 7 = z % 5"
)
ROOT = Path(__file__).parents[3]
NOW = datetime(2024, 5, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    with running(tmp_path_factory.mktemp("aws")) as ctx:
        ctx.client("s3").create_bucket(Bucket="out")
        ctx.client("athena").create_work_group(
            Name="engines", Configuration={"ResultConfiguration": {"OutputLocation": "s3://out/"}}
        )
        yield ctx


@pytest.fixture
def client(ctx: Context, request: pytest.FixtureRequest) -> Client:
    """A client; what computes once it is there is its query."""
    found = Client.in_own_database(ctx, request.node.name, "engines")
    found.rows("SELECT 1")
    quiet(ctx)
    return found


def begun(client: Client, sql: str) -> str:
    found: str = client.athena.start_query_execution(
        QueryString=sql, WorkGroup=client.workgroup, QueryExecutionContext={"Database": client.database}
    )["QueryExecutionId"]
    return found


def status(client: Client, query_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    return found


def until(holds: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def engines(ctx: Context) -> dict[int, int]:
    """Return the processes of this local AWS's engines, and the ticks of the processor that each has used."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(ctx.scratch).encode() in (folder / "cmdline").read_bytes():
                used = (folder / "stat").read_text().rpartition(")")[2].split()
                found[int(folder.name)] = int(used[11]) + int(used[12])
        except OSError:
            continue  # it has ended
    return found


def quiet(ctx: Context) -> None:
    """Wait until no engine computes: one that starts does, too."""

    def idle() -> bool:
        before = engines(ctx)
        time.sleep(0.3)
        return before == engines(ctx)

    until(idle)


def busy(ctx: Context) -> int:
    """Return the engine that computes."""
    before = engines(ctx)
    return int(until(lambda: next((pid for pid, used in engines(ctx).items() if used - before.get(pid, used) > 5), 0)))


def answer(process: EngineProcess | Computer, question: Question) -> list[dict[str, Any]]:
    computed = process.compute(question)
    rows: list[dict[str, Any]] = pa.Table.from_batches(computed.batches, computed.schema).to_pylist()
    return rows


def test_a_query_that_is_stopped_leaves_the_processor_at_once(client: Client) -> None:
    query_id = begun(client, ENDLESS)
    pid = busy(client.ctx)
    client.athena.stop_query_execution(QueryExecutionId=query_id)
    assert status(client, query_id)["Status"]["State"] == "CANCELLED"
    until(lambda: pid not in engines(client.ctx), seconds=1)
    assert client.rows("SELECT 1") == [["1"]]


def test_an_engine_that_is_killed_fails_its_query_and_no_other(client: Client) -> None:
    query_id = begun(client, ENDLESS)
    os.kill(busy(client.ctx), signal.SIGKILL)
    ended = until(lambda: status(client, query_id)["Status"]["State"] != "RUNNING" and status(client, query_id))
    assert ended["Status"]["State"] == "FAILED"
    assert "ended by signal SIGKILL" in ended["Status"]["StateChangeReason"]
    assert "can be run again" in ended["Status"]["StateChangeReason"]
    assert ended["Status"]["AthenaError"]["ErrorCategory"] == 1
    assert client.rows("SELECT 1") == [["1"]]


def test_a_query_that_takes_too_long_ends(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(executions.LONGEST_SECONDS, "DML", 0.3)
    found = client.execution(ENDLESS)
    assert found["Status"]["State"] == "FAILED"
    assert found["Status"]["StateChangeReason"] == "Query timeout"


def test_what_is_stopped_while_its_rows_are_written_leaves_no_object(client: Client) -> None:
    query_id = begun(client, "SELECT x, y FROM unnest(sequence(1, 10000)) a(x), unnest(sequence(1, 10000)) b(y)")
    time.sleep(1.0)  # its rows are computed as they are written: it is there by now
    assert status(client, query_id)["Status"]["State"] == "RUNNING"
    client.athena.stop_query_execution(QueryExecutionId=query_id)
    assert client.rows("SELECT 1") == [["1"]]
    keys = client.ctx.client("s3").list_objects_v2(Bucket="out", Prefix=query_id).get("Contents", [])
    assert status(client, query_id)["Status"]["State"] == "CANCELLED"
    assert keys == []


def execution(client: Client, sql: str) -> Execution:
    workgroup = SimpleNamespace(name="engines")
    return Execution(
        sql, client.database, "", workgroup, "s3://out/", None, None, None, client.ctx.account, "us-east-1"
    )


def test_what_is_stopped_is_no_object_and_what_is_an_object_is_not_stopped(client: Client) -> None:
    stopped, published = execution(client, "SELECT 1"), execution(client, "SELECT 1")
    for one in (stopped, published):
        one.status = "RUNNING"
    stopped.stop()
    with pytest.raises(QueryFailed, match="USER_CANCELED"):
        stopped.publish()
    published.publish()
    published.stop()
    assert (stopped.status, published.status) == ("CANCELLED", "RUNNING")
    published.finish("SUCCEEDED")
    assert published.status == "SUCCEEDED"


def test_statements_that_compute_wait_with_queries_and_end_as_they_do(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(executions.LONGEST_SECONDS, "DML", 0.5)
    for sql in (f"CREATE TABLE made AS {ENDLESS.replace('count(*)', 'count(*) AS n')}", f"EXPLAIN ANALYZE {ENDLESS}"):
        assert execution(client, sql).computes
        assert client.fails(sql) == "Query timeout"
    assert not any(execution(client, sql).computes for sql in (f"EXPLAIN {ENDLESS}", "SHOW TABLES"))


def test_a_table_that_is_stopped_is_not_made(client: Client) -> None:
    query_id = begun(client, f"CREATE TABLE made AS {ENDLESS.replace('count(*)', 'count(*) AS n')}")
    busy(client.ctx)
    client.athena.stop_query_execution(QueryExecutionId=query_id)
    assert client.rows("SELECT 1") == [["1"]]
    assert client.rows("SHOW TABLES") == []
    assert client.ctx.client("s3").list_objects_v2(Bucket="out", Prefix="tables/").get("Contents", []) == []


def test_twenty_queries_at_once_are_answered_and_the_first_come_first(client: Client) -> None:
    endless = [begun(client, ENDLESS) for _ in range(executions.CONCURRENT_QUERIES)]
    ids = [begun(client, f"SELECT {n}, count(*) FROM unnest(sequence(1, 10000)) t(x)") for n in range(16)]
    assert client.rows("SHOW TABLES") == []  # statements of other kinds do not wait for them
    assert {status(client, one)["Status"]["State"] for one in ids} == {"QUEUED"}
    time.sleep(0.5)
    waited = status(client, ids[-1])["Statistics"]
    assert waited["QueryQueueTimeInMillis"] >= 500
    assert waited["EngineExecutionTimeInMillis"] == 0
    for one in endless:
        client.athena.stop_query_execution(QueryExecutionId=one)
    started = []
    for n, one in enumerate(ids):
        found = until(lambda one=one: status(client, one)["Status"].get("CompletionDateTime") and status(client, one))
        page = client.athena.get_query_results(QueryExecutionId=one)["ResultSet"]["Rows"][1]["Data"]
        assert [cell["VarCharValue"] for cell in page] == [str(n), "10000"]
        queued = found["Statistics"]["QueryQueueTimeInMillis"]
        assert queued >= 500
        started.append(found["Status"]["SubmissionDateTime"].timestamp() + queued / 1000)
    # Threads that are free at the same time begin within some milliseconds of each other.
    assert all(later > earlier - 0.1 for earlier, later in itertools.pairwise(started))


def test_an_engine_answers_one_workgroup_and_role(tmp_path: Path) -> None:
    found = Engines(tmp_path)
    try:
        first = found.take("a")
        assert answer(first, Question("SELECT 1 AS n", NOW)) == [{"n": 1}]
        found.give_back("a", first)
        other = found.take("b")
        assert other.pid != first.pid
        assert found.take("a").pid == first.pid
        found.give_back("b", other)
        found.give_back("a", first)
    finally:
        found.close()
    until(lambda: not list((tmp_path / "athena").iterdir()))


def test_an_engine_of_which_an_answer_is_left_is_not_asked_again(tmp_path: Path) -> None:
    found = Engines(tmp_path)
    try:
        first = found.take("a")
        computed = first.compute(Question("SELECT * FROM range(10000000)", NOW))
        next(computed.batches)
        found.give_back("a", first)
        second = found.take("a")
        assert second.pid != first.pid
        assert answer(second, Question("SELECT 2 AS n", NOW)) == [{"n": 2}]
        found.give_back("a", second)
    finally:
        found.close()


def test_a_spare_engine_that_died_leaves_nothing_and_another_stands_ready(tmp_path: Path) -> None:
    found = Engines(tmp_path)
    try:
        spare = found._spare
        assert spare is not None
        os.kill(spare.pid, signal.SIGKILL)
        until(lambda: not spare.usable)
        taken = found.take("a")
        assert answer(taken, Question("SELECT 1 AS n", NOW)) == [{"n": 1}]
        until(lambda: found._spare is not None)
        assert not spare.folder.exists()
        assert spare._channel.closed
        found.give_back("a", taken)
    finally:
        found.close()


def test_a_process_is_asked_one_question_at_a_time(tmp_path: Path) -> None:
    process = EngineProcess(tmp_path)
    try:
        first = process.compute(Question("SELECT * FROM range(1000000)", NOW))
        with pytest.raises(EngineEnded, match="asked anew"):
            process.compute(Question("SELECT 2", NOW))
        with pytest.raises(EngineEnded):
            list(first.batches)
    finally:
        process.close()


def test_an_idle_engine_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "IDLE_SECONDS", 0.2)
    found = Engines(tmp_path)
    try:
        process = found.take("a")
        answer(process, Question("SELECT 1", NOW))
        found.give_back("a", process)
        until(lambda: not process.usable)
    finally:
        found.close()


def test_the_end_of_the_local_aws_ends_all_engines(tmp_path: Path) -> None:
    with running(tmp_path) as ctx:
        ctx.client("s3").create_bucket(Bucket="out")
        ctx.client("athena").create_work_group(
            Name="ended", Configuration={"ResultConfiguration": {"OutputLocation": "s3://out/"}}
        )
        client = Client.in_own_database(ctx, "end", "ended")
        client.rows("SELECT 1")
        quiet(ctx)
        begun(client, ENDLESS)
        busy(ctx)
        assert len(engines(ctx)) >= 2
    assert engines(ctx) == {}


def test_an_engine_ends_with_a_local_aws_that_is_killed_while_it_computes(tmp_path: Path) -> None:
    killed = f"""
import os, threading
from datetime import UTC, datetime
from pathlib import Path
from localaws.athena.computing import Question
from localaws.athena.processes import EngineProcess
process = EngineProcess(Path({str(tmp_path)!r}))
list(process.compute(Question("SELECT 1", datetime.now(UTC))).batches)
print(process.pid, flush=True)
threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()
process.compute(Question("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", datetime.now(UTC)))
"""
    run = subprocess.run(
        [sys.executable, "-c", killed], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    until(lambda: not Path(f"/proc/{int(run.stdout)}").exists())
    assert not list((tmp_path / "athena").iterdir())


@pytest.mark.parametrize("where", ["a process", "this one"])
def test_nothing_of_a_question_is_there_for_the_next(where: str, tmp_path: Path) -> None:
    computer = EngineProcess(tmp_path) if where == "a process" else Computer(tmp_path / "spilled")
    secret = Relation("r0", pa.table({"secret": ["of a role"] * 200_000}), '"secret"')
    try:
        assert answer(computer, Question("SELECT count(secret) AS n FROM r0", NOW, [secret])) == [{"n": 200_000}]
        for sql in ("SELECT * FROM r0", "SELECT * FROM r0_data"):
            with pytest.raises(duckdb.CatalogException):
                answer(computer, Question(sql, NOW))
        later = NOW.replace(year=2025)
        assert answer(computer, Question("SELECT year(athena_now()) AS y", later)) == [{"y": 2025}]
        answer(computer, Question("CREATE TEMP TABLE made AS SELECT 1 AS a", NOW))
        answer(computer, Question("SET VARIABLE x = 1", NOW))
        assert answer(computer, Question("SELECT getvariable('x') AS x", NOW)) == [{"x": None}]
        with pytest.raises(duckdb.CatalogException):
            answer(computer, Question("SELECT a FROM made", NOW))
        with pytest.raises(duckdb.Error, match="read-only"):
            answer(computer, Question("CREATE TABLE kept AS SELECT 1 AS a", NOW))
        with pytest.raises(duckdb.Error, match="has been locked"):
            answer(computer, Question("SET memory_limit = '9GB'", NOW))
        for sql in (
            "SELECT * FROM read_text('/etc/passwd')",
            "COPY (SELECT 1) TO 'json.py'",
            # Where DuckDB puts what does not fit into memory is the one folder that it lets SQL write to, too.
            *(f"COPY (SELECT 1) TO '{folder}/json.py'" for folder in (tmp_path, *(tmp_path / "athena").glob("*"))),
        ):
            with pytest.raises(duckdb.Error, match="disabled by configuration"):
                answer(computer, Question(sql, NOW))
    finally:
        computer.close()


@pytest.mark.parametrize("where", ["a process", "this one"])
@pytest.mark.parametrize(
    ("value", "raised", "code"),
    [
        ("CAST(x // 100 AS smallint)", duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
        ("x + 9223372036850000000", duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
        ("if(x = 4000000, error('COLOUR_UNKNOWN: no such'), '')", duckdb.InvalidInputException, "COLOUR_UNKNOWN"),
    ],
)
def test_an_error_behind_the_first_rows_is_the_one_that_duckdb_raises(
    where: str, value: str, raised: type[duckdb.Error], code: str, tmp_path: Path
) -> None:
    computer = EngineProcess(tmp_path) if where == "a process" else Computer(tmp_path)
    try:
        computed = computer.compute(Question(f"SELECT {value} AS a FROM range(5000000) t(x)", NOW))
        assert next(computed.batches).num_rows
        with pytest.raises(raised) as late:
            list(computed.batches)
        assert str(failure(late.value)).startswith(f"{code}: ")
    finally:
        computer.close()


def test_a_query_that_fails_behind_its_first_rows_says_why(client: Client) -> None:
    found = client.execution("SELECT CAST(y + 27000 AS smallint) FROM unnest(sequence(1, 10000)) b(y)")
    assert found["Status"]["StateChangeReason"].startswith("INVALID_CAST_ARGUMENT: ")
    assert found["Status"]["AthenaError"]["ErrorCategory"] == 2


def test_an_error_of_the_operating_system_keeps_the_name_of_its_file() -> None:
    found = str(failure(computing.raised("OSError", "Cannot open '/a/b.parquet': Detail: [errno 2] No such file")))
    assert found == "GENERIC_INTERNAL_ERROR: Cannot open '/a/b.parquet': Detail: [errno 2] No such file"


def test_nothing_that_a_process_could_write_is_imported_by_it(tmp_path: Path) -> None:
    process = EngineProcess(tmp_path)
    try:
        assert Path(f"/proc/{process.pid}/cwd").resolve() == Path("/")
        said = until(Path(f"/proc/{process.pid}/environ").read_bytes).decode().split("\0")  # empty while it begins
        paths = next(text for text in said if text.startswith("PYTHONPATH=")).partition("=")[2].split(os.pathsep)
        assert all(Path(path).is_absolute() and not Path(path).is_relative_to(tmp_path) for path in paths)
        for name in ("json", "duckdb", "pyarrow"):
            (process.folder / f"{name}.py").write_text("raise SystemExit(3)")
        assert answer(process, Question("SELECT 1 AS n", NOW)) == [{"n": 1}]
    finally:
        process.close()


def sends(process: EngineProcess, *messages: bytes) -> None:
    """Have the process's answer be these messages."""
    heard = iter(messages)
    process._channel = SimpleNamespace(  # type: ignore[assignment]
        poll=lambda seconds=None: True, recv_bytes=lambda: next(heard), send=lambda asked: None, close=lambda: None
    )


def test_a_process_that_answers_what_is_no_answer_is_ended(tmp_path: Path) -> None:
    good = pa.record_batch({"a": ["one", "two"]})
    offsets = pa.py_buffer(struct.pack("<3i", 0, 1 << 30, 3))
    text = pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"abc")])
    bad = pa.RecordBatch.from_arrays([text], ["a"])
    said = [json.dumps(each).encode() for each in ({"ready": True}, {"kinds": ["VARCHAR"]}, {"more": True})]
    columns = good.schema.serialize().to_pybytes()
    for what, *sent in (
        ("rows", *said[:2], columns, said[2], bad.serialize().to_pybytes()),
        ("rows", *said[:2], columns, said[2], good.serialize().to_pybytes()[:40]),
        ("rows", *said[:2], columns, said[2], b""),
        ("columns", *said[:2], columns[:20]),
        ("words", *said[:2], columns, b"{}"),
        ("words", said[0], b"\xff"),
        ("words", b"[]"),
    ):
        process = EngineProcess(tmp_path)
        try:
            sends(process, *sent)
            with pytest.raises(EngineEnded, match=f"sent {what} that are none"):
                answer(process, Question("SELECT 1", NOW))
            assert not process.usable
        finally:
            process.close()


def test_an_error_of_a_process_is_one_of_duckdb() -> None:
    for name in ("connect", "__name__", "DuckDBPyConnection", "OSError", "Warning"):
        assert type(computing.raised(name, "why")) is duckdb.Error
    assert type(computing.raised("ConversionException", "why")) is duckdb.ConversionException


def test_a_cell_of_megabytes_is_read_at_once(tmp_path: Path) -> None:
    for cell in ("x" * 10_000_000, '"' * 5_000_000, 'a","b\n' * 1_000_000):
        kept = KeptRows()
        kept.add([["1", cell, None, ""]])
        began = time.process_time()
        assert kept[0] == ["1", cell, None, ""]
        assert time.process_time() - began < 1.5


def test_batches_have_few_bytes_where_rows_are_wide(tmp_path: Path) -> None:
    computer = Computer(tmp_path)
    try:
        for sql in (
            "SELECT x, repeat('a', 100000) AS a FROM range(3000) t(x)",
            "SELECT x, repeat('a', CASE WHEN x < 20 THEN 3000000 ELSE 1 END) AS a FROM range(3000) t(x)",
        ):
            rows = 0
            for batch in computer.compute(Question(sql, NOW)).batches:
                assert batch["x"].to_pylist() == list(range(rows, rows + batch.num_rows))
                assert batch.nbytes <= 4 << 20
                rows += batch.num_rows
            assert rows == 3000
    finally:
        computer.close()


def test_kept_rows_are_read_from_wherever_they_are() -> None:
    kept = KeptRows()
    rows = [[str(n), "x" * (n % 7 * 100_000 if n < 50 else 1)] for n in range(3500)]
    for first in range(0, 3500, 70):
        kept.add(rows[first : first + 70])
    for first, last in ((0, 1), (13, 14), (9, 1009), (999, 1001), (1000, 2000), (2500, 3500), (3499, 9000), (0, 3500)):
        assert kept[first:last] == rows[first:last]


@pytest.mark.parametrize(
    ("megabytes", "width"),
    [
        pytest.param(300, 1024, marks=pytest.mark.slow),
        pytest.param(300, 100 * 1024, marks=pytest.mark.slow),
        pytest.param(5000, 1024, marks=pytest.mark.proof),
    ],
)
def test_a_result_goes_to_s3_in_bounded_memory(megabytes: int, width: int) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.localaws.athena.large_result", str(megabytes), str(width)],
        cwd=ROOT, capture_output=True, text=True, timeout=3000, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout)
    assert found["size"] == len('"t"\n') + found["rows"] * width
    assert found["last"] == str(found["rows"] - 1)
    assert not found["more"]
    assert found["behind"] - found["before"] < 200  # MB, of a result of 300 or of 5,000
    assert found["engines"] < (
        600 if width == 1024 else 1000
    )  # DuckDB computes 2,048 rows at once, whatever their width
