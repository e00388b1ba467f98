"""The processes that compile transforms, forked from one that has imported what they need: most of their time.

A worker of the tests asks hundreds of them. Each is one of its own all the same, with its own folder, environment and
end; what it does not have is a seed of its own for the order of sets, which is its worker's. Run as a file, this is the
process that is forked.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

#: Where this variable is set, processes are begun as Python begins them.
UNFORKED = "SLUICE_TESTS_UNFORKED"
#: What is asked, each by ``sluice.transforms.child``.
MODULES = ("sluice.transforms.compile", "sluice.transforms.described")


class Forked:
    """A process as ``subprocess.Popen`` shows it, as far as those that ask need it."""

    def __init__(self, server: Server, module: str, folder: Path | None) -> None:
        given, self.stdin = os.pipe()
        self.stdout, said = os.pipe()
        self.stderr, told = os.pipe()
        self._ended, ended = os.pipe()
        self.args, self.returncode = ["forked", module], None
        self._lock = threading.Lock()
        request = {"module": module, "folder": str(folder or Path.cwd()), "environment": dict(os.environ)}
        server.send(json.dumps(request).encode(), [given, said, told, ended])
        for end in (given, said, told, ended):
            os.close(end)
        self._status = os.fdopen(self._ended, "rb")
        self.pid = int(self._status.readline())

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        for end in ("stdin", "stdout", "stderr"):
            self._close(end)
        self.wait()
        self._status.close()

    def _close(self, end: str) -> None:
        number, closed = getattr(self, end), -1
        setattr(self, end, closed)
        if number != closed:
            os.close(number)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], 0)[0]:
                self.returncode = int(self._status.readline() or -9)  # without a line, its server has ended
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None and not select.select([self._status], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        found = self.poll()
        assert found is not None
        return found

    def communicate(self, given: bytes | None = None) -> tuple[bytes, bytes]:
        read: dict[str, bytes] = {}

        def drain(end: str) -> None:
            with os.fdopen(os.dup(getattr(self, end)), "rb") as stream:
                read[end] = stream.read()

        threads = [threading.Thread(target=drain, args=(end,)) for end in ("stdout", "stderr")]
        for thread in threads:
            thread.start()
        try:
            with os.fdopen(os.dup(self.stdin), "wb") as stream:
                self._close("stdin")
                stream.write(given or b"")
        except BrokenPipeError:
            pass  # it has ended without reading, as Popen takes it, too
        for thread in threads:
            thread.join()
        self.wait()
        return read["stdout"], read["stderr"]


class Server:
    """The process that is forked, of this process."""

    def __init__(self) -> None:
        self.path = os.environ.get("PYTHONPATH")
        self._lock = threading.Lock()
        self._socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        command = [sys.executable, "-P", __file__, str(other.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        other.close()

    def send(self, request: bytes, ends: list[int]) -> None:
        with self._lock:
            socket.send_fds(self._socket, [request], ends)

    def close(self) -> None:
        self._socket.close()
        self.process.wait(20)


def _serve(number: int) -> None:
    for module in MODULES:
        importlib.import_module(module)
    importlib.import_module("sqlframe.duckdb.functions")
    gc.freeze()
    asked = socket.socket(fileno=number)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting: dict[int, int] = {}
    while True:
        for ready in select.select([asked, woken], [], [])[0]:
            if ready == woken:
                os.read(woken, 4096)
                continue
            request, ends, _, _ = socket.recv_fds(asked, 1 << 20, 4)
            if not request:
                os._exit(0)  # whoever asked has ended
            child = os.fork()
            if not child:
                asked.close()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (woken, wake, *waiting.values()):
                    os.close(each)
                _become(json.loads(request), ends)
            _tell(ends[3], child)
            waiting[child] = ends[3]
            for each in ends[:3]:
                os.close(each)
        while waiting:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                break
            _tell(waiting[child], os.waitstatus_to_exitcode(status))
            os.close(waiting.pop(child))


def _tell(end: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever asked has let it go, and asks for no more
        os.write(end, f"{number}\n".encode())


def _become(request: dict[str, Any], ends: list[int]) -> None:
    """Be the process that was asked for, to its end."""
    status = 1
    try:
        for number, end in enumerate(ends[:3]):
            os.dup2(end, number)
        for end in ends:
            os.close(end)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        sys.argv = [request["module"], str(os.getppid())]
        del sys.modules[request["module"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 (as Python ends a process)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
