"""One Lambda sandbox: a runtime client in a process, and the Runtime API that it polls.

Memory and time are limited as on AWS: by resident memory (address space says nothing about Arrow or DuckDB, which map
far more than they use) and by the function's timeout. A function that writes to ``/tmp`` by name rather than through
``tempfile`` shares this machine's ``/tmp``, and only the function's own process counts towards its memory.
"""

from __future__ import annotations

import contextlib
import datetime
import hmac
import json
import logging
import math
import os
import queue
import secrets
import select
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

log = logging.getLogger("localaws.lambda")

#: AWS lets a sandbox initialize for 10 s before the function's own timeout begins to count:
#: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
_INIT_SECONDS = 10.0
#: How long, in seconds, output of an ended process's children is still read.
_LAST_WORDS_SECONDS = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Launch:
    """The parameters of a sandbox; ``timeout`` in seconds, ``memory`` in MB, ``tmp`` its own scratch directory.

    ``command`` starts the client that loads the handler and polls the Runtime API.
    """

    function: str
    version: str
    arn: str
    command: tuple[str, ...]
    task_root: Path
    environment: Mapping[str, str]
    timeout: float
    memory: int
    tmp: Path


@dataclass(frozen=True)
class InvocationOutcome:
    """How an invocation ended: what the caller receives, whether that is an error, and the log lines it wrote."""

    request_id: str
    payload: bytes
    failed: bool
    logs: str


@dataclass
class _Invocation:
    request_id: str
    payload: bytes
    deadline: float = 0.0
    #: Set when it was answered, and when the process then asked for the next one or ended.
    done: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    result: bytes = b"null"
    failed: bool = False

    def finish(self, result: bytes, *, failed: bool) -> None:
        if not self.done.is_set():
            self.result, self.failed = result, failed
            self.done.set()


class Sandbox:
    """A warm process for one function; runs one invocation at a time."""

    def __init__(self, launch: Launch, write_log: Callable[[str], None], *, on_exit: Callable[[], None]) -> None:
        self.launch = launch
        self.idle_since = time.monotonic()
        self._write_log = write_log
        self._on_exit = on_exit
        self._pending: queue.SimpleQueue[_Invocation | None] = queue.SimpleQueue()
        self._current: _Invocation | None = None
        self._taken: _Invocation | None = None
        self._polled = threading.Event()
        self._init_error: bytes | None = None
        self._killed_for: str | None = None
        self._status: int | None = None
        self._lines: list[str] = []
        self._partial = b""
        self._reading = threading.Lock()
        self._started = time.monotonic()
        self._init_reported = False
        self._server = _RuntimeApi(self)
        self._process = self._start()
        self._output = self._process.stdout.fileno()  # type: ignore[union-attr]
        os.set_blocking(self._output, False)
        self._following = self._thread(self._follow_output)
        for target in (self._server.serve_forever, self._await_exit):
            self._thread(target)

    def _thread(self, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=target, daemon=True, name=f"sandbox {self.launch.function}")
        thread.start()
        return thread

    def _start(self) -> subprocess.Popen[bytes]:
        launch = self.launch
        host, port = self._server.server_address[:2]
        environment = {**launch.environment, "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}/{self._server.secret}"}
        return subprocess.Popen(
            launch.command,
            cwd=launch.task_root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    @property
    def alive(self) -> bool:
        """Return whether the sandbox can take another invocation."""
        return self._killed_for is None and self._process.poll() is None

    @property
    def busy(self) -> bool:
        """Return whether the sandbox initializes or runs an invocation: only then does its memory grow."""
        return self._current is not None

    def invoke(self, payload: bytes, request_id: str | None = None) -> InvocationOutcome:
        """Run one invocation to its end: a result, an error, a timeout or the death of the process."""
        invocation = _Invocation(request_id or str(uuid.uuid4()), payload)
        self._current = invocation
        self._log(f"START RequestId: {invocation.request_id} Version: {self.launch.version}")
        if self._status is not None:
            invocation.finish(self._obituary(invocation.request_id, self._status), failed=True)
            invocation.over.set()
        self._pending.put(invocation)
        began = self._await_start(invocation)
        if not invocation.done.wait(max(0.0, began + self.launch.timeout - time.monotonic())):
            self._time_out(invocation)
        # As on AWS, an invocation lasts until the runtime asks for the next one: what has answered may be ending.
        elif not invocation.over.wait(max(0.0, began + self.launch.timeout - time.monotonic())):
            self.kill("timeout")
        if self._process.poll() is not None:
            invocation.done.wait()
        duration = (time.monotonic() - began) * 1000
        self._drain()
        self._end_line()
        if self._process.poll() is not None and invocation.failed:
            # As on AWS: what ended the process stands in the log, with its signal or status.
            ended = json.loads(invocation.result)
            self._log(str(ended.get("errorMessage", "")))
            self._log(str(ended.get("errorType", "")))
        self._report(invocation, duration)
        self._current = None
        self.idle_since = time.monotonic()
        with self._reading:
            lines, self._lines = self._lines, []
        return InvocationOutcome(invocation.request_id, invocation.result, invocation.failed, "\n".join(lines))

    def _await_start(self, invocation: _Invocation) -> float:
        """Return when the function's own time began: at once if warm, else at the runtime's first request for work."""
        if not self._polled.is_set():
            waited = time.monotonic()
            while not self._polled.wait(0.005) and not invocation.done.is_set():
                if time.monotonic() - waited > _INIT_SECONDS:
                    break  # as on AWS, initialization then goes on at the function's expense
        return time.monotonic()

    def _time_out(self, invocation: _Invocation) -> None:
        message = f"Task timed out after {self.launch.timeout:.2f} seconds"
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        self._log(f"{now}Z {invocation.request_id} {message}")
        text = f"RequestId: {invocation.request_id} Error: {message}"
        invocation.finish(_error("Sandbox.Timedout", text), failed=True)
        self.kill("timeout")

    def kill(self, reason: str) -> None:
        """End the process at once; ``reason`` (``memory``, ``timeout``, ``fault``, ``stop``) is what is reported."""
        if self._killed_for is None:
            self._killed_for = reason
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    def resident_mb(self) -> float:
        """Return the process's resident memory in MB; 0 once it has ended."""
        try:
            with open(f"/proc/{self._process.pid}/statm", "rb") as statm:
                return int(statm.read().split()[1]) * _PAGE / 2**20
        except (OSError, IndexError):
            return 0.0

    def _peak_mb(self) -> int:
        with contextlib.suppress(OSError), open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM"):
                    return -(-int(line.split()[1]) // 1024)
        return self.launch.memory if self._killed_for == "memory" else 0

    def _report(self, invocation: _Invocation, duration: float) -> None:
        rid, memory = invocation.request_id, self.launch.memory
        self._log(f"END RequestId: {rid}")
        parts = [
            f"REPORT RequestId: {rid}",
            f"Duration: {duration:.2f} ms",
            f"Billed Duration: {math.ceil(duration)} ms",
        ]
        parts += [f"Memory Size: {memory} MB", f"Max Memory Used: {min(self._peak_mb(), memory)} MB"]
        if not self._init_reported:
            self._init_reported = True
            parts.append(f"Init Duration: {(time.monotonic() - self._started) * 1000 - duration:.2f} ms")
        if self._killed_for == "timeout":
            parts.append("Status: timeout")
        elif invocation.failed and not self.alive:
            parts += ["Status: error", f"Error Type: {json.loads(invocation.result).get('errorType')}"]
        self._log("\t".join(parts))

    # ---- what the process writes

    def _log(self, line: str) -> None:
        with self._reading:
            self._lines.append(line)
            self._write_log(line)

    def _follow_output(self) -> None:
        """Log the process's output until its pipe has no writer left; only this thread closes the pipe."""
        waiting = select.poll()
        waiting.register(self._output, select.POLLIN)
        while True:
            waiting.poll()
            if not self._drain():
                break
        with self._reading:
            self._process.stdout.close()  # type: ignore[union-attr]

    def _drain(self) -> bool:
        """Log all output so far, so that it precedes the invocation's END; return False when the pipe has ended."""
        with self._reading:
            while not self._process.stdout.closed:  # type: ignore[union-attr]
                try:
                    chunk = os.read(self._output, 65536)
                except BlockingIOError:
                    return True
                *lines, self._partial = (self._partial + chunk).split(b"\n")
                if not chunk and self._partial:
                    lines, self._partial = [self._partial], b""
                for line in lines:
                    text = line.decode(errors="replace")
                    self._lines.append(text)
                    self._write_log(text)
                if not chunk:
                    return False
            return False

    def _end_line(self) -> None:
        """Log output that has no line end: the runtime client ends no line after a logged traceback."""
        with self._reading:
            if self._partial:
                text, self._partial = self._partial.decode(errors="replace"), b""
                self._lines.append(text)
                self._write_log(text)

    # ---- how it ends

    def _await_exit(self) -> None:
        self._status = status = self._process.wait()
        if self._current is not None:
            self._current.over.set()
        self._following.join(_LAST_WORDS_SECONDS)
        self._pending.put(None)
        self._server.stop()
        while (invocation := self._current) is not None and not invocation.done.is_set():
            invocation.finish(self._obituary(invocation.request_id, status), failed=True)
        self._on_exit()

    def _obituary(self, request_id: str, status: int) -> bytes:
        if self._init_error is not None:
            return self._init_error
        kind = "Runtime.OutOfMemory" if self._killed_for == "memory" else "Runtime.ExitError"
        if status == 0:
            return _error(kind, f"RequestId: {request_id} Error: Runtime exited without providing a reason")
        how = f"exit status {status}" if status > 0 else f"signal: {_signal_name(-status)}"
        return _error(kind, f"RequestId: {request_id} Error: Runtime exited with error: {how}")

    # ---- what the Runtime API calls

    def next_invocation(self) -> _Invocation | None:
        """Return the next invocation, waiting for it; None when the process is to end."""
        self._polled.set()
        if self._taken is not None:
            self._taken.over.set()
        self._taken = invocation = self._pending.get()
        if invocation is not None:
            invocation.deadline = time.time() + self.launch.timeout
        return invocation

    def settle(self, request_id: str, body: bytes, *, failed: bool) -> None:
        """Store the result or the error that the function returned."""
        if self._current is not None and self._current.request_id == request_id:
            self._current.finish(body, failed=failed)

    def fail_init(self, body: bytes) -> None:
        """Store why the function could not be imported; it is reported when the process has ended."""
        self._init_error = body


class _RuntimeApi(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        #: A secret in the path of every call, since other users of this machine and web pages can reach the port.
        self.secret = secrets.token_urlsafe(24)
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    """The HTTP side of the Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html."""

    server: _RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise every warm call waits 40 ms for a delayed TCP acknowledgement
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the function's own log has what matters."""

    def _is_ours(self) -> bool:
        if hmac.compare_digest(f"{self.path}/".split("/")[1].encode("utf-8", "replace"), self.server.secret.encode()):
            return True
        log.warning("refused %s %s at the runtime API", self.command, ascii(self.path)[1:100])
        self.close_connection = True
        self._answer(403, b"", {})
        return False

    def do_GET(self) -> None:
        """Serve ``/runtime/invocation/next``."""
        if not self._is_ours():
            return
        invocation = self.server.sandbox.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.sandbox.launch.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
            "Content-Type": "application/json",
        }
        self._answer(200, invocation.payload, headers)

    def do_POST(self) -> None:
        """Serve ``/runtime/invocation/<id>/response``, ``…/error`` and ``/runtime/init/error``."""
        if not self._is_ours():
            return
        body = self._body()
        *_, what, kind = self.path.split("/")
        if (what, kind) == ("init", "error"):
            self.server.sandbox.fail_init(body)
        else:
            self.server.sandbox.settle(what, body, failed=kind == "error")
        self._answer(202, b'{"status":"OK"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)


class MemoryWatch:
    """Kills the sandboxes that outgrow their function's MemorySize, checking about every 50 ms."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._watched: set[Sandbox] = set()
        self._lock = threading.Lock()
        if Path("/proc/self/statm").exists():
            threading.Thread(target=self._watch, daemon=True, name="lambda memory").start()
        else:
            log.warning("Lambda MemorySize is NOT enforced: this system has no /proc to read memory from")

    def add(self, sandbox: Sandbox) -> None:
        """Watch ``sandbox`` until it has ended."""
        with self._lock:
            self._watched.add(sandbox)

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                self._watched = {sandbox for sandbox in self._watched if sandbox.alive}
                busy = [sandbox for sandbox in self._watched if sandbox.busy]
            for sandbox in busy:
                if sandbox.resident_mb() > sandbox.launch.memory:
                    sandbox.kill("memory")


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _signal_name(number: int) -> str:
    if number == signal.SIGKILL:
        return "killed"
    return (signal.strsignal(number) or str(number)).lower()
