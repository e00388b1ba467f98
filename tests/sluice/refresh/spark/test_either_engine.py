"""Whichever engine makes which run: what they leave together is what one full build on DuckDB makes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from localaws.server import LocalAws
from sluice.refresh.plan import plan_refresh
from sluice.refresh.spark.branch import Branch
from tests.sluice.refresh.small_shop import DERIVED, Row, SmallShop, random_delivery
from tests.sluice.refresh.spark.conftest import BUCKET
from tests.sluice.refresh.spark.shop import SharedShop

pytestmark = pytest.mark.spark
LANDED = ("orders", "lines", "products", "clicks")


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


@contextmanager
def mortal(chance: random.Random) -> Iterator[None]:
    """Kill a Spark run before or after one of its steps on a branch, perhaps; a dead process tidies nothing up."""
    left = [chance.randint(0, 12) if chance.random() < 0.4 else 1000]

    def dying(step: Any) -> Any:
        def does(branch: Branch, *given: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            done = step(branch, *given)
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return done

        return does

    def drop(branch: Branch) -> None:
        if left[0] >= 0:
            real(branch)

    real = Branch.drop
    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "append", "merge", "stamp", "publish"):
            patch.setattr(Branch, name, dying(getattr(Branch, name)))
        patch.setattr(Branch, "drop", drop)
        yield


def refresh(shop: SharedShop, chance: random.Random) -> list[str]:
    """Bring all tables up to date, each on an engine drawn by lot; return how each run went."""
    strategies = []
    while ready := plan_refresh(shop.project, shop.load).ready:
        for choice in ready:
            run = shop.run_spark(choice.table) if chance.random() < 0.5 else shop.run(choice.table)
            strategies.append(f"{run.engine} {'incremental' if run.incremental else 'full'}: {run.table}")
    return strategies


def identified(delivery: tuple[str, list[Row]], chance: random.Random) -> tuple[str, list[Row]]:
    """Give each row the identity that a landed record has."""
    dataset, rows = delivery
    name = f"{chance.getrandbits(64):016x}"
    return dataset, [{**row, "_delivery_id": name, "_source": "s", "_position": at} for at, row in enumerate(rows)]


def history(seed: int, aws: LocalAws, spark: SparkSession, folder: Path, *, rounds: int) -> list[str]:
    """Live through random deliveries, erasures and refreshes; compare with one build of all; return strategies."""
    chance = random.Random(seed)
    shop = SharedShop(aws, spark, BUCKET)
    strategies = []
    for _ in range(rounds):
        for _ in range(chance.randint(1, 4)):
            shop.deliver(*identified(random_delivery(chance), chance))
        if chance.random() < 0.25:
            dataset, column = chance.choice([("orders", "order_id"), ("lines", "order_id"), ("clicks", "session_id")])
            shop.load(f"bronze.{dataset}").delete(f"{column} = '{column[0]}{chance.randint(1, 12)}'")
        try:
            with mortal(chance):
                strategies += refresh(shop, chance)
        except Killed:
            strategies.append("killed")
    strategies += refresh(shop, chance)
    fresh = SmallShop(folder / f"fresh{seed}")
    for dataset in LANDED:
        fresh.deliver(dataset, shop.load(f"bronze.{dataset}").scan().to_arrow().to_pylist())
    assert not any(run.incremental for run in fresh.refresh())
    for table in DERIVED:
        assert shop.rows(table) == fresh.rows(table), f"{table} differs; seed {seed}"
    # A record is contradicted for good by whatever came before the pick of its key changed: never fewer, none twice.
    kept, all_at_once = shop.rows("quarantine.clicks"), fresh.rows("quarantine.clicks")
    assert len(set(map(repr, kept))) == len(kept)
    assert set(map(repr, all_at_once)) <= set(map(repr, kept))
    return strategies


@pytest.mark.proof
# An erasure drawn at random may find nothing to erase, which PyIceberg warns of.
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning")
def test_a_random_history_on_both_engines_ends_as_one_full_build(
    aws: LocalAws, spark: SparkSession, tmp_path: Path
) -> None:
    strategies = history(3, aws, spark, tmp_path, rounds=4)
    for kind in ("spark full", "spark incremental", "duckdb full", "duckdb incremental"):
        assert any(strategy.startswith(kind) for strategy in strategies), (kind, strategies)


@pytest.mark.proof
@pytest.mark.parametrize("seed", [0, 1, *range(1000, 1025)])
# As above.
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning")
def test_many_random_histories_on_both_engines_end_as_one_full_build(
    seed: int, aws: LocalAws, spark: SparkSession, tmp_path: Path
) -> None:
    history(seed, aws, spark, tmp_path, rounds=6)
