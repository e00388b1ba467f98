"""Runs inside a Glue job's process: imports only from the paths it is given, runs the script, reports its failure.

Started by file path with ``python -I -S``, so the project's own code is found only if the job ships it, as on AWS. Ends
the whole process group, including Spark's Java, when the local AWS that started it is gone.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType

_MESSAGE_CHARACTERS = 2000


def main(launch: str) -> int:
    """Run the script that the file ``launch`` describes; return the exit status."""
    _end_with_parent()
    given = json.loads(Path(launch).read_text(encoding="utf-8"))
    sys.path[:0] = given["python_files"]
    sys.path += given["packages"]
    os.environ["PYTHONPATH"] = os.pathsep.join(given["python_files"])  # for Spark's Python workers
    sys.argv = [given["script"], *given["arguments"]]
    try:
        runpy.run_path(given["script"], run_name="__main__")
    except SystemExit as error:
        if error.code in (None, 0):
            return 0
        Path(given["error"]).write_text(f"SystemExit: {error.code}", encoding="utf-8")
        return 1
    except BaseException as error:  # noqa: BLE001  whatever it is, it is the job's answer
        traceback.print_exception(type(error), error, _from(error.__traceback__, given["script"]))
        Path(given["error"]).write_text(message(error), encoding="utf-8")
        return 1
    return 0


def message(error: BaseException) -> str:
    """Return an error in one line, as Glue reports it: without Java's stack trace, but with its root cause."""
    lines = str(error).split("\n\nJVM stacktrace:")[0].splitlines()
    told = [line.strip() for line in lines if not line.startswith("\t") and not line.startswith("Caused by: ")]
    causes = [line.strip() for line in lines if line.startswith("Caused by: ")]
    text = " ".join([*(line for line in told if line), *causes[-1:]])
    kind = type(error).__name__
    return (f"{kind}: {text}" if text else kind)[:_MESSAGE_CHARACTERS]


def _from(trace: TracebackType | None, script: str) -> TracebackType | None:
    """Return the part of a traceback that begins in the script; all of it when the script was not reached."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != script:
        found = found.tb_next
    return found or trace


def _end_with_parent() -> None:
    """Kill this process group when standard input ends: only the local AWS holds its other end."""
    parent = os.dup(0)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)

    def watch() -> None:
        os.read(parent, 1)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent").start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
