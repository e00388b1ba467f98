"""`sluice up` in the foreground: whatever ends it, no process of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.cli.starting import start_project
from tests.end_to_end.new_shop import take_layers
from tests.end_to_end.running import SLUICE
from tests.laws import some
from tests.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends") / "shop"
    start_project(folder, empty=False)
    take_layers(folder)
    return folder


def running(mark: str) -> list[str]:
    """Return the command lines of the processes that were started with ``mark`` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
    return found


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Processes hear an interrupt, as from a terminal: run in the background, tests and all below them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "how",
    some(
        [
            (signal.SIGINT, "synthesizing"),
            (signal.SIGHUP, "ready"),
            (signal.SIGTERM, "synthesizing"),
            (signal.SIGTERM, "Watching"),
            (signal.SIGINT, "ready"),
            (signal.SIGHUP, "Watching"),
        ],
        3,
    ),
)
def test_an_interrupt_a_termination_and_a_closed_terminal_end_every_process(
    shop: Path, tmp_path: Path, how: tuple[signal.Signals, str]
) -> None:
    end, when = how
    if when == "synthesizing":  # anything else than before
        (shop / "contracts" / "visits.yaml").open("a").write(f"# {end.name}\n")
    mark = f"SLUICE_TEST_MARK={tmp_path}"
    out = tmp_path / "out"
    with out.open("wb") as stream:
        up = subprocess.Popen(
            [SLUICE, "up", "--port", "0", *(["--watch"] if when == "Watching" else [])],
            cwd=shop, env={**os.environ, "SLUICE_TEST_MARK": str(tmp_path)}, stdout=stream, stderr=stream,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        if when == "synthesizing":
            until(lambda: any("jsii" in line for line in running(mark)), "CDK's Node in the synthesis", 60)
        else:
            until(lambda: when in out.read_text() or up.poll() is not None, when, 300)
        if when == "Watching":
            until(lambda: any(".standing" in line for line in running(mark)), "the process that stands ready", 60)
        assert up.poll() is None, out.read_text()
        up.send_signal(end)  # to the command alone: nobody else tells the others
        assert up.wait(60) == (130 if when == "synthesizing" else 0), out.read_text()
        until(lambda: not running(mark), f"all end: {running(mark)}", 20)
    finally:
        up.kill()
    assert not (shop / ".sluice" / "run" / "pid").exists()
