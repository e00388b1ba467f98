"""A process that synthesizes again and again: CDK, its Node and Sluice are imported once, the project each time anew.

``python -m infra.standing SOCKET OWNER`` serves one request a connection, in JSON lines on a Unix socket that this user
alone can write to. It ends with the process OWNER, after half an hour without a request, and when it is outdated.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sluice.folders import LIBRARY, ProjectFolder, brought, needed_project
from sluice.transforms.child import prepare
from sluice.transforms.compile import COMPILING

from . import synthesis

__all__ = ["synthesis"]  # imported so that it is there when the first request comes

_IDLE_SECONDS = 1800.0
#: CDK's kernel keeps what was made in it; after so many a new process is begun.
_MOST = 40
#: When the next process to compile is prepared: not amid the deployment of what was just synthesized.
_PREPARE_SECONDS = 5.0


def serve(place: Path, owner: int) -> None:
    """Answer requests at the socket ``place`` until there is no reason to stand any longer."""
    project = needed_project()
    place.unlink(missing_ok=True)
    before = os.umask(0o177)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    os.umask(before)
    own = place.stat().st_ino
    listener.listen(1)
    listener.settimeout(_IDLE_SECONDS)
    threading.Thread(target=_end_with, args=(owner, place, own), daemon=True).start()
    known: str | None = None
    for _ in range(_MOST):
        try:
            connection, _address = listener.accept()
        except TimeoutError:
            break
        with connection, connection.makefile("rw") as stream:
            request = json.loads(stream.readline())
            known = known or request["library"]
            outdated = known != request["library"]
            if outdated:
                _leave(place, own)  # before it is said: the next process takes the same place
            stream.write(json.dumps({"outdated": True} if outdated else _synthesized(project, request)) + "\n")
        if outdated:
            break
        later = threading.Timer(_PREPARE_SECONDS, prepare, (COMPILING, project.root))
        later.daemon = True
        later.start()
    _leave(place, own)


def _leave(place: Path, own: int) -> None:
    """Remove the socket unless another process has put its own there."""
    with suppress(FileNotFoundError):
        if place.stat().st_ino == own:
            place.unlink()


def _end_with(owner: int, place: Path, own: int) -> None:
    while True:
        try:
            os.kill(owner, 0)
        except OSError:
            _leave(place, own)
            os.kill(os.getpid(), signal.SIGKILL)  # also amid a synthesis, of which nobody asks any more
        time.sleep(0.5)


def _synthesized(project: ProjectFolder, request: dict[str, Any]) -> dict[str, Any]:
    """Run the project's ``infra.app`` with the request's variables; return its status and what it said."""
    status, before = 0, dict(os.environ)
    os.environ.update(request["variables"])
    with _told() as said:
        try:
            runpy.run_module("infra.app", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        except Exception:  # noqa: BLE001  it is the owner's code, and costs no later synthesis
            traceback.print_exc()
            status = 1
    os.environ.clear()
    os.environ.update(before)
    _forget(project.root)
    return {"status": status, "said": said[0]}


@contextmanager
def _told() -> Iterator[list[str]]:
    """Yield a list to which all that is written meanwhile is added, by this process and by those that it starts."""
    said: list[str] = []
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            yield said
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)
            file.seek(0)
            said.append(file.read())


def _forget(root: Path) -> None:
    """Have the project's own modules imported anew the next time; the library's, and its environment's, stay."""
    ours = (LIBRARY, brought("infra"), Path(sys.prefix))
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(root) and not any(Path(file).is_relative_to(each) for each in ours):
            sys.modules.pop(name)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
