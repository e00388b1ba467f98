"""A comparison tells what a changed transform would change, on the snapshots that were read, and publishes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluice.contracts import parse_type
from sluice.errors import CommandError, WrongArgument
from sluice.project import Project
from sluice.refresh.duckdb.compare import Comparison, compare
from sluice.tables.files import snapshot_of
from tests.sluice.refresh.behaviour import DAY, LATER, order, with_transform
from tests.sluice.refresh.small_shop import SmallShop, project

pytestmark = pytest.mark.slow

ORDERS, TOTALS = "silver.orders", "gold.totals"


@pytest.fixture
def shop(tmp_path: Path) -> SmallShop:
    made = SmallShop(tmp_path / "shop")
    made.deliver("orders", [order(number) for number in range(6)])
    made.run(ORDERS)
    return made


def compared(shop: SmallShop, tmp_path: Path, declared: Project, table: str = ORDERS) -> Comparison:
    folder = tmp_path / "scratch"
    folder.mkdir(exist_ok=True)
    before = len(shop.load(table).snapshots())
    found = compare(declared, shop.load, table, scratch=folder)
    assert len(shop.load(table).snapshots()) == before
    json.dumps(msgspec.to_builtins(found), allow_nan=False)
    return found


def sql_of(table: str) -> str:
    return project().transform(table).sql


def test_the_same_transform_changes_nothing(shop: SmallShop, tmp_path: Path) -> None:
    found = compared(shop, tmp_path, shop.project)
    assert found.same
    assert (found.rows_before, found.rows_after, found.examples) == (6, 6, {})


def test_rows_added_removed_and_changed_are_told_by_key_with_examples(shop: SmallShop, tmp_path: Path) -> None:
    old = sql_of(ORDERS)
    sql = (
        f"SELECT * REPLACE (CASE WHEN order_id IN ('o1', 'o2') THEN 'sent' ELSE state END AS state) "
        f"FROM ({old}) WHERE order_id <> 'o5' UNION ALL SELECT * REPLACE ('new' AS order_id) FROM ({old}) "
        "WHERE order_id = 'o0'"
    )
    found = compared(shop, tmp_path, with_transform(ORDERS, sql=sql))
    assert (found.added, found.removed, found.changed) == (1, 1, 2)
    assert found.columns_changed == {"state": 2}
    assert found.examples == {
        "added": [{"order_id": "new"}],
        "removed": [{"order_id": "o5"}],
        "changed": [{"order_id": "o1"}, {"order_id": "o2"}],
    }
    assert not found.same


def test_what_came_since_is_no_difference(shop: SmallShop, tmp_path: Path) -> None:
    read = snapshot_of(shop.load("bronze.orders"))
    shop.deliver("orders", [order(7), order(1, state="sent", updated_at=LATER)])
    found = compared(shop, tmp_path, shop.project)
    assert found.same
    assert found.inputs == {"bronze.orders": read}


def test_a_key_that_is_null_or_not_unique_is_compared_as_others_are(shop: SmallShop, tmp_path: Path) -> None:
    old = sql_of(ORDERS)
    nulls = f"SELECT * REPLACE (nullif(order_id, 'o1') AS order_id) FROM ({old})"
    found = compared(shop, tmp_path, with_transform(ORDERS, sql=nulls))
    assert (found.added, found.removed, found.changed) == (1, 1, 0)
    assert found.examples["added"] == [{"order_id": None}]
    twice = f"SELECT * FROM ({old}) UNION ALL SELECT * FROM ({old}) WHERE order_id = 'o1'"
    found = compared(shop, tmp_path, with_transform(ORDERS, sql=twice))
    assert (found.rows_after, found.added, found.changed) == (7, 1, 0)


def test_a_table_without_a_key_is_compared_row_by_row(shop: SmallShop, tmp_path: Path) -> None:
    shop.deliver("clicks", [_click(n) for n in (1, 1, 2)])
    shop.run("gold.click_log")
    old = sql_of("gold.click_log")
    found = compared(
        shop, tmp_path, with_transform("gold.click_log", sql=f"SELECT DISTINCT * FROM ({old})"), "gold.click_log"
    )
    assert (found.key, found.added, found.removed, found.changed) == ((), 0, 1, 0)


def _click(number: int) -> dict[str, Any]:
    return {"event_id": f"e{number}", "session_id": "s1", "happened_at": LATER}


def test_numeric_columns_are_summed_on_both_sides(shop: SmallShop, tmp_path: Path) -> None:
    for dataset, rows in (
        (
            "lines",
            [{"order_id": f"o{n}", "line": 1, "product_id": "p1", "amount": n, "updated_at": LATER} for n in (2, 3)],
        ),
        ("products", [{"product_id": "p1", "category": "toys", "updated_at": LATER}]),
    ):
        shop.deliver(dataset, rows)
    shop.refresh()
    sql = f"SELECT category, amount * 2 AS amount FROM ({sql_of(TOTALS)})"
    found = compared(shop, tmp_path, with_transform(TOTALS, sql=sql), TOTALS)
    before, after = found.numbers["amount"]
    assert (before.sum, before.min, before.max, before.nulls) == (5, 5, 5, 0)
    assert (after.sum, after.nulls) == (10, 0)


def test_columns_that_come_or_go_are_told(shop: SmallShop, tmp_path: Path) -> None:
    contract = shop.project.contract(ORDERS)
    fewer = msgspec.structs.replace(contract, columns=tuple(c for c in contract.columns if c.name != "day"))
    contracts = tuple(fewer if each.table == ORDERS else each for each in shop.project.contracts)
    found = compared(shop, tmp_path, Project(contracts, shop.project.transforms))
    assert (found.columns_removed, found.changed) == (("day",), 0)
    assert not found.same


@pytest.mark.parametrize(
    ("column", "kind", "sql", "changed"),
    [
        ("day", "timestamp", "CAST(day AS TIMESTAMP)", 0),
        ("day", "string", "CAST(day AS VARCHAR)", 0),
        ("state", "bigint", "CAST(7 AS BIGINT)", 6),
        ("order_id", "bigint", "CAST(substr(order_id, 2) AS BIGINT)", 0),
        ("customer_id", "double", "CAST(NULL AS DOUBLE)", 6),
    ],
)
def test_another_type_of_a_column_is_a_difference_and_its_values_are_compared_where_they_can_be(
    shop: SmallShop, tmp_path: Path, column: str, kind: str, sql: str, changed: int
) -> None:
    contract = shop.project.contract(ORDERS)
    columns = (
        msgspec.structs.replace(each, type=parse_type(kind)) if each.name == column else each
        for each in contract.columns
    )
    other = msgspec.structs.replace(contract, columns=tuple(columns))
    contracts = tuple(other if each.table == ORDERS else each for each in shop.project.contracts)
    cast = f"SELECT * REPLACE ({sql} AS {column}) FROM ({sql_of(ORDERS)})"
    found = compared(shop, tmp_path, Project(contracts, with_transform(ORDERS, sql=cast).transforms))
    before = "date" if column == "day" else "string"
    after = {"bigint": "long"}.get(kind, kind)
    assert (found.types_changed, found.changed) == ({column: (before, after)}, changed)
    assert (found.added, found.removed) == ((6, 6) if column == "order_id" else (0, 0))
    assert column not in found.numbers
    assert not found.same


@pytest.mark.parametrize(
    ("table", "changed", "said"),
    [
        (ORDERS, {"engine": "spark", "sql": ""}, 'engine="spark"'),
        ("gold.order_days", {}, "no rows yet"),
        ("gold.nothing", {}, "gold.nothing is not a derived table"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    shop: SmallShop, tmp_path: Path, table: str, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        compare(with_transform(table, **changed), shop.load, table, scratch=tmp_path)
    assert refused.value.safe
    assert isinstance(refused.value, WrongArgument)
    assert refused.value.next_step


def test_inputs_that_expired_are_refused_with_the_way_out(shop: SmallShop, tmp_path: Path) -> None:
    read = shop.load("bronze.orders").current_snapshot()
    shop.deliver("orders", [order(9, day=DAY)])
    shop.load("bronze.orders").maintenance.expire_snapshots().by_id(read.snapshot_id).commit()
    with pytest.raises(CommandError, match=f"snapshot {read.snapshot_id} of bronze.orders, which has expired"):
        compare(shop.project, shop.load, ORDERS, scratch=tmp_path)
