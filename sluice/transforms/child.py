"""Asks a process of its own about transforms: SQLFrame replaces PySpark there, and stays out of the asking one."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from sluice.errors import SluiceError, TransformError
from sluice.transforms.functions.recorded import record, recording
from sluice.transforms.shared import share_helpers

_REFUSED = 3
#: How often a process looks whether the one that began it is there.
_LOOK_SECONDS = 0.5
#: https://man7.org/linux/man-pages/man2/pr_set_pdeathsig.2const.html
_PR_SET_PDEATHSIG = 1


#: Processes that have imported what they need and wait to be asked, by module and folder.
_ready: dict[tuple[str, Path | None], subprocess.Popen[bytes]] = {}


def prepare(module: str, folder: Path | None) -> None:
    """Begin the process that the next question to the module in the folder goes to: importing takes most of its time.

    It ends with this one, of which its standard input comes.
    """
    if (module, folder) not in _ready:
        _ready[module, folder] = _begun(module, folder)


def ask(module: str, given: Any, folder: Path | None) -> subprocess.CompletedProcess[bytes]:
    """Run a module that ends with what ``answered`` returns; its answer, JSON, is on standard output, empty if it died.

    What is ``given`` is written to its standard input as JSON. It imports the helpers of the project in ``folder``, by
    default of the present one. Raise the ``TransformError`` with which it refuses.
    """
    process = _ready.pop((module, folder), None)
    if process is None or process.poll() is not None:
        process = _begun(module, folder)
    with process:
        try:
            said, told = process.communicate(msgspec.json.encode(given))
        except BaseException:
            process.kill()
            raise
    if process.returncode == _REFUSED and said:
        raise TransformError.from_data(msgspec.json.decode(said))
    return subprocess.CompletedProcess(process.args, process.returncode, said, told)


def _begun(module: str, folder: Path | None) -> subprocess.Popen[bytes]:
    # Without the folder on the path (-P): a module beside glue_jobs/ is not there for the Spark job, either.
    command = [sys.executable, "-P", "-m", module, str(os.getpid())]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe)


def end_with_parent(parent: int, *, forked: bool = False) -> None:
    """Let this process end soon after its ``parent``, whatever ended that: a transform may never return.

    One that was ``forked`` by the parent's main thread ends at once on Linux, even within a regular expression or a
    power of large numbers, during which Python runs no other thread.
    """
    if forked and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def answered(answer: Callable[[bytes], Any]) -> int:
    """Write what is answered of the JSON on standard input, or the error, and return the process's status."""
    from sqlframe import activate

    end_with_parent(int(sys.argv[1]))
    activate("duckdb")
    share_helpers(Path.cwd())
    record()  # before any module binds a function's name
    recording(True)  # what a module makes when it is imported, too
    # What a transform prints is no part of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        given = sys.stdin.buffer.read()
        found, status = answer(given) if given else None, 0  # nobody asks any more: who prepared it has ended
    except SluiceError as error:
        found, status = error.as_data(), _REFUSED
    with out:
        out.write(msgspec.json.encode(found))
    return status
