"""What incremental runs leave is what one full build makes, whatever came, in whichever order, killed wherever."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pyiceberg.table import Table

import sluice.refresh.duckdb.attempt as attempt_module
from sluice.storage import LocalStore
from tests.laws import some
from tests.sluice.refresh.small_shop import DERIVED, SmallShop, random_delivery

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


class Mortal(LocalStore):
    """Kills the run before or after a put, once."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed

    def put(self, address: str, body: bytes | BinaryIO) -> None:
        self.step()
        super().put(address, body)
        self.step()


def history(seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Live through random deliveries and refreshes, with kills; compare with one full build; return the strategies."""
    chance = random.Random(seed)
    store = Mortal()
    shop = SmallShop(folder / "lived", store)
    real = attempt_module.replace

    def replace(*args: Any, **given: Any) -> Table:
        store.step()
        done = real(*args, **given)
        store.step()
        return done

    monkeypatch.setattr(attempt_module, "replace", replace)
    strategies = []
    for _ in range(chance.randint(8, 14)):
        for _ in range(chance.randint(1, 4)):
            shop.deliver(*random_delivery(chance))
        if chance.random() < 0.15:
            _erase(shop, chance)
        if chance.random() < 0.3:
            store.left = chance.randint(0, 12)
        try:
            strategies += [f"{r.table}: {'incremental' if r.incremental else r.reason}" for r in shop.refresh()]
        except Killed:
            strategies.append("killed")
        store.left = None
    shop.refresh()
    monkeypatch.setattr(attempt_module, "replace", real)
    fresh = SmallShop(folder / "fresh")
    for dataset in ("orders", "lines", "products", "clicks"):
        fresh.deliver(dataset, shop.load(f"bronze.{dataset}").scan().to_arrow().to_pylist())
    assert not any(run.incremental for run in fresh.refresh())
    for table in DERIVED:
        assert shop.rows(table) == fresh.rows(table), f"{table} differs; seed {seed}"
    return strategies


def _erase(shop: SmallShop, chance: random.Random) -> None:
    """Remove rows from a bronze table, as erasure of a person's data does."""
    dataset, column = chance.choice([("orders", "order_id"), ("lines", "order_id"), ("clicks", "session_id")])
    shop.load(f"bronze.{dataset}").delete(f"{column} = '{column[0]}{chance.randint(1, 12)}'")


#: The first of ten runs in the suite; `make proof` runs all twenty, and 200 more.
_SEEDS = some(range(20), 20)


# An erasure drawn at random may find nothing to erase, which PyIceberg warns of.
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning")
@pytest.mark.parametrize("seed", _SEEDS)
def test_a_random_history_ends_as_one_full_build(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strategies = history(seed, tmp_path, monkeypatch)
    assert any(strategy.endswith(": incremental") for strategy in strategies)


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning")
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_random_histories_end_as_one_full_build(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(seed, tmp_path, monkeypatch)
