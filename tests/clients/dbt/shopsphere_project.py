"""dbt on ShopSphere: reports made of its silver and gold, and brought up to date when two more days are delivered."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
from dbt_commands import Project

_PROJECT = Project("shopsphere", "reports", s3_staging_dir="s3://reports/asked/", work_group=os.environ["WORK_GROUP"])
_dbt, _rows = _PROJECT.dbt, _PROJECT.rows


def _differences(one: str, other: str) -> list[tuple[int]]:
    """Return how many rows each of two queries has that the other has not."""
    return _rows(f"SELECT count(*) FROM (({one}) EXCEPT ({other}))") + _rows(
        f"SELECT count(*) FROM (({other}) EXCEPT ({one}))"
    )


def _all_are_what_their_sources_say(since: str = "2025-01-01") -> None:
    """What was appended or not overwritten is as it was: of days, those from ``since`` on are looked at."""
    for model, columns, source in (
        ("order_states", "order_id, customer_id, status, channel, order_ts, shipping_cost, updated_at",
         "SELECT {} FROM silver.orders"),
        (f"days_closed WHERE order_date >= DATE '{since}'", "order_date, orders, revenue",
         "SELECT order_date, sum(orders) AS orders, sum(revenue) AS revenue FROM gold.daily_sales"
         f" WHERE currency = 'EUR' AND order_date >= DATE '{since}' GROUP BY order_date"),
        (f"channel_days WHERE order_date >= DATE '{since}'", "channel, lines, pieces, order_date",
         "SELECT channel, count(*), sum(quantity), order_date FROM gold.fact_order_line"
         f" WHERE is_sale AND order_date >= DATE '{since}' GROUP BY channel, order_date"),
    ):  # fmt: skip
        ours = f"SELECT {columns} FROM {model}"
        assert _differences(ours, source.format(columns)) == [(0,), (0,)], model
        assert _rows(f"SELECT count(*) FROM ({ours})") == _rows(f"SELECT count(*) FROM ({source.format(columns)})")


def debug() -> None:
    _dbt("debug")


def seed() -> None:
    assert _dbt("seed") == {"channel_owners": "success"}


def run() -> None:
    assert _dbt("run") == dict.fromkeys(
        ("channel_days", "days_closed", "order_states", "owner_revenue", "sold_lines"), "success"
    )
    ((days, lines),) = _rows("SELECT count(*), (SELECT count(*) FROM sold_lines) FROM days_closed")
    assert days == 4
    assert lines > 500
    _all_are_what_their_sources_say()


def test() -> None:
    states = _dbt("test")
    assert len(states) == 13
    assert set(states.values()) == {"pass"}


def snapshot() -> None:
    assert _dbt("snapshot") == {"order_history": "success"}
    assert _rows("SELECT count(*), count(dbt_valid_to) FROM order_history") == [
        (*_rows("SELECT count(*) FROM silver.orders")[0], 0)
    ]


def two_more_days_are_delivered() -> None:
    s3 = boto3.client("s3")
    for file in Path(os.environ["LATER"]).rglob("*.*"):
        s3.upload_file(str(file), os.environ["LANDING"], f"{file.parent.name}/{file.name}")
    done = subprocess.run(
        [os.environ["SLUICE"], "status", "--wait", "--strict", "--timeout", "240"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=270, check=False,
    )  # fmt: skip
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def run_again_with_more() -> None:
    before = dict(_rows("SELECT order_id, status FROM order_states"))
    closed = set(_rows("SELECT * FROM days_closed"))
    assert set(_dbt("run").values()) == {"success"}
    after = dict(_rows("SELECT order_id, status FROM order_states"))
    assert any(after[order] != status for order, status in before.items())  # orders went on …
    assert len(after) > len(before)  # … and more came
    assert _rows("SELECT count(*), count(DISTINCT order_date) FROM days_closed") == [(6, 6)]
    assert closed < set(_rows("SELECT * FROM days_closed"))
    _all_are_what_their_sources_say(since="2025-01-05")


def snapshot_again() -> None:
    _dbt("snapshot")
    assert _differences(
        "SELECT order_id, status, updated_at FROM order_history WHERE dbt_valid_to IS NULL",
        "SELECT order_id, status, updated_at FROM silver.orders",
    ) == [(0,), (0,)]
    ((closed,),) = _rows("SELECT count(*) FROM order_history WHERE dbt_valid_to > dbt_valid_from")
    assert closed > 0


def test_again() -> None:
    assert set(_dbt("test").values()) == {"pass"}


def docs_generate() -> None:
    _dbt("docs", "generate")
    catalog = json.loads((_PROJECT.folder / "target" / "catalog.json").read_text())
    sources = {each["metadata"]["name"]: each for each in catalog["sources"].values()}
    assert set(sources) == {"orders", "daily_sales", "dim_product", "fact_order_line"}
    assert sources["orders"]["columns"]["order_id"]["comment"] == "Order number."
    nodes = {each["metadata"]["name"]: each for each in catalog["nodes"].values()}
    assert list(nodes["owner_revenue"]["columns"]) == ["owner", "monthly_target", "orders", "revenue"]
