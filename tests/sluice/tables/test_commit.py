"""A commit takes place or does not, and what is told of it is true, though its answer is lost."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from sluice.errors import CommitConflict
from sluice.tables.commit import append, replace, write_data_files
from tests.sluice.ingestion.reading import column
from tests.sluice.tables.lost_answers import lose_answers
from tests.sluice.tables.test_manage import ensure


def rows(*ids: str) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.string())})


@pytest.fixture
def table(catalog: Catalog, tmp_path: Path) -> Table:
    """A table with one row."""
    ensure(catalog, tmp_path, column("id"))
    made = catalog.load_table("bronze.things")
    return append(made, write_data_files(made, rows("a")), summary={}, properties={})


def ids(catalog: Catalog) -> list[str]:
    return sorted(catalog.load_table("bronze.things").scan().to_arrow()["id"].to_pylist())


@pytest.mark.parametrize("replaces", [False, True])
def test_a_commit_whose_answer_is_lost_took_place_once(
    catalog: Catalog, table: Table, monkeypatch: pytest.MonkeyPatch, replaces: bool
) -> None:
    lost, files = lose_answers(monkeypatch), write_data_files(table, rows("b"))
    if replaces:
        done = replace(table, files, summary={"said": "b"})
    else:
        done = append(table, files, summary={"said": "b"}, properties={"sluice.said": "b"})
        assert done.properties["sluice.said"] == "b"
    assert lost == ["bronze.things"]
    assert ids(catalog) == (["b"] if replaces else ["a", "b"])
    snapshots = catalog.load_table("bronze.things").snapshots()
    assert [s.summary and s.summary.additional_properties.get("said") for s in snapshots] == [None, "b"]
    assert done.metadata == catalog.load_table("bronze.things").metadata


@pytest.mark.parametrize("files", [0, 1])
def test_a_commit_that_another_writer_was_faster_than_did_not_take_place(
    catalog: Catalog, table: Table, files: int
) -> None:
    mine, other = catalog.load_table("bronze.things"), catalog.load_table("bronze.things")
    append(other, write_data_files(other, rows("theirs")), summary={}, properties={})
    with pytest.raises(CommitConflict, match=r"bronze\.things: another writer committed first"):
        append(mine, write_data_files(mine, rows(*["mine"][:files])), summary={}, properties={"sluice.said": "mine"})
    assert ids(catalog) == ["a", "theirs"]
    assert "sluice.said" not in catalog.load_table("bronze.things").properties
