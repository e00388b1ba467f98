"""Puts bytecode beside the functions' modules, so that no start of a function compiles what it imports.

It is made by the functions' own Python, wherever one is on this machine, and never compared with its source: a zip has
no times to compare, and what is deployed does not change. https://peps.python.org/pep-0552/
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .config import PYTHON

#: How CPython calls the bytecode of the functions' Python: https://peps.python.org/pep-3147/
TAG: Final = f"cpython-{PYTHON.replace('.', '')}"
_MISSING = (
    f"Python {PYTHON}, on which the functions run, was not found on this machine: they are made without bytecode, and "
    "each start of one takes up to a second longer. With it on the PATH they are made with bytecode."
)
_KEPT_SECONDS = 14 * 86_400


def interpreter() -> Path | None:
    """Return an executable of the functions' Python on this machine, or None where there is none."""
    return next((path for path in _candidates() if _is_it(path)), None)


def add_bytecode(folder: Path, at: str, cache: Path | None = None) -> bool:
    """Put the bytecode of each module below ``folder`` beside it; return whether the functions' Python is here.

    ``at`` is where the folder will be, which tracebacks name. In ``cache`` it is kept for the same modules.
    """
    kept = cache / f"functions-bytecode-{_digest(folder, at)}" if cache else None
    if kept is not None and kept.is_dir():
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        os.utime(kept)
        return True
    python = interpreter()
    if python is None:
        sys.stderr.write(f"{_MISSING}\n")
        return False
    _compile(python, folder, at)
    if kept is not None:
        _keep(folder, kept)
    return True


def _compile(python: Path, folder: Path, at: str) -> None:
    # The same modules give the same bytes: in one process, in order, and with the same hashes of texts.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(
        [
            *(str(python), "-s", "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", at, str(folder)),
        ],
        check=True,
        stdout=sys.stderr,
        env={**inherited, "PYTHONHASHSEED": "0"},
    )


def _keep(folder: Path, kept: Path) -> None:
    """Copy the bytecode below ``folder`` to ``kept``, and delete what nobody used for two weeks."""
    for old in kept.parent.glob("functions-bytecode-*"):
        if old.stat().st_mtime < time.time() - _KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    for file in folder.rglob(f"*.{TAG}.pyc"):
        copy = unfinished / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    try:
        unfinished.rename(kept)
    except OSError:  # another synthesis kept the same meanwhile
        shutil.rmtree(unfinished)


def _digest(folder: Path, at: str) -> str:
    digest = hashlib.sha256(f"{PYTHON} {at}\0".encode())
    for path in sorted(folder.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _candidates() -> Iterator[Path]:
    """Yield where the functions' Python may be: this one, those on the PATH, and those that pyenv and uv keep."""
    yield Path(sys.executable)
    for place in os.get_exec_path():
        yield Path(place, f"python{PYTHON}")
    home = Path(os.path.expanduser("~"))
    yield from _newest(Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions", f"{PYTHON}.*")
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    yield from _newest(Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python"), f"cpython-{PYTHON}.*")


def _newest(folder: Path, pattern: str) -> list[Path]:
    return [place / "bin" / f"python{PYTHON}" for place in sorted(folder.glob(pattern), reverse=True)]


def _is_it(path: Path) -> bool:
    if not os.access(path, os.X_OK):
        return False
    asked = [str(path), "-I", "-S", "-c", "import sys; print(sys.implementation.cache_tag)"]
    try:
        # A shim of pyenv is there for every version that it keeps, and fails for those that are not chosen.
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == TAG
