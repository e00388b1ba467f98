"""One run of a Glue job, from STARTING to its end, and how the API describes it."""

from __future__ import annotations

import datetime
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.logs.models import logs_backends

from localaws.context import Context
from localaws.gateway import faults
from localaws.glue import process as glue_process
from localaws.glue.maven import JarError
from localaws.glue.process import WORKERS, Launch, LaunchError, Worker
from localaws.glue.spark import SparkMissing

#: The unit of a job's ``Timeout``, in seconds.
MINUTE = 60.0
#: States of a run that has not ended.
ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING"})


@dataclass(frozen=True)
class Wanted:
    """The parameters of one run: the caller's, or else the job's own; ``timeout`` in minutes."""

    job: str
    role_arn: str
    script: str
    arguments: Mapping[str, str]
    timeout: int
    worker_type: str
    workers: int
    glue_version: str
    log_group: str
    more: Mapping[str, Any]

    @property
    def worker(self) -> Worker:
        """Return the size of one of the run's workers."""
        return WORKERS[self.worker_type]


@dataclass(eq=False)
class JobRun:
    """A run as moto keeps it in a job's history."""

    wanted: Wanted
    attempt: int = 0
    previous: str | None = None
    job_run_id: str = ""
    status: str = "STARTING"
    error: str | None = None
    started: float = field(default_factory=time.time)
    running_since: float | None = None
    modified: float = field(default_factory=time.time)
    completed: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None
    _ends_as: tuple[str, str | None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Name the run as Glue does; a retry has its predecessor's name and the attempt's number."""
        first = (self.previous or "").split("_attempt_")[0]
        self.job_run_id = (
            f"{first}_attempt_{self.attempt}" if self.attempt else f"jr_{uuid.uuid4().hex}{uuid.uuid4().hex}"
        )

    def advance(self) -> None:
        """Do nothing: moto calls this to simulate progress, but this run really progresses."""

    def attach(self, process: subprocess.Popen[bytes]) -> None:
        """Store the run's process; it is ended at once if the run was stopped meanwhile."""
        with self._lock:
            self._process = process
            if self._ends_as is None:
                self.status, self.running_since = "RUNNING", time.time()
            else:
                glue_process.kill(process)

    def end_as(self, status: str, reason: str | None = None) -> bool:
        """End the run from outside, with this state; return False when it has ended already."""
        with self._lock:
            if self.status not in ACTIVE or self._ends_as is not None:
                return False
            self._ends_as = (status, reason)
            self.modified = time.time()
            if status == "STOPPED":
                self.status = "STOPPING"
            if self._process is not None:
                glue_process.kill(self._process)
        return True

    def settle(self, status: str, error: str | None = None) -> None:
        """Set the run's final state; the state of `end_as` wins if the run was ended from outside."""
        with self._lock:
            self.status, self.error = self._ends_as or (status, error)
            self.completed = self.modified = time.time()
        self.ended.set()

    @property
    def to_be_ended(self) -> bool:
        """Return whether the run was stopped or timed out, and so has to end."""
        return self._ends_as is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the ``JobRun`` structure."""
        wanted = self.wanted
        capacity = wanted.worker.dpu * wanted.workers
        ran = (self.completed or time.time()) - self.running_since if self.running_since else 0
        told: dict[str, Any] = {
            "Id": self.job_run_id,
            "Attempt": self.attempt,
            "JobName": wanted.job,
            "JobRunState": self.status,
            "StartedOn": _time(self.started),
            "LastModifiedOn": _time(self.modified),
            "Arguments": dict(wanted.arguments),
            "PredecessorRuns": [],
            "AllocatedCapacity": int(capacity),
            "MaxCapacity": capacity,
            "ExecutionTime": int(ran),
            "Timeout": wanted.timeout,
            "WorkerType": wanted.worker_type,
            "NumberOfWorkers": wanted.workers,
            "GlueVersion": wanted.glue_version,
            "LogGroupName": wanted.log_group,
            **wanted.more,
        }
        if self.completed:
            told["CompletedOn"] = _time(self.completed)
        if self.error:
            told["ErrorMessage"] = self.error
        if self.previous:
            told["PreviousRunId"] = self.previous
        return told


def _time(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def _kill(run: JobRun) -> None:
    run.end_as("FAILED", "Command failed: the process was killed")


def carry_out(ctx: Context, run: JobRun, launch: Launch, access_key: str) -> None:
    """Run the script to its end, remove what it left behind, and only then set the final state of ``run``."""
    logs = RunLog(ctx, run)
    faults.register_caller(access_key, lambda: _kill(run))
    try:
        end = _end_of(run, launch, logs)
    finally:
        faults.forget_caller(access_key)
        shutil.rmtree(launch.folder, ignore_errors=True)
        logs.close()
    run.settle(*end)


def _end_of(run: JobRun, launch: Launch, logs: RunLog) -> tuple[str, str | None]:
    """Run the script; return the final state and the error."""
    output, error = logs.writer("output"), logs.writer("error")
    timer = threading.Timer(run.wanted.timeout * MINUTE, run.end_as, ("TIMEOUT", "Job run timed out"))
    timer.daemon = True
    try:
        process = glue_process.start(launch, error)
    except (LaunchError, JarError, SparkMissing) as problem:
        error(str(problem))
        return "FAILED", str(problem)
    run.attach(process)
    timer.start()
    readers = glue_process.follow(process, output, error)
    status = process.wait()
    timer.cancel()
    glue_process.kill(process)  # processes that the script started and left behind
    for reader in readers:
        reader.join(5)
    return ("SUCCEEDED", None) if status == 0 else ("FAILED", glue_process.failure(launch.folder, status))


class RunLog:
    """Writes a run's lines to its streams in CloudWatch Logs and to the job's log file."""

    def __init__(self, ctx: Context, run: JobRun) -> None:
        self._backend = logs_backends[ctx.account][ctx.region]
        self._prefix, self._stream = run.wanted.log_group, run.job_run_id
        self._lock = threading.Lock()
        for kind in ("output", "error"):
            self._backend.ensure_log_group(f"{self._prefix}/{kind}")
            self._backend.create_log_stream(f"{self._prefix}/{kind}", self._stream)
        folder = ctx.scratch / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{run.wanted.job.replace('/', '_')}.log").open("a", buffering=1, encoding="utf-8")
        self._file.write(f"---- {run.job_run_id}\n")

    def writer(self, kind: str) -> Callable[[str], None]:
        """Return the function that writes one line to the log group ``output`` or ``error``."""
        group = f"{self._prefix}/{kind}"

        def write(line: str) -> None:
            event = {"timestamp": int(time.time() * 1000), "message": line}
            with self._lock:
                if self._file.closed:
                    return  # held open by a process of the script that left the process group and outlived it
                self._file.write(f"{line}\n")
                if line and group in self._backend.groups:  # otherwise it was deleted meanwhile, and the job still runs
                    self._backend.put_log_events(group, self._stream, [event])

        return write

    def close(self) -> None:
        """Close the log file."""
        with self._lock:
            self._file.close()


def run_folder(ctx: Context, run: JobRun) -> Path:
    """Return the folder that a run writes to, below the scratch directory."""
    return ctx.scratch / "glue" / run.job_run_id
