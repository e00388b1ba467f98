"""`sluice up` in the foreground: whatever ends it, no process of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sluice.cli.starting import start_project
from tests.end_to_end.running import SLUICE, until
from tests.folders import CACHE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends") / "shop"
    start_project(folder, empty=False)
    cache = folder / ".sluice" / "cache"
    cache.mkdir(parents=True)
    for layer in CACHE.glob("layer-*"):
        (cache / layer.name).symlink_to(layer)
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


@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize("when", ["synthesizing", "ready"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_a_termination_and_a_closed_terminal_end_every_process(
    shop: Path, tmp_path: Path, end: signal.Signals, when: str, watch: bool
) -> None:
    if watch and when == "synthesizing":
        pytest.skip("nothing is watched before it is ready")
    if when == "synthesizing":  # anything else than before
        (shop / "contracts" / "visits.yaml").open("a").write(f"# {end.name}\n")
    mark = f"SLUICE_TEST_MARK={tmp_path}"
    out = tmp_path / "out"
    with out.open("wb") as stream:
        up = subprocess.Popen(
            [SLUICE, "up", "--port", "0", *(["--watch"] if watch else [])],
            cwd=shop, env={**os.environ, "SLUICE_TEST_MARK": str(tmp_path)}, stdout=stream, stderr=stream,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        if when == "ready":
            said = "Watching" if watch else "ready"
            until(lambda: said in out.read_text() or up.poll() is not None, said, 300)
        else:
            until(lambda: any("infra.app" in line for line in running(mark)), "the synthesis", 60)
            time.sleep(1.0)  # so that it has begun CDK's Node
        assert up.poll() is None, out.read_text()
        up.send_signal(end)  # to the command alone: nobody else tells the others
        assert up.wait(60) == (0 if when == "ready" else 130), out.read_text()
        until(lambda: not running(mark), f"all end: {running(mark)}", 20)
    finally:
        up.kill()
    assert not (shop / ".sluice" / "run" / "pid").exists()
