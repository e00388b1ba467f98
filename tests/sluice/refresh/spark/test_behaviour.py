"""How a run goes on Spark."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.project import Project
from sluice.refresh.record import Run
from tests.sluice.refresh.behaviour import Behaviour, MoreBehaviour, OnAnEngine, order
from tests.sluice.refresh.small_shop import SmallShop
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop

pytestmark = pytest.mark.spark


@pytest.fixture
def shop(aws: LocalAws, spark: SparkSession) -> SmallShop:
    made = SharedShop(aws, spark, BUCKET)
    made.deliver("orders", [order(number) for number in range(6)])
    made.run("silver.orders")
    made.run("gold.order_days")
    return made


class OnSpark(OnAnEngine):
    """What a case needs, on Spark."""

    def run(self, shop: SmallShop, table: str, *, declared: Project | None = None, **given: Any) -> Run:
        assert isinstance(shop, SharedShop)
        return shop.engine_for(declared or shop.project).run(table, run_id="run", **given)


class TestOnSpark(OnSpark, Behaviour):
    """The cases of each run of the tests."""


class MoreOnSpark(OnSpark, MoreBehaviour):
    """All other cases."""


@pytest.mark.proof
@pytest.mark.parametrize("case", [name for name in vars(MoreBehaviour) if name.startswith("test_")])
def test_all_other_cases_hold_on_spark(case: str, shop: SmallShop, request: pytest.FixtureRequest) -> None:
    method = getattr(MoreOnSpark(), case)
    others = [name for name in inspect.signature(method).parameters if name != "shop"]
    method(shop=shop, **{name: request.getfixturevalue(name) for name in others})
