"""What a local AWS reads and writes lies where nobody else can put anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localaws import __main__ as command
from localaws import folders
from localaws.folders import NotOurs
from localaws.server import LocalAws
from sluice.cli import local
from sluice.errors import CommandError


def test_a_new_folder_is_this_users_alone(tmp_path: Path) -> None:
    made = folders.own(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700
    assert folders.own(made) == made


@pytest.mark.parametrize("mode", [0o777, 0o722, 0o720, 0o702, 0o1777])
def test_a_folder_that_others_write_to_is_refused_before_anything_is_written(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(NotOurs, match="chmod go-w"):
        LocalAws.start(scratch=folder)
    with pytest.raises(CommandError, match="chmod go-w"):
        local.start(1, [], data=folder, environment="dev", detached=True)
    assert command.main(["serve", "--data", str(folder), "--port", "0"]) == 1
    assert list(folder.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    for name in ("theirs", "link"):
        with pytest.raises(NotOurs, match="another user"):
            folders.own(tmp_path / name)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotOurs, match="no folder"):
        folders.own(tmp_path / "file")


@pytest.mark.parametrize("append", [True, False])
def test_a_link_is_not_written_through(tmp_path: Path, append: bool) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "serve.log").symlink_to(tmp_path / "kept")
    (tmp_path / "new").symlink_to(tmp_path / "nothing")
    for name in ("serve.log", "new"):
        with pytest.raises(OSError, match="symbolic links"):
            folders.open_for_writing(tmp_path / name, append=append)
    assert (tmp_path / "kept").read_text() == "kept"
    assert not (tmp_path / "nothing").exists()


def test_the_log_of_a_local_aws_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "aws").mkdir(mode=0o700)
    (tmp_path / "aws" / "localaws.log").symlink_to(tmp_path / "kept")
    # In a process of its own: another local AWS may run in this one.
    command = [sys.executable, "-m", "localaws", "serve", "--data", str(tmp_path / "aws"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "symbolic links" in done.stderr
    assert (tmp_path / "kept").read_text() == "kept"
