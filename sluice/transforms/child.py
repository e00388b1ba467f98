"""Asks a process of its own about transforms: SQLFrame replaces PySpark there, and stays out of the asking one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sluice.errors import SluiceError, TransformError
from sluice.transforms.functions.recorded import record, recording
from sluice.transforms.shared import share_helpers

_REFUSED = 3


def ask(module: str, arguments: Sequence[str], given: Any, folder: Path | None) -> subprocess.CompletedProcess[bytes]:
    """Run a module that ends with what ``answered`` returns; its answer, JSON, is on standard output, empty if it died.

    What is ``given`` is written to its standard input as JSON. It imports the helpers of the project in ``folder``, by
    default of the present one. Raise the ``TransformError`` with which it refuses.
    """
    done = subprocess.run(
        # Without the folder on the path (-P): a module beside glue_jobs/ is not there for the Spark job, either.
        [sys.executable, "-P", "-m", module, *arguments],
        input=msgspec.json.encode(given),
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if done.returncode == _REFUSED and done.stdout:
        raise TransformError.from_data(msgspec.json.decode(done.stdout))
    return done


def answered(answer: Callable[[bytes], Any]) -> int:
    """Write what is answered of the JSON on standard input, or the error, and return the process's status."""
    from sqlframe import activate

    activate("duckdb")
    share_helpers(Path.cwd())
    record()  # before any module binds a function's name
    recording(True)  # what a module makes when it is imported, too
    # What a transform prints is no part of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        found, status = answer(sys.stdin.buffer.read()), 0
    except SluiceError as error:
        found, status = error.as_data(), _REFUSED
    with out:
        out.write(msgspec.json.encode(found))
    return status
