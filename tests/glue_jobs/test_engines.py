"""Each transform gives the same rows and types on DuckDB and on real Spark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from sluice.project import Project
from sluice.transforms.discover import DiscoveredTransform
from tests.glue_jobs.engines import Engines, Inputs, differences, same
from tests.glue_jobs.generated import generated_tables
from tests.glue_jobs.strategies import examples, least
from tests.glue_jobs.transforming import TRANSFORMS
from tests.laws import some

pytestmark = pytest.mark.spark
_EACH = pytest.mark.parametrize("item", TRANSFORMS, ids=lambda item: item.table)
#: Examples in the suite (the first is of empty inputs), in one batch of `make proof`, and in `make proof` altogether.
_SHARE, _FEW, _MANY = 3, 5, 100


@pytest.fixture(scope="module")
def engines(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    both = Engines(project, tmp_path_factory.mktemp("inputs"))
    yield both
    both.spark.stop()


@pytest.fixture(scope="module")
def tables(project: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    return generated_tables(project, tmp_path_factory.mktemp("generated"))


@pytest.mark.parametrize("item", TRANSFORMS[::12], ids=lambda item: item.table)
def test_awkward_rows_become_the_same(item: DiscoveredTransform, engines: Engines) -> None:
    compare(item, engines, seed=1, count=_SHARE)


@pytest.mark.proof
@_EACH
@pytest.mark.parametrize("seed", [1, *range(100, 100 + _MANY // _FEW)])
def test_many_awkward_rows_become_the_same(item: DiscoveredTransform, engines: Engines, seed: int) -> None:
    compare(item, engines, seed=seed, count=_FEW)


@pytest.mark.parametrize("item", some(TRANSFORMS, 3), ids=lambda item: item.table)
def test_a_generated_history_becomes_the_same(
    item: DiscoveredTransform, engines: Engines, tables: Mapping[str, pa.Table]
) -> None:
    inputs = {name: tables[table] for name, table in item.inputs.items()}
    with engines.compiling():
        assert not engines.differences(item, inputs)
    assert all(len(table) > 1 for table in inputs.values())
    assert len(tables[item.table]) > 1


def test_a_generated_history_has_what_transforms_must_mend(tables: Mapping[str, pa.Table]) -> None:
    def values(table: str, column: str) -> set[object]:
        return set(tables[table][column].to_pylist())

    issues = {issue for row in values("silver.customers", "issues") for issue in str(row).split(",")}
    assert issues >= {"country_unknown", "city_unknown", "city_missing", "birth_date_impossible"}
    for table, column in (
        ("silver.ad_spend", "campaign_known"), ("silver.exchange_rates", "carried"),
        ("silver.orders", "customer_known"),
        ("gold.fact_order_line", "is_sale"), ("gold.dim_customer", "is_current"),
    ):  # fmt: skip
        assert values(table, column) == {True, False}, (table, column)
    assert values("bronze.customer_changes", "_operation") >= {"insert", "update", "delete"}
    for name, key in (("orders", "order_id"), ("products", "product_id"), ("clickstream", "event_id")):
        assert len(values(f"bronze.{name}", key)) < len(tables[f"bronze.{name}"]), f"nothing is told twice in {name}"


def compare(item: DiscoveredTransform, engines: Engines, *, seed: int, count: int) -> None:
    """Compare the engines on the examples of a seed; one that differs is made smaller and printed to be run again."""
    batch = examples(item, engines.project, count, seed)
    contract = engines.project.contract(item.table)
    try:
        results = engines.on_spark(item, batch)
        equal = all(
            not differences(found, engines.on_duckdb(item, inputs), contract)
            for found, inputs in zip(results, batch, strict=True)
        )
    except AssertionError:
        raise
    except Exception:  # noqa: BLE001 (which example it was is found below)
        equal = False
    if equal:
        return
    for number, inputs in enumerate(batch):
        if engines.differences(item, inputs):
            small = least(inputs, lambda smaller: bool(engines.differences(item, smaller)))
            pytest.fail(f"{_told(small)}\n{engines.differences(item, small)}\nseed {seed}, example {number} of {count}")
    pytest.fail(
        f"{item.table}: the engines differ on a batch, and on none of its examples; seed {seed}, {count} examples"
    )


def _told(inputs: Inputs) -> str:
    return "\n".join(f"{name} = {table.to_pylist()!r}" for name, table in inputs.items())


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1.0, 1.0 + 5e-10, True),
        (1.0, 1.0 + 5e-9, False),
        (0.0, -0.0, True),
        (0.0, 5e-324, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (math.nan, None, False),
        (1, 1.0, False),
        (Decimal("1.10"), Decimal("1.11"), False),
        (datetime(2024, 3, 31, 1), datetime(2024, 3, 31, 1, 0, 0, 1), False),
    ],
)
def test_only_doubles_may_differ_and_only_by_a_billionth(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal
