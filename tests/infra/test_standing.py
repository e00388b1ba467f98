"""The process that stands ready synthesizes what a new one would, the project's own modules each time anew."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.cli import assembly
from sluice.cli.standing import Standing
from sluice.cli.starting import start_project
from sluice.errors import CommandError
from tests.folders import CACHE
from tests.waiting import until

pytestmark = pytest.mark.slow

OWN = """
    from aws_cdk import Stack, aws_sqs
    from infra.mine import NAME

    aws_sqs.CfnQueue(Stack(app, "own"), "Mine", queue_name=NAME)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with a stack of its owner's, named by a module of theirs."""
    start_project(tmp_path / "shop", empty=False)
    cache = tmp_path / "shop" / ".sluice" / "cache"
    cache.mkdir(parents=True)
    for layer in CACHE.glob("layer-*"):
        (cache / layer.name).symlink_to(layer)
    (tmp_path / "shop" / "infra" / "mine.py").write_text("NAME = 'first'\n")
    app = tmp_path / "shop" / "infra" / "app.py"
    text = app.read_text()
    marked = next(line for line in text.splitlines(keepends=True) if line.startswith("    # "))
    app.write_text(text.replace(marked, OWN + marked, 1))
    return tmp_path / "shop"


@pytest.fixture
def owner() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def templates(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.glob("*.template.json")}


def test_it_synthesizes_as_a_new_process_does_and_ends_with_its_owner(
    shop: Path, owner: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = Standing(tmp_path, owner.pid)
    contracts = [shop / "contracts"]
    plain = assembly.synthesize(contracts, "dev")
    kept = templates(plain)
    (shop / "infra" / "mine.py").write_text("NAME = 'second'\n")
    second = templates(assembly.synthesize(contracts, "dev", standing))
    assert second == {name: text.replace('"first"', '"second"') for name, text in kept.items()}
    assert second != kept

    (shop / "infra" / "mine.py").write_text("raise ValueError('broken on purpose')\n")
    with pytest.raises(CommandError, match="broken on purpose"):
        assembly.synthesize(contracts, "dev", standing)
    assert not list((shop / ".sluice" / "cache").glob("assembly-*.*"))  # nothing unfinished is left

    (shop / "infra" / "mine.py").write_text("NAME = 'first'\n# another file, the same templates\n")
    again = assembly.synthesize(contracts, "dev", standing)
    assert again != plain
    assert templates(again) == kept
    assert not filecmp.dircmp(plain, again).left_only

    place = tmp_path / "synthesis"
    socket = place.stat()
    assert not socket.st_mode & 0o077  # nobody else may connect
    monkeypatch.setattr(assembly, "_library", lambda: "another Sluice")
    (shop / "infra" / "mine.py").write_text("NAME = 'third'\n")
    assembly.synthesize(contracts, "dev", standing)
    assert place.stat().st_ino != socket.st_ino or place.stat().st_ctime_ns != socket.st_ctime_ns

    owner.kill()
    owner.wait()
    until(lambda: not place.exists(), "it ends with its owner", 20)


@pytest.mark.proof
def test_where_no_socket_can_be_a_process_of_its_own_synthesizes(shop: Path, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    assert (assembly.synthesize([shop / "contracts"], "dev", Standing(deep, os.getpid())) / "manifest.json").is_file()
    assert not list(deep.iterdir())
