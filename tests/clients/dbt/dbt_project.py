"""dbt with dbt-athena: a project's life, by dbt's own entry point for programs."""

from __future__ import annotations

import json

import boto3
from dbt_commands import Project

_PROJECT = Project("project", "mart", s3_staging_dir="s3://answers/asked/")
_FOLDER, _dbt, _rows = _PROJECT.folder, _PROJECT.dbt, _PROJECT.rows


def _orders(*lines: str) -> None:
    with (_FOLDER / "seeds" / "orders.csv").open("a") as seed:
        seed.writelines(f"{line}\n" for line in lines)


def debug() -> None:
    _dbt("debug")


def seed() -> None:
    assert _dbt("seed") == {"orders": "success"}
    assert _rows("SELECT count(*), sum(price) FROM orders")[0][0] == 3


def run() -> None:
    assert set(_dbt("run").values()) == {"success"}
    assert _rows("SELECT customer, orders FROM customers ORDER BY customer") == [("ann", 2), ("bob", 1)]
    by_day = _rows("SELECT day, count(*) FROM overwritten GROUP BY 1 ORDER BY 1")
    assert by_day == [("2026-01-01", 1), ("2026-01-02", 2)]


def test() -> None:
    assert set(_dbt("test").values()) == {"pass"}


def snapshot() -> None:
    assert _dbt("snapshot") == {"orders_history": "success"}


def run_again_with_more() -> None:
    # Order 2 was bought for less than was said, and a fourth came.
    seed = _FOLDER / "seeds" / "orders.csv"
    seed.write_text(seed.read_text().replace("20.00", "19.00"))
    _orders("4,cyd,2026-01-03 09:00:00,7.50")
    _dbt("seed")
    assert set(_dbt("run").values()) == {"success"}
    assert _rows("SELECT order_id, count(*) FROM appended GROUP BY 1 ORDER BY 1") == [(n, 1) for n in (1, 2, 3, 4)]
    assert [str(price) for _, price in _rows("SELECT order_id, price FROM merged ORDER BY 1")] == [
        "10.50", "19.00", "5.25", "7.50",
    ]  # fmt: skip
    # The partitions of the second day and later were written anew.
    overwritten = _rows("SELECT day, order_id, price FROM overwritten ORDER BY 2")
    assert [(day[-2:], number, str(price)) for day, number, price in overwritten] == [
        ("01", 1, "10.50"), ("02", 2, "19.00"), ("02", 3, "5.25"), ("03", 4, "7.50"),
    ]  # fmt: skip
    assert _rows("SELECT count(*) FROM iced") == [(4,)]  # made anew, and given its name by ALTER TABLE
    leftovers = [name for (name,) in _rows("SHOW TABLES") if "__" in name]
    assert leftovers == []


def snapshot_again() -> None:
    _dbt("snapshot")
    history = _rows(
        "SELECT order_id, price, dbt_valid_to IS NULL FROM orders_history WHERE order_id IN (2, 4) ORDER BY 1, 2"
    )
    assert [(number, str(price), open_) for number, price, open_ in history] == [
        (2, "19.00", True), (2, "20.00", False), (4, "7.50", True),
    ]  # fmt: skip


def build_in_full() -> None:
    assert set(_dbt("build", "--full-refresh", "--exclude", "resource_type:snapshot").values()) <= {"success", "pass"}


def docs_generate() -> None:
    _dbt("docs", "generate")
    catalog = json.loads((_FOLDER / "target" / "catalog.json").read_text())
    nodes = {each["metadata"]["name"]: each for each in (catalog["nodes"] | catalog["sources"]).values()}
    assert set(nodes) >= {"orders", "stg_orders", "customers", "iced", "merged"}
    assert list(nodes["customers"]["columns"]) == ["customer", "orders", "spent"]
    glue = boto3.client("glue").get_table(DatabaseName="mart", Name="stg_orders")["Table"]
    assert glue["TableType"] == "VIRTUAL_VIEW"
