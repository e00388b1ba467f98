"""What is undone while either engine refreshes leaves what one full build on DuckDB makes of what is left."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.refresh.record import Run
from sluice.settings import Settings
from tests.sluice.refresh.small_shop import SmallShop
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop
from tests.sluice.refresh.spark.test_either_engine import Killed, mortal
from tests.sluice.refresh.undoing import History, assert_built_anew_is_the_same

# An erasure drawn at random may find nothing to erase, which PyIceberg warns of.
pytestmark = [
    pytest.mark.spark,
    pytest.mark.proof,
    pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning"),
]


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_what_is_undone_on_either_engine_leaves_what_one_full_build_makes(
    seed: int, aws: LocalAws, spark: SparkSession, tmp_path: Path
) -> None:
    shop = SharedShop(aws, spark, BUCKET)

    def run(chance: random.Random, table: str, **given: Any) -> Run:
        if chance.random() < 0.5:
            return shop.run(table, **given)
        with mortal(chance):
            return shop.run_spark(table, **given)

    settings = Settings(lake_bucket=f"{BUCKET}/{shop.prefix}", database_prefix=shop.prefix)
    history = History(seed, shop, settings, run, Killed)
    history.live(rounds=3)
    assert_built_anew_is_the_same(history, SmallShop(tmp_path / "fresh"))
