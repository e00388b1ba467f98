"""What is looked at is opened once, asked for together, and leaves no folder behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from sluice.profiling import spool, tallies
from sluice.profiling.profiles import profile_files
from sluice.profiling.spool import Spool

pytestmark = pytest.mark.slow


def _work(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Return how many parts are opened, and queries asked, for a profile of the file."""
    opens: list[Path] = []
    queries: list[str] = []
    ask = Spool.ask

    def opened(part: Path) -> pq.ParquetFile:
        opens.append(part)
        return pq.ParquetFile(part)

    def asked(self: Spool, sql: str) -> list[tuple[Any, ...]]:
        queries.append(sql)
        return ask(self, sql)

    with monkeypatch.context() as patch:
        patch.setattr("sluice.profiling.spool.pq", SimpleNamespace(ParquetFile=opened, write_table=pq.write_table))
        patch.setattr(Spool, "ask", asked)
        profile_files(path)
    return len(opens), len(queries)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_more_columns_open_no_more_files_and_ask_no_more_queries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    work = []
    for width in (5, 60):
        rows = [{f"c{place}": f"{place * row}{'x' * (place % 3)}" for place in range(width)} for row in range(30)]
        table, path = pa.Table.from_pylist(rows), tmp_path / f"{width}.{kind}"
        if kind == "csv":
            pa.csv.write_csv(table, path)
        elif kind == "parquet":
            pq.write_table(table, path)
        else:
            path.write_text("\n".join(map(json.dumps, rows)))
        work.append(_work(path, monkeypatch))
    assert work[0] == work[1]
    assert work[0][0] <= 2


def test_parts_beyond_those_that_are_open_are_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_MOST_OPEN", 2)
    monkeypatch.setattr(spool, "_MOST_ROWS", 1)
    with Spool() as several:
        for number in range(5):
            several.add({"a": pa.array([str(number)])}, 1)
        for _ in range(2):
            assert [part.to_pylist() for part in several.values("a")] == [["0"], ["1"], ["2"], ["3"], ["4"]]


def test_a_killed_process_leaves_a_folder_that_the_next_one_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(spool, "_ABANDONED", -1)
    script = (
        f"import os, sys, tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
        "from sluice.profiling.spool import Spool\n"
        "held = Spool(); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (theirs,) = tmp_path.iterdir()
        with Spool():
            assert theirs.is_dir()
        other.kill()
        other.wait()
    with Spool():
        assert not theirs.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_from_outside_removes_its_folders(tmp_path: Path, number: signal.Signals) -> None:
    script = (
        f"import signal, tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
        f"signal.signal({int(number)}, signal.SIG_DFL)\n"  # which `nohup` has ignored in whatever it starts
        "from sluice.cli import _end_in_order\n"
        "from sluice.profiling.spool import Spool\n"
        "_end_in_order()\n"
        "with Spool(): print(flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert len(list(tmp_path.iterdir())) == 1
        other.send_signal(number)
        try:
            assert other.wait(20) == 128 + number
        finally:
            other.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limits", [{"_MOST_BYTES": 400}, {"_MOST_COLUMNS": 7}, {"_MOST_VALUES": 90}])
def test_what_is_counted_together_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    rows = [
        {f"c{place}": f"{(place * row) % 11} {'long ' * (place % 5 * 20)}" for place in range(23) if (place + row) % 7}
        for row in range(30)
    ]
    path = tmp_path / "wide.csv"
    pa.csv.write_csv(pa.Table.from_pylist(rows), path)
    found = profile_files(path)
    for name, limit in limits.items():
        monkeypatch.setattr(tallies, name, limit)
    assert profile_files(path) == found
