from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog

from sluice.tables import maintain
from sluice.tables.commit import append, replace, write_data_files
from sluice.tables.maintain import expire_snapshots
from tests.sluice.ingestion.reading import column
from tests.sluice.tables.test_manage import ensure

WEEK = 7 * 86_400


def data_files(catalog: Catalog) -> set[str]:
    return {p.name for p in Path(catalog.load_table("bronze.things").location().removeprefix("file://")).glob("data/*")}


def rows(*ids: str) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string())})


def test_old_snapshots_go_with_what_only_they_referred_to(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    monkeypatch.setattr(maintain, "_WORTH_IT", 3)
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
