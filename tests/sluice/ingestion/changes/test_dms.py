from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from sluice.contracts import LandingContract
from tests.sluice.ingestion.changes import changing
from tests.sluice.ingestion.changes.changing import PARCELS, dms, row
from tests.sluice.ingestion.reading import column, contract

DATA = {"id": 1, "label": "x", "weight": "2.500", "sent_on": "2024-07-29", "seen_at": "2024-07-29T00:58:17Z"}
STOCK = contract(column("product"), column("site"), column("pieces", "int"), key=("product", "site"), format="dms")


def change(record: Any, declared: LandingContract = PARCELS) -> Any:
    return changing.change(record, declared, "dms")


def reason(record: Any) -> Any:
    return changing.reason(record, PARCELS, "dms")


@pytest.mark.parametrize(
    ("sent", "operation"), [("load", "read"), ("insert", "insert"), ("update", "update"), ("delete", "delete")]
)
def test_an_operation_on_a_row_has_the_row(sent: str, operation: str) -> None:
    found = change(dms(sent, DATA, transaction_id=1139, commit_timestamp="2024-07-29T02:58:17.974340+02:00"))
    assert found.operation == operation
    assert row(found) == DATA
    assert found.control is None
    assert found.table == "public.parcels"
    assert found.transaction == "1139"
    assert found.changed_at == datetime(2024, 7, 29, 0, 58, 17, 974340)


def test_without_a_commit_time_the_record_s_own_stands_in() -> None:
    found = change(dms("load", DATA))
    assert found.changed_at == datetime(2024, 7, 29, 0, 58, 17, 983670)
    assert found.transaction is None


@pytest.mark.parametrize(
    "sent",
    [
        "create-table",
        "drop-table",
        "rename-table",
        "add-column",
        "drop-column",
        "rename-column",
        "change-columns",
        "change-column-type",
        "column-type-change",
    ],
)
def test_a_change_of_the_table_is_kept_as_it_came(sent: str) -> None:
    record = dms(sent, record={"control": {"table-def": {"columns": {}}}}, record_type="control")
    found = change(record)
    assert (found.operation, found.row) == ("schema", None)
    assert json.loads(found.control) == record


@pytest.mark.parametrize("kind", ["data", "control"])
def test_a_truncate_is_told_from_other_control_records(kind: str) -> None:
    found = change(dms("truncate-table", record_type=kind))
    assert (found.operation, found.row) == ("truncate", None)
    assert found.control is not None


def test_a_table_without_a_schema_has_its_name_alone() -> None:
    assert change(dms("create-table", record_type="control", schema_name="")).table == "parcels"


def test_a_before_image_with_another_key_tells_the_old_one() -> None:
    moved = dms("update", {"product": "P2", "site": "N", "pieces": 3}, record={"before-image": {"product": "P1"}})
    assert change(moved, STOCK).previous_key == b'{"product":"P1","site":"N"}'


@pytest.mark.parametrize("image", [None, {}, {"product": "P2"}, {"pieces": 9}])
def test_a_before_image_without_another_key_tells_none(image: Any) -> None:
    kept = dms("update", {"product": "P2", "site": "N", "pieces": 3}, record={"before-image": image})
    assert change(kept, STOCK).previous_key is None


def test_columns_of_the_before_image_tell_the_old_key_too() -> None:
    data = {"product": "P2", "site": "N", "pieces": 3, "BI_product": "P1", "BI_site": "N", "BI_pieces": 3}
    assert change(dms("update", data), STOCK).previous_key == b'{"product":"P1","site":"N"}'
    assert change(dms("insert", data), STOCK).previous_key is None
    own = contract(column("product"), column("BI_product"), key=("product",), format="dms")
    assert change(dms("update", data), own).previous_key is None


def test_an_unknown_operation_is_refused() -> None:
    for record in (dms("upsert", DATA), dms("", DATA), dms("insert", DATA, record_type="control")):
        assert reason(record).code == "unknown_operation"


def test_an_operation_without_its_row_is_refused() -> None:
    assert reason(dms("insert")).code == "missing_row"


@pytest.mark.parametrize("metadata", [{"timestamp": "yesterday"}, {"commit_timestamp": "0001-01-01T00:00:00+23:00"}])
def test_a_time_that_is_none_is_refused(metadata: dict[str, str]) -> None:
    assert reason(dms("insert", DATA, **metadata)).code == "unparseable"
