"""Environments of their own for Athena's clients, each made once of its lock; no client is in the project's.

A client that cannot be had fails its test under CI, and is said so elsewhere: without it nothing was tried. One
whose files are not those of its lock fails it everywhere.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.folders import ROOT

FOLDER = Path(__file__).parent
_MADE = ROOT / "build" / "clients"
#: The Python that the locks are resolved for, whichever runs the tests.
_PYTHON = "3.11"


def python_of(client: str) -> Path:
    """Return the Python of the environment of ``tests/clients/<client>/requirements.lock``; make it where it is not."""
    lock = FOLDER / client / "requirements.lock"
    made = _MADE / f"{client}-{_PYTHON}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    _MADE.mkdir(parents=True, exist_ok=True)
    with (_MADE / f"{client}.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        if not (made / ".ready").exists():
            uv = (sys.executable, "-m", "uv")
            _made(*uv, "venv", "--quiet", "--clear", "--python", _PYTHON, made)
            python = made / "bin" / "python"
            _made(*uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes", "--python", python, lock)
            (made / ".ready").touch()
    return made / "bin" / "python"


def _made(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        reason = f"NO CLIENT: its packages could not be had: {done.stderr[-500:]}. Nothing of it was tried."
        broken = "hash mismatch" in done.stderr.lower()  # what came is not what was locked
        pytest.fail(reason) if broken or os.environ.get("CI") else pytest.skip(reason)


def outcomes(program: Path, aws: dict[str, str], client: str = "python", seconds: int = 300) -> dict[str, str | None]:
    """Run a program's functions in their order, in the client's Python; return each one's traceback or None.

    ``aws`` is what the environment says of the local AWS. Nothing else of AWS is in the program's environment. What
    the client said is kept in ``build/clients/<program>.txt``.
    """
    done = subprocess.run(
        [python_of(client), FOLDER / "runner.py", program],
        env=aws, capture_output=True, text=True, timeout=seconds, check=False,
    )  # fmt: skip
    _MADE.joinpath(program.with_suffix(".txt").name).write_text(done.stdout + done.stderr, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return found
