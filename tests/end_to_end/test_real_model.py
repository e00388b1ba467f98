"""Silver, star and cube of real files, against SQL written by hand over the raw files; and the same through Glue."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from sluice.refresh.tables import described_run
from tests.end_to_end.real_reference import FIRST_RATE, LAST_RATE
from tests.end_to_end.real_shop import shop_files
from tests.end_to_end.running import ROOT, Deployment, started
from tests.end_to_end.spark_path import recompute, with_inputs
from tests.end_to_end.test_real_retail import athena
from tests.real_data import real_data

pytestmark = [pytest.mark.slow, pytest.mark.real_data, pytest.mark.proof]

HERE = Path(__file__).parent
DERIVED = sorted(
    f"{layer}.{file.stem}" for layer in ("silver", "gold") for file in (ROOT / "contracts" / layer).glob("*.yaml")
)
#: Those that the script computes, too.
COMPARED = [
    "silver.countries", "silver.cities", "silver.exchange_rates", "silver.customers", "silver.products",
    "silver.orders", "silver.order_lines",
    "gold.dim_customer", "gold.dim_date", "gold.dim_geography", "gold.dim_product", "gold.fact_order_line",
    "gold.sales_cube", "gold.daily_sales", "gold.daily_metrics", "gold.revenue_by_category", "gold.customer_sales",
    "gold.customer_value",
]  # fmt: skip
Snapshots = dict[str, int]


@pytest.fixture(scope="module")
def raw_files() -> dict[str, Path]:
    """Return the folders of real data."""
    names = {
        "retail": "uci-online-retail", "rates": "exchange-rates-ecb-daily", "countries": "country-codes",
        "cities": "world-cities",
    }  # fmt: skip
    folders = {part: real_data(name) for part, name in names.items()}
    return folders | {"retail": folders["retail"] / "by-day"}


@pytest.fixture(scope="module")
def shop(raw_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The project's own stacks, after all files landed and every table was refreshed.

    The last week lands when all before it is refreshed: however many of its files a refresh finds, they change little.
    """
    files = shop_files(**raw_files)
    first = {key for key in files if Path(key).name < "2011-02-21" or key.startswith(("cities/", "countries/"))}
    with started(tmp_path_factory.mktemp("aws"), [ROOT / "contracts"]) as deployment:
        for keys in (first, files.keys() - first):
            deployment.put_all({key: files[key] for key in sorted(keys)})
            deployment.settle()
        yield deployment


@pytest.fixture(scope="module")
def published(shop: Deployment) -> Snapshots:
    """The snapshot of each derived table as the refresh left it."""
    return {name: shop.table(name).current_snapshot().snapshot_id for name in DERIVED}


