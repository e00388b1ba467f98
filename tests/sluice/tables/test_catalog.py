"""The catalog keeps what it read of a table until the table changes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from moto import mock_aws

from sluice.tables.catalog import LakeCatalog

KEYS = {"glue.region": "us-east-1", "glue.access-key-id": "test", "glue.secret-access-key": "test"}


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

    (tmp_path / "away").rename(first.metadata_location.removeprefix("file://"))
    elsewhere.load_table("shop.orders").append(pa.table({"id": [1, 2]}))
    assert here.load_table("shop.orders").scan().to_arrow().num_rows == 2
    assert again.current_snapshot() is None
