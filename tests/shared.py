"""What takes long to make is made once in a run, by the worker that needs it first."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from xdist import is_xdist_worker


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
