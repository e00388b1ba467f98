"""Starting a local AWS: a port that is taken is told before anything starts, and a start that fails leaves nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sluice.cli import deployment, local
from sluice.cli.send import progress_bar
from sluice.errors import CommandError


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {port} cannot be listened on: Address already in use") as told:
            local.start(port, [], data=tmp_path / "aws", environment="dev", detached=True)
    assert told.value.safe == "nothing was started."
    assert "sluice up --port 0" in told.value.next_step
    assert not (tmp_path / "aws").exists()


@pytest.mark.parametrize("failing", ["_wait_until_ready", "_remember"])
def test_a_start_that_fails_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def sleeper(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[0]

    def fails(*arguments: Any) -> Any:
        raise CommandError("failed on purpose")

    (tmp_path / "assembly").mkdir()
    monkeypatch.setattr(local.subprocess, "Popen", sleeper)
    monkeypatch.setattr(local, "synthesize", lambda *_: tmp_path / "assembly")
    monkeypatch.setattr(local, "_wait_until_ready", lambda *_: None)
    monkeypatch.setattr(local, failing, fails)
    with pytest.raises(CommandError, match="failed on purpose"):
        local.start(0, [], data=tmp_path / "aws", environment="dev", detached=False)
    (process,) = started
    if process.stdin:
        process.stdin.close()
    assert process.poll() is not None
    assert not (tmp_path / "aws" / "pid").exists()


def test_an_environment_that_is_not_there_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stacks:
        def get_paginator(self, _: str) -> Stacks:
            return self

        def paginate(self) -> list[dict[str, Any]]:
            names = [f"sluice-{e}-{part}" for e in ("dev", "prod") for part in deployment.STACKS]
            return [{"Stacks": [{"StackName": name} for name in [*names, "other-storage"]]}]

    monkeypatch.setattr(deployment, "client", lambda _: Stacks())
    assert deployment.deployed("dev") == deployment.Deployment({})
    with pytest.raises(CommandError, match=r"There is no environment foo here; deployed: dev, prod\."):
        deployment.deployed("foo")


def test_a_progress_bar_shows_nothing_before_something_moved(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    console = Console(force_terminal=True)
    with pytest.raises(CommandError), progress_bar(console, "orders"):
        raise CommandError("no such stream")
    assert capsys.readouterr().out == ""
    with progress_bar(console, "orders") as move:
        move(3, 1, 1)
    assert "orders: 3 records" in capsys.readouterr().out


def test_outside_of_a_project_the_only_one_that_is_deployed_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = [f"shop-dev-{part}" for part in deployment.STACKS], [f"site-dev-{part}" for part in deployment.STACKS]
    assert deployment._name_prefix([*one, "shop-prod-storage"], "dev") == "sluice"  # as this repository says
    monkeypatch.chdir(tmp_path)
    assert deployment._name_prefix([*one, "site-prod-storage"], "dev") == "shop"
    assert deployment._name_prefix([], "dev") == "sluice"
    with pytest.raises(CommandError, match=r"The projects shop, site are deployed here, and .* is in none") as told:
        deployment._name_prefix([*one, *other], "dev")
    assert "in the folder of the project that is meant" in told.value.next_step
