"""Retention removes whole files whose newest row is too old, in one commit that says so; nothing else changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

import sluice.tables.retention as module
from sluice.errors import CommitConflict
from sluice.tables.commit import append, write_data_files
from sluice.tables.files import data_files, snapshot_of
from sluice.tables.retention import forget, newest_in, oldest, retire
from sluice.tables.retired import retired_rows, retirements
from sluice.tables.tokens import Token, read_tokens, with_tokens
from tests.sluice.ingestion.reading import column
from tests.sluice.tables.test_manage import ensure

DAY0 = datetime(2026, 1, 1)
NAME = "bronze.things"


def at(day: int) -> datetime:
    return DAY0 + timedelta(days=day)


def add(catalog: Catalog, *days: int) -> Table:
    """Append one file with a row read on each of ``days``, under a token."""
    table = catalog.load_table(NAME)
    held = read_tokens(table)
    rows = pa.table({"id": [f"d{day}" for day in days], "_ingested_at": pa.array(map(at, days), pa.timestamp("us"))})
    properties, _ = with_tokens(table, held, [Token(f"t{len(held.tokens)}", len(days), 0.0)])
    return append(table, write_data_files(table, rows), summary={}, properties=properties)


def ids(catalog: Catalog) -> list[str]:
    return sorted(catalog.load_table(NAME).scan().to_arrow()["id"].to_pylist())


@pytest.fixture
def load(catalog: Catalog, tmp_path: Path) -> Callable[[], Table]:
    ensure(catalog, tmp_path, column("id"))
    return lambda: catalog.load_table(NAME)


def test_files_go_that_are_wholly_old_and_no_other_is_rewritten(catalog: Catalog, load: Callable[[], Table]) -> None:
    for days in ((1, 2), (2, 9), (8,)):
        add(catalog, *days)
    before = load()
    kept = {file.file_path for file in data_files(before, snapshot_of(before)) or ()}
    table = retire(load, at(5))
    assert ids(catalog) == ["d2", "d8", "d9"]
    assert {file.file_path for file in data_files(table, snapshot_of(table)) or ()} < kept
    assert (len(retirements(table)), retired_rows(table), oldest(table)) == (1, 2, at(2))
    assert read_tokens(table).tokens.keys() == {"t0", "t1", "t2"}  # what comes again is still recognised


def test_a_row_as_old_as_the_retention_stays_and_nothing_due_commits_nothing(
    catalog: Catalog, load: Callable[[], Table]
) -> None:
    assert retire(load, at(5)).current_snapshot() is None
    table = add(catalog, 5)
    assert snapshot_of(retire(load, at(5))) == snapshot_of(table)
    assert ids(catalog) == ["d5"]


def test_a_file_without_bounds_tells_its_newest_row_itself(catalog: Catalog, load: Callable[[], Table]) -> None:
    table = add(catalog, 1, 3)
    (file,) = data_files(table, snapshot_of(table)) or ()
    file.upper_bounds.clear()
    assert newest_in(table, file) == at(3)
    assert pq.read_table(file.file_path.removeprefix("file://")).num_rows == 2


def test_another_writer_loses_nothing(
    catalog: Catalog, load: Callable[[], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(catalog, 1)
    real, faster = module.replace, [1, 8]

    def replace(table: Table, *args: Any, **more: Any) -> Table:
        if faster:
            add(catalog, faster.pop(0))  # between the look at the table and the commit
        return real(table, *args, **more)

    monkeypatch.setattr(module, "replace", replace)
    retire(load, at(5))
    assert ids(catalog) == ["d8"]
    assert (retired_rows(load()), len(read_tokens(load()).tokens)) == (2, 3)


def test_who_never_gets_through_says_so(
    catalog: Catalog, load: Callable[[], Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(catalog, 1)

    def replace(*_: Any, **__: Any) -> Table:
        raise CommitConflict("another writer")

    monkeypatch.setattr(module, "replace", replace)
    with pytest.raises(CommitConflict):
        retire(load, at(5))
    assert ids(catalog) == ["d1"]


def test_the_bytes_go_once_no_snapshot_that_is_kept_has_them(catalog: Catalog, load: Callable[[], Table]) -> None:
    def on_disk() -> int:
        return len(list(Path(load().location().removeprefix("file://")).glob("data/**/*.parquet")))

    add(catalog, 1)
    add(catalog, 8)
    assert forget(load(), now=time.time() + 30 * 86_400) == 0  # nothing was retired: as few snapshots do not pay
    retire(load, at(5))
    assert (forget(load(), now=time.time()), on_disk()) == (0, 2)  # a refresh may still read them
    assert (forget(load(), now=time.time() + 30 * 86_400), on_disk()) == (2, 1)
    assert (ids(catalog), retired_rows(load())) == (["d8"], 1)
