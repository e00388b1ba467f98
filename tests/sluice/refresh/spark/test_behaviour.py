"""How a run goes on Spark."""

from __future__ import annotations

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


class OnSpark(OnAnEngine):
    """What a case needs, on Spark."""

    @pytest.fixture
    def shop(self, aws: LocalAws, spark: SparkSession) -> SmallShop:
        made = SharedShop(aws, spark, BUCKET)
        made.deliver("orders", [order(number) for number in range(6)])
        made.run("silver.orders")
        made.run("gold.order_days")
        return made

    def run(self, shop: SmallShop, table: str, *, declared: Project | None = None, **given: Any) -> Run:
        assert isinstance(shop, SharedShop)
        return shop.engine_for(declared or shop.project).run(table, run_id="run", **given)


class TestOnSpark(OnSpark, Behaviour):
    """The cases of each run of the tests."""


@pytest.mark.proof
class TestMoreOnSpark(OnSpark, MoreBehaviour):
    """All other cases."""
