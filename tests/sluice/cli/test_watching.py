"""A save is deployed once it is quiet; what is wrong with one is told, and the watch goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import watching
from sluice.cli.deploying import Outcome
from sluice.cli.standing import Standing
from sluice.cli.starting import start_project
from sluice.errors import CommandError
from sluice.folders import MARKS, ProjectFolder, needed_project
from tests.waiting import until


class Watched:
    """A project that is watched in a thread; ``deployed`` has the contract's text at each deployment."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        start_project(folder, empty=False)
        self.contract = folder / "contracts" / "visits.yaml"
        self.said: list[str] = []
        self.asked: list[list[Path]] = []
        self.deployed: list[str] = []
        self.fails: list[Exception] = []
        self._stop = threading.Event()
        monkeypatch.setattr(watching, "warm", lambda *_: None)
        monkeypatch.setattr(watching, "deploy", self._deploy)
        watch = watching.Watch(
            [folder / "contracts"], "dev", Standing(folder, 0), self.said.append, lambda outcome: None
        )
        self._thread = threading.Thread(target=watch.run, args=(lambda: not self._stop.is_set(),))

    def _deploy(self, contracts: list[Path], *_: Any, **__: Any) -> Outcome:
        self.asked.append(contracts)
        needed_project(contracts)
        self.deployed.append(self.contract.read_text())
        if self.fails:
            raise self.fails.pop()
        return Outcome([], [], deployed=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        until(lambda: "Watching: a save is deployed." in self.said, "the watch begins", 20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path / "shop", monkeypatch)


def test_each_save_is_deployed_and_several_at_once_are_one(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_QUIET_SECONDS", 1.0)
    with watched:
        for number in range(5):
            watched.contract.write_text(f"# {number}\n")
        until(lambda: watched.deployed, "a deployment", 20)
        assert watched.deployed == ["# 4\n"]


@pytest.mark.parametrize(
    "error", [CommandError("broken on purpose"), OSError("no such file"), ValueError("nobody foresaw it")]
)
def test_a_save_that_cannot_be_deployed_is_told_and_the_next_one_is_deployed(
    watched: Watched, error: Exception
) -> None:
    watched.fails = [error]
    with watched:
        watched.contract.write_text("# one\n")
        until(lambda: any(str(error) in line for line in watched.said), "the error", 20)
        watched.contract.write_text("# another\n")
        until(lambda: any(line.startswith("Deployed in") for line in watched.said), "the next one", 20)
    assert watched.deployed == ["# one\n", "# another\n"]


@pytest.mark.parametrize("act", [Path.unlink, lambda path: path.rename(path.with_name("other.yaml"))])
def test_a_file_that_is_removed_or_renamed_is_a_change(watched: Watched, act: Callable[[Path], object]) -> None:
    before, project = watching.Watch._signature, ProjectFolder(watched.contract.parents[1])
    watch = watching.Watch([watched.contract.parent], "dev", Standing(Path(), 0), print, print)
    seen = before(watch, project)
    act(watched.contract)
    assert before(watch, project) != seen


@pytest.mark.parametrize("name", [*MARKS, "contracts"])
def test_what_a_project_is_known_by_may_be_gone_for_a_while(watched: Watched, name: str) -> None:
    """An editor renames the old file before it writes the new one; the data of what runs ends with the watch."""
    place = watched.contract.parents[1] / name
    aside = place.with_name(f"{name}~")
    with watched:
        place.rename(aside)
        until(lambda: len(watched.asked) == 1, "a deployment without it", 20)
        aside.rename(place)
        until(lambda: len(watched.asked) == 2, "a deployment with it", 20)
    assert any("Deployed in" in line for line in watched.said)


def test_what_no_synthesis_reads_is_not_watched(watched: Watched) -> None:
    watch = watching.Watch([watched.contract.parent], "dev", Standing(Path(), 0), print, print)
    project = ProjectFolder(watched.contract.parents[1])
    seen = watch._signature(project)
    for name in (".sluice/run/log", "tests/test_mine.py", "glue_jobs/__pycache__/x.pyc"):
        file = watched.contract.parents[1] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("another")
    assert watch._signature(project) == seen
