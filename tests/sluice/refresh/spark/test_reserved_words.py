"""Spark makes the same of tables and columns that are called as reserved words, and checks them alike."""

from __future__ import annotations

import importlib

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.refresh.spark.engine import SparkEngine
from sluice.refresh.spark.project import ShippedProject
from sluice.transforms import Transform
from tests.sluice.refresh.reserved_words import project, row
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop

pytestmark = [pytest.mark.spark, pytest.mark.proof]


def _function(table: str) -> Transform:
    name = table.partition(".")[2]
    function: Transform = getattr(importlib.import_module(f"tests.sluice.refresh.reserved.{table}"), name)
    return function


def test_either_engine_goes_on_from_what_the_other_made(aws: LocalAws, spark: SparkSession) -> None:
    shop = SharedShop(aws, spark, BUCKET, declared=project())
    engine = SparkEngine(shop.lake, ShippedProject(shop.project.to_json()), _function)
    shop.deliver("order", [row(number) for number in range(6)])
    for table in ("silver.select", "silver.group"):
        assert engine.run(table, run_id="run").engine == "spark"
    shop.deliver("order", [row(7), row(8, said="y")])
    first, second = engine.run("silver.select", run_id="run"), shop.run("silver.group")
    assert (first.incremental, second.incremental) == (True, True)
    assert sum(found[1] for found in shop.rows("silver.group")) == 5
