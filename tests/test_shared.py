"""What is made once in a run is made by one worker, seen whole by all, and made again if it failed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.shared import made_once


class Toy:
    """A worker of pytest-xdist (``gw0``, with a folder in the run's), or a pytest that is none."""

    def __init__(self, run: Path, worker: str | None) -> None:
        self._base = run / f"popen-{worker}" if worker else run
        self._base.mkdir(parents=True, exist_ok=True)
        self.config = type("Config", (), {"workerinput": {"workerid": worker}} if worker else {})()

    def getfixturevalue(self, name: str) -> Any:
        assert name == "tmp_path_factory"
        return self

    def getbasetemp(self) -> Path:
        return self._base


def put(folder: Path) -> None:
    """Make something slowly, so that one who did not wait would see half of it."""
    (folder / "first").write_text("1")
    time.sleep(0.05)
    (folder / "last").write_text("1")


def test_workers_that_ask_at_once_get_one_folder_that_one_of_them_made_whole(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        put(folder)

    def ask(number: int) -> list[str]:
        # Each with a lock of its own: a lock belongs to the opened file, so that threads wait as processes do.
        folder = made_once(Toy(tmp_path, f"gw{number}"), "thing", make)  # type: ignore[arg-type]
        return sorted(file.name for file in folder.iterdir())

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(ask, range(8)))
    assert seen == [["first", "last"]] * 8
    assert made == [tmp_path / "shared-thing"]


def test_what_failed_half_way_is_made_again_from_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("1")
        raise RuntimeError("half way")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="half way"):
            made_once(Toy(tmp_path, "gw0"), "thing", fail)  # type: ignore[arg-type]
    folder = made_once(Toy(tmp_path, "gw1"), "thing", put)  # type: ignore[arg-type]
    assert sorted(file.name for file in folder.iterdir()) == ["first", "last"]


def test_a_pytest_that_a_worker_starts_shares_nothing_with_the_run_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")  # inherited
    outer, inner = tmp_path / "outer", tmp_path / "outer" / "inner"
    of_worker = made_once(Toy(outer, "gw0"), "thing", put)  # type: ignore[arg-type]
    nested = made_once(Toy(inner, None), "thing", put)  # type: ignore[arg-type]
    assert (of_worker, nested) == (outer / "shared-thing", inner / "shared-thing")


def test_things_of_different_names_are_apart(tmp_path: Path) -> None:
    one, other = (made_once(Toy(tmp_path, "gw0"), name, put) for name in ("a", "b"))  # type: ignore[arg-type]
    assert one != other
