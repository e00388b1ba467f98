"""The processes of query engines: one kept for each workgroup and role, ended when it is idle, stopped or astray."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Hashable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from localaws.athena.computing import Computed, Question, Relation, raised

log = logging.getLogger("localaws.athena")

#: After how many seconds without a query a process ends, and how many are kept until then.
IDLE_SECONDS: Final = 120.0
KEPT: Final = 4
#: Tables of more bytes go to the process through a file, which both map, and not through its socket.
_LARGEST_SENT: Final = 1 << 20
_START_SECONDS: Final = 60
#: Where the dynamic linker looks for libraries: some Pythons, such as Nix's, find their own nowhere else.
_LIBRARIES: Final = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class EngineEnded(Exception):
    """The process of a query engine ended before it had answered."""


class EngineProcess:
    """A process with one confined DuckDB; it answers one question at a time, and ``kill`` ends it at any time."""

    def __init__(self, scratch: Path) -> None:
        self.folder = (scratch / "athena" / uuid.uuid4().hex).absolute()
        self.folder.mkdir(parents=True)
        ours, its = socket.socketpair()
        self._process = subprocess.Popen(
            # Nothing that SQL could ever have written is imported, or found by a name without a folder.
            [sys.executable, "-P", "-m", "localaws.athena.engine_main", str(its.fileno()), str(self.folder)],
            pass_fds=(its.fileno(),), stdin=subprocess.DEVNULL, cwd="/", env=_environment(),
        )  # fmt: skip
        its.close()
        self._channel = Connection(ours.detach())
        self._ready = False
        self._ended = threading.Lock()
        self._answering = False
        self.idle_since = time.monotonic()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Return whether the process can be asked: it lives, and nothing of an answer is left."""
        return self._process.poll() is None and not self._answering

    def compute(self, asked: Question) -> Computed:
        """Return the answer to a question; raise duckdb.Error or EngineEnded, also while its rows are taken."""
        if self._answering:
            self.kill()
            raise EngineEnded("the process of the query engine was ended: it was asked anew before it had answered")
        try:
            asked = replace(asked, relations=[self._sent(relation) for relation in asked.relations])
        except OSError as error:
            reason = f"the process of the query engine could not be given the rows of a table in memory: {error}"
            raise EngineEnded(reason) from error
        if not self._ready:
            self._heard("ready", _START_SECONDS)
            self._ready = True
        self._answering = True
        try:
            self._channel.send(asked)
            kinds = self._heard("kinds")
            sent = self._channel.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(sent))
        except (pa.ArrowException, OSError, EOFError) as error:
            raise self._astray("columns", error) from error
        return Computed(kinds, schema, self._batches(schema))

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        with self._ended:
            if self._process.returncode is None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """End the process, which nobody uses any more, and its connection."""
        self.kill()
        self._channel.close()

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            while self._heard("more"):
                yield self._checked(self._channel.recv_bytes(), schema)
        except (EOFError, OSError) as error:
            raise self._lost() from error
        self._answering = False

    def _heard(self, name: str, seconds: float | None = None) -> Any:
        """Return what the next message says of ``name``; raise the error that it tells."""
        try:
            if not self._channel.poll(seconds):
                self.kill()
                raise EngineEnded(f"the process of the query engine was not ready after {seconds} s")
            sent = self._channel.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        try:
            said = json.loads(sent)
            failed = raised(str(said["error"]), str(said["text"])) if "error" in said else None
            found = said[name] if failed is None else None
        except (ValueError, LookupError, TypeError) as wrong:
            raise self._astray("words", wrong) from wrong
        if failed is not None:
            self._answering = False
            raise failed
        return found

    def _lost(self) -> EngineEnded:
        self.kill()
        status = self._process.returncode
        how = f"by signal {signal.Signals(-status).name}" if status < 0 else f"with exit code {status}"
        return EngineEnded(f"the process of the query engine ended {how}")

    def _checked(self, sent: bytes, schema: pa.Schema) -> pa.RecordBatch:
        """Return the batch that the process sent; what is none would have this process read beyond its bytes."""
        try:
            batch = pa.ipc.read_record_batch(pa.py_buffer(sent), schema)
            batch.validate(full=True)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise self._astray("rows", error) from error
        return batch

    def _astray(self, what: str, error: Exception) -> EngineEnded:
        self.kill()
        return EngineEnded(f"the process of the query engine was ended, since it sent {what} that are none ({error})")

    def _sent(self, relation: Relation) -> Relation:
        if not isinstance(relation.data, pa.Table) or relation.data.nbytes <= _LARGEST_SENT:
            return relation
        file = self.folder / f"{relation.name}-{uuid.uuid4().hex}.arrow"
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, relation.data.schema) as writer:
            writer.write_table(relation.data)
        return replace(relation, data=file)


class Engines:
    """The processes of a local AWS; what asked for one has it alone until it gives it back."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._lock = threading.Lock()
        self._idle: list[tuple[Hashable, EngineProcess]] = []
        self._closed = threading.Event()
        self._spare: EngineProcess | None = EngineProcess(scratch)
        self._sweeper = threading.Thread(target=self._sweep, name="athena-idle-engines", daemon=True)
        self._sweeper.start()

    def take(self, key: Hashable) -> EngineProcess:
        """Return a process that has answered nobody but ``key``."""
        with self._lock:
            for entry in reversed(self._idle):
                if entry[0] == key:
                    self._idle.remove(entry)
                    if entry[1].usable:
                        return entry[1]
                    entry[1].close()
            spare, self._spare = self._spare, None
        threading.Thread(target=self._make_spare, name="athena-spare-engine", daemon=True).start()
        if spare is not None and spare.usable:
            return spare
        if spare is not None:
            spare.close()  # it died before anybody asked it
        return EngineProcess(self._scratch)

    def give_back(self, key: Hashable, process: EngineProcess) -> None:
        """Keep the process for the next query of ``key``, or end it."""
        process.idle_since = time.monotonic()
        ended = []
        with self._lock:
            if self._closed.is_set() or not process.usable:
                ended.append(process)
            else:
                _empty(process.folder)
                self._idle.append((key, process))
                ended += [entry for _, entry in self._idle[:-KEPT]]
                self._idle = self._idle[-KEPT:]
        for each in ended:
            each.close()

    def close(self) -> None:
        """End all processes that are idle; who has one gives it back, and it ends."""
        with self._lock:
            self._closed.set()
            ended = [process for _, process in self._idle] + ([self._spare] if self._spare else [])
            self._idle, self._spare = [], None
        for process in ended:
            process.close()
        self._sweeper.join()

    def _make_spare(self) -> None:
        with self._lock:
            if not self._closed.is_set() and self._spare is None:
                self._spare = EngineProcess(self._scratch)

    def _sweep(self) -> None:
        while not self._closed.wait(min(IDLE_SECONDS, 10)):
            before = time.monotonic() - IDLE_SECONDS
            with self._lock:
                ended = [entry for entry in self._idle if entry[1].idle_since < before]
                self._idle = [entry for entry in self._idle if entry not in ended]
            for _, process in ended:
                process.close()


def _environment() -> dict[str, str]:
    """Return a process's variables: where programs and modules are, and nothing of the local AWS's own."""
    modules = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path if folder)
    found = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": modules, "TZ": "UTC", "LANG": "C.UTF-8",
             "AWS_EC2_METADATA_DISABLED": "true"}  # fmt: skip
    return found | {name: os.environ[name] for name in _LIBRARIES if name in os.environ}


def _empty(folder: Path) -> None:
    """Delete the tables that went through files."""
    for file in folder.glob("*.arrow"):
        file.unlink(missing_ok=True)
