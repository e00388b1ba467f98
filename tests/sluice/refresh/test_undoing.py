"""What is retracted, erased, rolled back and killed leaves what one full build makes of what is left."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import sluice.refresh.duckdb.attempt as attempt
from sluice.refresh.record import Run
from tests.laws import some
from tests.sluice.ingestion.test_commit import LocalSettings
from tests.sluice.refresh.small_shop import SmallShop
from tests.sluice.refresh.test_incremental import Killed, Mortal
from tests.sluice.refresh.undoing import (
    DEEDS,
    WITH_RETENTION,
    History,
    assert_built_anew_is_the_same,
    assert_what_stayed_is_the_same,
)

# An erasure drawn at random may find nothing to erase, which PyIceberg warns of.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Delete operation did not match any records:UserWarning"),
]


def lived(
    seed: int,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    deeds: Mapping[Callable[[History], None], float] = DEEDS,
    compare: Callable[[History, SmallShop], None] = assert_built_anew_is_the_same,
) -> list[str]:
    """Live through a history of ``deeds`` with kills, compare, and return what happened."""
    store, real = Mortal(), attempt.replace
    shop = SmallShop(folder / "lived", store)

    def replace(*given: Any, **more: Any) -> Any:
        store.step()
        done = real(*given, **more)
        store.step()
        return done

    def run(chance: random.Random, table: str, **given: Any) -> Run:
        store.left = chance.randint(0, 6) if chance.random() < 0.1 else None
        try:
            return shop.run(table, **given)
        finally:
            store.left = None

    monkeypatch.setattr(attempt, "replace", replace)
    history = History(seed, shop, LocalSettings(folder=str(folder / "lived" / "lake")), run, Killed, deeds=deeds)
    history.live(rounds=4)
    monkeypatch.setattr(attempt, "replace", real)
    compare(history, SmallShop(folder / "fresh"))
    return history.said


@pytest.mark.parametrize("seed", some(range(200), 50))
def test_what_is_undone_leaves_what_one_full_build_makes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = lived(seed, tmp_path, monkeypatch)
    assert any(each.endswith(": incremental") for each in said)
    assert any(each.startswith("rolled back") for each in said)


@pytest.mark.parametrize("seed", some(range(2000, 2100), 50))
def test_with_retention_too_a_key_of_which_all_is_left_is_what_one_full_build_makes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived(seed, tmp_path, monkeypatch, deeds=WITH_RETENTION, compare=assert_what_stayed_is_the_same)