@pytest.fixture(scope="module")
def script(raw_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """What the raw files say, by the SQL beside this file."""
    unpacked = tmp_path_factory.mktemp("rates")
    with zipfile.ZipFile(raw_files["rates"] / "eurofxref-hist.zip") as packed:
        packed.extractall(unpacked)
    given = {
        "retail": raw_files["retail"] / "*.csv",
        "rates": unpacked / "eurofxref-hist.csv",
        "countries": raw_files["countries"] / "country-codes.csv",
        "cities": raw_files["cities"] / "world-cities.csv",
        "first_rate": FIRST_RATE,
        "last_rate": LAST_RATE,
    }
    connection = duckdb.connect()
    for name, value in given.items():
        connection.execute(f"SET VARIABLE {name} = '{value}'")
    for part in ("real_model.sql", "real_sales.sql"):
        connection.execute((HERE / part).read_text())
    return connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def rows_of(shop: Deployment, name: str, snapshot: int) -> pa.Table:
    return shop.table(name).scan(snapshot_id=snapshot).to_arrow()


def difference(connection: duckdb.DuckDBPyConnection, one: pa.Table, other: pa.Table) -> tuple[list[Any], list[Any]]:
    """Return what either table has that the other has not, as many times; at most three rows of each."""
    columns = ", ".join(f'"{name}"' for name in other.column_names)
    with connection.cursor() as cursor:
        cursor.register("one", one)
        cursor.register("other", other)
        only = "SELECT {c} FROM {a} EXCEPT ALL SELECT {c} FROM {b} LIMIT 3"
        return (
            cursor.execute(only.format(c=columns, a="one", b="other")).fetchall(),
            cursor.execute(only.format(c=columns, a="other", b="one")).fetchall(),
        )


def test_every_record_is_accepted_or_quarantined(shop: Deployment, script: duckdb.DuckDBPyConnection) -> None:
    expected = {(name, str(taken), str(all_ - taken)) for name, all_, taken in rows(script, "FROM counted.deliveries")}
    counts = "SELECT '{0}', (SELECT count(*) FROM bronze.{0}), (SELECT count(*) FROM quarantine.{0})"

    assert set(athena(shop, " UNION ALL ".join(counts.format(name) for name, *_ in expected))) == expected
    assert len(expected) == 7


def test_every_derived_table_was_built_without_spark(shop: Deployment, published: Snapshots) -> None:
    runs = [described_run(shop.table(name), name) for name in DERIVED]

    assert {run.engine for run in runs} == {"duckdb"}
    assert {run.table for run in runs if run.rows} >= set(COMPARED)
    assert "gold.fact_order_line" in {run.table for run in runs if run.incremental}


@pytest.mark.parametrize("name", COMPARED)
def test_a_table_is_what_the_raw_files_say(
    shop: Deployment, published: Snapshots, script: duckdb.DuckDBPyConnection, name: str
) -> None:
    expected = script.sql(f"FROM {name}").to_arrow_table()

    found = rows_of(shop, name, published[name])

    assert found.num_rows == len(expected) > 0
    assert difference(script, found, expected) == ([], [])


def test_athena_sums_up_to_what_the_raw_files_say(shop: Deployment, script: duckdb.DuckDBPyConnection) -> None:
    sold = athena(
        shop,
        "SELECT orders, units, revenue_eur FROM gold.sales_cube WHERE grouping_level = 3 UNION ALL "
        "SELECT count(DISTINCT order_id), sum(quantity), sum(net_amount_eur) FROM gold.fact_order_line WHERE is_sale",
    )
    unknown = athena(
        shop,
        "SELECT count_if(customer_key = 'unknown'), count_if(customer_id = 'unknown'), "
        "count_if(product_key = 'unknown') FROM gold.fact_order_line",
    )

    ((orders, units, cents),) = rows(script, "SELECT count(DISTINCT order_id), sum(quantity), sum(cents) FROM sale")
    expected = (orders, units, Decimal(int(cents)) / 100)
    assert [tuple(Decimal(number or 0) for number in row) for row in sold] == [expected, expected]
    (nobody,) = rows(
        script,
        """
        SELECT count(*) FILTER (buyer IS NULL OR order_id NOT IN (SELECT order_id FROM silver.orders)),
            count(*) FILTER (order_id NOT IN (SELECT order_id FROM silver.orders)),
            count(*) FILTER (code NOT IN (SELECT code FROM product_month WHERE name IS NOT NULL))
        FROM line
        """,
    )
    assert [tuple(int(number or 0) for number in row) for row in unknown] == [nobody]
    assert nobody[0] > nobody[1] > 0 < nobody[2]


def test_real_spellings_are_resolved_where_they_can_be(shop: Deployment) -> None:
    found = athena(
        shop,
        "SELECT country_as_given, country, country_known, count(*) AS customers FROM silver.customers "
        "WHERE country_as_given IN ('EIRE', 'Channel Islands') GROUP BY 1, 2, 3 UNION ALL "
        "SELECT country_code, name, true, 1 FROM silver.countries WHERE country_code = 'NA'",
    )

    assert set(found) == {
        ("EIRE", "IE", "true", "3"),
        ("Channel Islands", "ZZ", "false", "3"),
        ("NA", "Namibia", "true", "1"),
    }


def glue_makes_the_same(shop: Deployment, before: Snapshots, tables: set[str], script: Any) -> None:
    recompute(shop, tables)
    for name in sorted(tables):
        run = described_run(shop.table(name), name)
        assert (run.engine, run.incremental) == ("spark", False), name
        assert int(run.snapshot) != before[name]
        one, other = rows_of(shop, name, before[name]), rows_of(shop, name, int(run.snapshot))
        assert one.num_rows == other.num_rows, name
        assert one.schema.equals(other.schema), name
        assert difference(script, one, other) == ([], []), name


@pytest.mark.spark
def test_glue_makes_the_same_facts(shop: Deployment, published: Snapshots, script: duckdb.DuckDBPyConnection) -> None:
    glue_makes_the_same(shop, published, {"gold.fact_order_line"}, script)


@pytest.mark.spark
def test_glue_makes_the_same_of_every_table(
    shop: Deployment, published: Snapshots, script: duckdb.DuckDBPyConnection
) -> None:
    assert with_inputs(shop, DERIVED) == set(DERIVED)
    glue_makes_the_same(shop, published, set(DERIVED), script)
