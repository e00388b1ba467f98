from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from sluice.tables import maintain
from sluice.tables.commit import append, replace, write_data_files
from sluice.tables.maintain import expire_snapshots
from tests.sluice.ingestion.reading import column
from tests.sluice.tables.test_manage import ensure

pytestmark = pytest.mark.slow

WEEK = 7 * 86_400


def data_files(catalog: Catalog) -> set[str]:
    return {p.name for p in Path(catalog.load_table("bronze.things").location().removeprefix("file://")).glob("data/*")}


def rows(*ids: str) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string())})


def test_old_snapshots_go_with_what_only_they_referred_to(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr(maintain, "WORTH_EXPIRING", 3)
    ensure(catalog, tmp_path, column("id"))
    for number in range(4):
        table = catalog.load_table("bronze.things")
        replace(table, write_data_files(table, rows(f"old{number}")), summary={})
    table = catalog.load_table("bronze.things")
    append(table, write_data_files(table, rows("new")), summary={}, properties={})
    table = catalog.load_table("bronze.things")
    assert expire_snapshots(table) == 0  # they are young
    assert len(data_files(catalog)) == 5
    assert expire_snapshots(table, now=time.time() + WEEK) == 4
    table = catalog.load_table("bronze.things")
    assert len(table.snapshots()) == 1
    assert len(data_files(catalog)) == 2
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == ["new", "old3"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rolls_back", [False, True])
def test_what_is_kept_reads_as_before_and_nothing_else_lies_about(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, rolls_back: bool
) -> None:
    monkeypatch.setattr(maintain, "WORTH_EXPIRING", 2)
    chance = random.Random(seed)
    ensure(catalog, tmp_path, column("id"))
    for number in range(8):
        table = catalog.load_table("bronze.things")
        files = write_data_files(table, rows(f"{seed}-{number}"))
        if chance.random() < 0.4:
            replace(table, files, summary={})
        else:
            append(table, files, summary={}, properties={})
        if rolls_back and number == 5:
            back = chance.choice(catalog.load_table("bronze.things").snapshots()[1:4])
            catalog.load_table("bronze.things").manage_snapshots().set_current_snapshot(back.snapshot_id).commit()
    table = catalog.load_table("bronze.things")
    content = {s.snapshot_id: ids(table, s.snapshot_id) for s in table.snapshots()}
    dead = [s for s in table.snapshots()[:4] if s.snapshot_id != table.current_snapshot().snapshot_id]
    monkeypatch.setattr(maintain, "_expirable", lambda *_: dead)

    assert expire_snapshots(table) == len(dead)

    table = catalog.load_table("bronze.things")
    kept = {s.snapshot_id for s in table.snapshots()}
    assert kept == set(content) - {s.snapshot_id for s in dead}
    for snapshot_id in kept:
        assert ids(table, snapshot_id) == content[snapshot_id]
    referred = {t.file.file_path.rsplit("/", 1)[-1] for s in kept for t in table.scan(snapshot_id=s).plan_files()}
    assert data_files(catalog) == referred


def ids(table: Table, snapshot_id: int) -> list[str]:
    return sorted(table.scan(snapshot_id=snapshot_id).to_arrow()["id"].to_pylist())
