"""What takes long to make is made once in a run, by the worker that needs it first."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from xdist import is_xdist_worker

from sluice.load import load_project
from sluice.project import FILE_NAME, Project, decode_project


def made_once(request: pytest.FixtureRequest, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder ``name`` of this run, which ``make`` filled; no other worker makes it, or sees half of it."""
    base = request.getfixturevalue("tmp_path_factory").getbasetemp()
    # A worker of pytest-xdist has a folder of its own in that of the run. What it is, its configuration says: its
    # environment is also that of a pytest which one of its tests starts.
    # https://pytest-xdist.readthedocs.io/en/stable/how-to.html#making-session-scoped-fixtures-execute-only-once
    run = base.parent if is_xdist_worker(request) else base
    folder, done = run / f"shared-{name}", run / f"shared-{name}.done"
    with (run / f"shared-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def compiled_once(request: pytest.FixtureRequest, contracts: Path) -> Project:
    """Return the project of the ``contracts`` and its transforms, which is compiled once in a run."""

    def make(folder: Path) -> None:
        (folder / FILE_NAME).write_bytes(load_project([contracts]).to_json())

    folder = made_once(request, f"project-{contracts.parent.name}", make)
    return decode_project((folder / FILE_NAME).read_bytes())
