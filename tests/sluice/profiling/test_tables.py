"""A table of the lake is profiled and drafted as files are; a file's name is no table's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog

from sluice.cli.profiled import table_of
from sluice.errors import WrongArgument
from sluice.profiling import tables
from sluice.profiling.drafts import draft_of
from sluice.profiling.profiles import profile_of
from sluice.profiling.tables import studied_table
from tests.sluice.cli.test_new import run
from tests.sluice.profiling.drafting import types_of


@pytest.fixture(autouse=True)
def orders(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.table(
        {
            "order_id": pa.array([1, 2, 3], pa.int64()),
            "total": pa.array([Decimal("1.50"), None, Decimal("2.25")], pa.decimal128(10, 2)),
            "day": pa.array([date(2024, 1, 1)] * 3),
            "_source": ["s3://x"] * 3,
        }
    )
    catalog.create_namespace_if_not_exists("sales")
    catalog.create_table("sales.orders", rows.schema).append(rows)
    catalog.create_table("sales.nothing", rows.schema)
    monkeypatch.setattr(tables, "glue_catalog", lambda: catalog)


def test_a_table_s_types_become_a_contract_s(tmp_path: Path) -> None:
    with studied_table("sales", "orders") as study:
        found = draft_of(study, "orders", "shop")
    assert types_of(found) == {"order_id": "bigint", "total": "decimal(10,2)", "day": "date"}
    assert (found.key, found.read.rows, found.contract.arrival.format) == ("order_id", 3, "parquet")


def test_a_table_is_profiled_without_what_ingestion_added() -> None:
    with studied_table("sales", "orders") as study:
        found = profile_of(study, "sales.orders")
    assert [column.studied.name for column in found.columns] == ["order_id", "total", "day"]
    assert found.columns[1].studied.measures.nulls == 1
    assert found.columns[1].studied.reach == ("1.50", "2.25")


@pytest.mark.parametrize(("name", "what"), [("none", "no such table"), ("nothing", "has no row")])
def test_a_table_that_has_nothing_to_study_is_refused(name: str, what: str) -> None:
    with pytest.raises(WrongArgument, match=what), studied_table("sales", name):
        pass


def test_what_is_there_as_a_file_or_is_called_as_one_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert table_of("sales.orders", "dev") == ("sales", "orders")
    assert table_of("orders.csv", "dev") is None
    assert table_of("data/orders", "dev") is None
    (tmp_path / "sales.orders").write_text("a\n1\n")
    assert table_of("sales.orders", "dev") is None


@pytest.mark.slow
def test_a_contract_of_a_table_is_written_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("new", "orders", "--from", "sales.orders", "--contracts", str(tmp_path / "contracts")) == 0
    said = capsys.readouterr().out
    assert "Its columns are those of the table; looked at: 3 rows." in said
    assert "Parquet is written" in said
    assert run("check", "--contracts", str(tmp_path / "contracts")) == 0
    assert run("profile", "sales.orders", "--json") == 0
    assert run("profile", "sales.none") == 2
