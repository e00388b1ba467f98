"""The catalog keeps what it read of a table until the table changes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from moto import mock_aws
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from sluice.errors import CommitUncertain
from sluice.tables.catalog import TABLE_PROPERTIES, LakeCatalog
from sluice.tables.commit import append, write_data_files
from sluice.tables.lake_files import LakeFiles
from sluice.tables.maintain import expire_snapshots

pytestmark = pytest.mark.slow

KEYS = {"glue.region": "us-east-1", "glue.access-key-id": "test", "glue.secret-access-key": "test"}


def _orders(folder: Path, patch: pytest.MonkeyPatch) -> tuple[LakeCatalog, LakeCatalog, Table]:
    """Return two catalogs of the same tables, and a new table as the first one knows it."""
    patch.delenv("AWS_ENDPOINT_URL", raising=False)
    here, elsewhere = LakeCatalog("here", **KEYS), LakeCatalog("elsewhere", **KEYS)
    here.create_namespace("shop", {"location": f"file://{folder}"})
    columns = pa.schema([pa.field("id", pa.int64())])
    table = here.create_table("shop.orders", columns, location=f"file://{folder}/o", properties=TABLE_PROPERTIES)
    return here, elsewhere, table


@mock_aws
def test_a_metadata_file_is_read_once_and_a_changed_table_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    here, elsewhere = LakeCatalog("here", **KEYS), LakeCatalog("elsewhere", **KEYS)
    here.create_namespace("shop", {"location": f"file://{tmp_path}"})
    made = here.create_table("shop.orders", pa.schema([pa.field("id", pa.int64())]), location=f"file://{tmp_path}/o")

    first = here.load_table("shop.orders")
    Path(first.metadata_location.removeprefix("file://")).rename(tmp_path / "away")
    again = here.load_table("shop.orders")
    assert again.metadata == first.metadata == made.metadata
    assert again.io is first.io
    assert isinstance(first.io, LakeFiles)

    (tmp_path / "away").rename(first.metadata_location.removeprefix("file://"))
    elsewhere.load_table("shop.orders").append(pa.table({"id": [1, 2]}))
    assert here.load_table("shop.orders").scan().to_arrow().num_rows == 2
    assert again.current_snapshot() is None


@mock_aws
def test_a_commit_whose_answer_is_lost_took_place_and_its_snapshot_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Glue refuses boto3's second try, since the first one changed the table's version."""
    here, elsewhere, table = _orders(tmp_path, monkeypatch)
    real, asked = here.glue.update_table, []

    def update_table(**given: Any) -> None:
        asked.append(given["VersionId"])
        real(**given)
        told = {"Error": {"Code": "ConcurrentModificationException", "Message": "the version has changed"}}
        raise here.glue.exceptions.ConcurrentModificationException(told, "UpdateTable")

    monkeypatch.setattr(here.glue, "update_table", update_table)
    table.append(pa.table({"id": [1, 2]}))
    assert len(asked) == 1
    assert elsewhere.load_table("shop.orders").scan().to_arrow().num_rows == 2
    assert table.metadata == elsewhere.load_table("shop.orders").metadata


@mock_aws
def test_a_commit_that_another_writer_was_faster_than_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, _, made = _orders(tmp_path, monkeypatch)
    here.load_table("shop.orders").append(pa.table({"id": [1]}))
    with pytest.raises(CommitFailedException):
        made.append(pa.table({"id": [2]}))
    assert here.load_table("shop.orders").scan().to_arrow()["id"].to_pylist() == [1]


@mock_aws
@pytest.mark.parametrize("meanwhile", [False, True])
def test_while_the_snapshot_stays_a_refused_commit_may_still_take_place_and_nothing_of_it_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    """The first try is still on its way in Glue when the second one is refused."""
    here, elsewhere, table = _orders(tmp_path, monkeypatch)
    table.append(pa.table({"id": [0]}))
    if meanwhile:  # another one's commit that leaves the rows alone, as an expiry or another schema does
        with elsewhere.load_table("shop.orders").transaction() as other:
            other.set_properties({"x": "1"})
    real, late = here.glue.update_table, []

    def update_table(**given: Any) -> None:
        late.append(given)
        told = {"Error": {"Code": "ConcurrentModificationException", "Message": "it is being changed"}}
        raise here.glue.exceptions.ConcurrentModificationException(told, "UpdateTable")

    monkeypatch.setattr(here.glue, "update_table", update_table)
    with pytest.raises(CommitUncertain, match=r"shop\.orders"):
        append(table, write_data_files(table, pa.table({"id": [1, 2]})), summary={}, properties={})
    real(**late[0])
    assert sorted(elsewhere.load_table("shop.orders").scan().to_arrow()["id"].to_pylist()) == [0, 1, 2]


@mock_aws
def test_an_expiry_whose_answer_is_lost_took_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, _, table = _orders(tmp_path, monkeypatch)
    table.append(pa.table({"id": [0]}))
    for number in (1, 2):
        table.overwrite(pa.table({"id": [number]}))
    real = here.glue.update_table

    def update_table(**given: Any) -> None:
        real(**given)
        told = {"Error": {"Code": "ConcurrentModificationException", "Message": "the version has changed"}}
        raise here.glue.exceptions.ConcurrentModificationException(told, "UpdateTable")

    monkeypatch.setattr(here.glue, "update_table", update_table)
    before = set((tmp_path / "o" / "data").rglob("*.parquet"))
    assert expire_snapshots(table, now=time.time() + 10**8, worth=1) > 0
    left = here.load_table("shop.orders")
    assert len(left.snapshots()) == 1
    assert left.scan().to_arrow()["id"].to_pylist() == [2]
    assert len(set((tmp_path / "o" / "data").rglob("*.parquet"))) == 1 < len(before)


@mock_aws
def test_when_the_look_fails_too_nothing_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, elsewhere, table = _orders(tmp_path, monkeypatch)
    real = here.glue.update_table

    def update_table(**given: Any) -> None:
        real(**given)
        monkeypatch.setattr(here, "load_table", unreachable)
        told = {"Error": {"Code": "ConcurrentModificationException", "Message": "the version has changed"}}
        raise here.glue.exceptions.ConcurrentModificationException(told, "UpdateTable")

    def unreachable(name: object) -> None:
        raise ConnectionError("no way to Glue")

    monkeypatch.setattr(here.glue, "update_table", update_table)
    with pytest.raises(ConnectionError):
        table.append(pa.table({"id": [1, 2]}))
    assert elsewhere.load_table("shop.orders").scan().to_arrow().num_rows == 2
