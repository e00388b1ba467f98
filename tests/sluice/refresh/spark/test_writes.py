"""Each way of writing a table: what runs on Spark leave is what runs on DuckDB leave, row by row."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.refresh.plan import plan_refresh
from sluice.refresh.tables import described_run
from tests.sluice.refresh.small_shop import DERIVED, SmallShop
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.records import FRIDAY, MONDAY, Row, click, line, order, product
from tests.sluice.refresh.spark.shop import SharedShop

pytestmark = [pytest.mark.spark, pytest.mark.proof]


#: What comes first, and what comes then: days that become null and null ones that become known, products that move,
#: categories that end, an event whose session changes, an event that is an exact repeat.
DELIVERIES: tuple[dict[str, list[Row]], ...] = (
    {
        "orders": [order(1, FRIDAY), order(2, None), order(3, MONDAY), order(4, None)],
        "lines": [line(1, "p1"), line(2, "p2"), line(3, None), line(4, "p1")],
        "products": [product("p1", "toys"), product("p2", "books"), product("p3", "toys")],
        "clicks": [click(1, "s1"), click(2, "s1"), click(3, "s2"), click(3, "s2")],
    },
    {
        "orders": [order(1, None, 5), order(2, FRIDAY, 5), order(3, MONDAY, 5, state="called off")],
        "lines": [line(2, "p1", 5), line(4, None, 5)],
        "products": [product("p2", "gone", 5), product("p1", "toys", 5)],
        "clicks": [click(2, "s2", 5), click(1, "s1"), click(4, "s3")],
    },
)


@pytest.fixture(scope="module")
def lived(aws: LocalAws, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[SharedShop, SmallShop]:
    """Two shops with the same deliveries: all runs of the one on Spark, of the other on DuckDB."""
    on_spark, on_duckdb = SharedShop(aws, spark, BUCKET), SmallShop(tmp_path_factory.mktemp("shop") / "duckdb")
    for delivery in DELIVERIES:
        for dataset, rows in delivery.items():
            on_spark.deliver(dataset, rows)
            on_duckdb.deliver(dataset, rows)
        on_duckdb.refresh()
        while ready := plan_refresh(on_spark.project, on_spark.load).ready:
            for choice in ready:
                run = on_spark.run_spark(choice.table)
                assert described_run(on_spark.load(choice.table), choice.table).rows == run.rows
    return on_spark, on_duckdb


@pytest.mark.parametrize("table", DERIVED)
def test_each_way_of_writing_leaves_what_duckdb_leaves(lived: tuple[SharedShop, SmallShop], table: str) -> None:
    on_spark, on_duckdb = lived
    assert on_spark.rows(table) == on_duckdb.rows(table)
    assert on_spark.rows(table)
    made, other = (described_run(shop.load(table), table) for shop in lived)
    assert (made.engine, made.incremental, made.rows) == ("spark", other.incremental, other.rows)
    assert made.incremental == (table != "gold.totals")
    assert list(on_spark.load(table).refs()) == ["main"]


def test_conflicts_are_the_same_rows_whichever_engine_finds_them(lived: tuple[SharedShop, SmallShop]) -> None:
    on_spark, on_duckdb = lived
    assert on_spark.rows("quarantine.clicks") == on_duckdb.rows("quarantine.clicks")
    assert len(on_spark.rows("quarantine.clicks")) == 1
    assert list(on_spark.load("quarantine.clicks").refs()) == ["main"]
    on_spark.deliver("clicks", [click(1, "s9", 7)])
    assert on_spark.run("silver.visits").conflicts == 2  # both records of e1 that lost now
    on_spark.deliver("clicks", [click(1, "s9", 8)])
    assert on_spark.run_spark("silver.visits").conflicts == 1
    assert len(on_spark.rows("quarantine.clicks")) == 4
