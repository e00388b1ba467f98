"""Glue jobs that really run: each run is a process of its own, with Spark and Iceberg, and its job role's credentials.

Replaces how moto's ``FakeJob`` starts and reports runs, and adds ``BatchStopJobRun``. A job runs on this machine's
Python and on PySpark's Spark, whatever its ``GlueVersion``; unsupported parameters are refused at the start.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.glue.exceptions import ConcurrentRunsExceededException, JobRunNotFoundException
from moto.glue.models import FakeJob
from moto.glue.responses import GlueResponse
from moto.iam.models import iam_backends

from localaws.context import Context
from localaws.glue import arguments as glue_arguments
from localaws.glue.arguments import JobArguments, UnsupportedArgument
from localaws.glue.process import WORKERS, Launch
from localaws.glue.runs import ACTIVE, JobRun, Wanted, carry_out, run_folder
from localaws.iam import trust
from localaws.moto_patches import add, replace

log = logging.getLogger("localaws.glue")

#: How many runs have a process at once on this machine; further ones stay STARTING until one ends.
MACHINE_RUNS = max(2, (os.cpu_count() or 1) // 2)
_WORKER_TYPE, _WORKERS = "G.1X", 10
_SESSION_NAME = "GlueJobRunnerSession"


class InvalidInput(JsonRESTError):
    """A run cannot be started as requested, and was not started."""

    code = 400

    def __init__(self, job: str, problem: str) -> None:
        super().__init__(
            "InvalidInputException", f"The job {job!r} was not started and has written nothing: {problem}."
        )


class JobRuns:
    """The runs of one local AWS."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.starting = threading.Lock()
        self._slots = threading.BoundedSemaphore(MACHINE_RUNS)
        self._active: set[JobRun] = set()
        self._lock = threading.Lock()
        ctx.on_close(self.close)

    def start(self, job: Any, run: JobRun, arguments: JobArguments) -> None:
        """Start ``run`` as soon as this machine has room for it."""
        threading.Thread(target=self._run, args=(job, run, arguments), daemon=True, name=f"glue {job.name}").start()

    def _run(self, job: Any, run: JobRun, arguments: JobArguments) -> None:
        with self._lock:
            self._active.add(run)
        try:
            with self._slots:
                if run.to_be_ended or self.ctx.stopping.is_set():
                    run.settle("STOPPED")
                else:
                    launch, access_key = self._launch(run, arguments)
                    carry_out(self.ctx, run, launch, access_key)
        except Exception as error:
            log.exception("the run %s of %s broke off", run.job_run_id, job.name)
            run.settle("FAILED", f"localaws could not carry the run out: {type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._active.discard(run)
        if run.status == "FAILED" and run.attempt < int(job.max_retries or 0) and not self.ctx.stopping.is_set():
            again = JobRun(run.wanted, attempt=run.attempt + 1, previous=run.job_run_id)
            job.job_runs.append(again)
            self.start(job, again, arguments)

    def _launch(self, run: JobRun, arguments: JobArguments) -> tuple[Launch, str]:
        ctx, wanted = self.ctx, run.wanted
        role = trust.assume_as_service(ctx, wanted.role_arn, "glue.amazonaws.com", _SESSION_NAME)
        launch = Launch(
            script=wanted.script,
            arguments=arguments,
            names={"--JOB_NAME": wanted.job, "--JOB_RUN_ID": run.job_run_id},
            worker=wanted.worker,
            folder=run_folder(ctx, run),
            region=ctx.region,
            endpoint=ctx.endpoint,
            credentials={
                "AWS_ACCESS_KEY_ID": role.access_key_id,
                "AWS_SECRET_ACCESS_KEY": role.secret_access_key,
                "AWS_SESSION_TOKEN": role.session_token,
            },
        )
        return launch, role.access_key_id

    def close(self) -> None:
        """End every run, and wait for their processes to end."""
        if self in _open:
            _open.remove(self)
        with self._lock:
            active = list(self._active)
        for run in active:
            run.end_as("STOPPED", "The local AWS was stopped")
        for run in active:
            if not run.ended.wait(10):
                log.error("the run %s of %s did not end", run.job_run_id, run.wanted.job)


# ---- moto's Glue

#: moto's classes are process-wide, and so is who runs their jobs: the newest context that is not closed.
_open: list[JobRuns] = []


def install(ctx: Context) -> None:
    """Run the jobs of this process's moto in ``ctx``, until it is closed."""
    _open.append(JobRuns(ctx))
    replace(FakeJob, "start_job_run", _start_job_run)
    replace(FakeJob, "get_job_runs", _get_job_runs)
    for operation in OPERATIONS:
        add(GlueResponse, operation.__name__, operation)


def _runs() -> JobRuns:
    if not _open:
        raise RuntimeError("localaws.glue.install(ctx) was not called")
    return _open[-1]


def _start_job_run(self: Any, *, arguments: dict[str, str] | None, previous_run_id: str | None, **given: Any) -> str:
    runs = _runs()
    merged = {**self.default_arguments, **(arguments or {}), **(self.non_overridable_arguments or {})}
    read = _readable(self, merged)
    wanted = _wanted(runs.ctx, self, merged, read, given)
    with runs.starting:  # otherwise two starts could both take the last free place
        if sum(run.status in ACTIVE for run in self.job_runs) >= self.execution_property.get("MaxConcurrentRuns", 1):
            raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {self.name}")
        run = JobRun(wanted, previous=previous_run_id)
        self.job_runs.append(run)
    runs.start(self, run, read)
    return run.job_run_id


def _readable(job: Any, arguments: dict[str, str]) -> JobArguments:
    command = job.command.get("Name")
    if command != "glueetl":
        raise InvalidInput(job.name, f"Command.Name is {command!r}, and only 'glueetl' runs locally")
    if not job.command.get("ScriptLocation"):
        raise InvalidInput(job.name, "Command.ScriptLocation is not set")
    for name in ("connections", "security_configuration"):
        if value := getattr(job, name, None):
            raise InvalidInput(job.name, f"{name} is {value!r}, which jobs cannot have locally")
    try:
        return glue_arguments.read(arguments)
    except UnsupportedArgument as problem:
        raise InvalidInput(job.name, str(problem)) from problem


def _wanted(ctx: Context, job: Any, merged: dict[str, str], read: JobArguments, given: dict[str, Any]) -> Wanted:
    worker_type = given["worker_type"] or job.worker_type or _WORKER_TYPE
    if worker_type not in WORKERS:
        raise InvalidInput(job.name, f"WorkerType is {worker_type!r}; allowed: {', '.join(WORKERS)}")
    version = str(job.glue_version or "0.9")
    capacity = given["max_capacity"] or job.max_capacity or given["allocated_capacity"] or job.allocated_capacity
    notify = given["notification_property"] or job.notification_property
    return Wanted(
        job=job.name,
        role_arn=_role_arn(ctx, job),
        script=job.command["ScriptLocation"],
        arguments=merged,
        timeout=int(given["timeout"] or job.timeout or (480 if version >= "5" else 2880)),
        worker_type=worker_type,
        workers=int(given["number_of_workers"] or job.number_of_workers or capacity or _WORKERS),
        glue_version=version,
        log_group=read.log_group,
        more={"ExecutionClass": job.execution_class, **({"NotificationProperty": notify} if notify else {})},
    )


def _role_arn(ctx: Context, job: Any) -> str:
    """Return the ARN of the job's role, which may be given by its name or its ARN."""
    for role in iam_backends[ctx.account]["aws"].roles.values():
        if job.role in (role.name, role.arn):
            return str(role.arn)
    raise InvalidInput(job.name, f"its role {job.role!r} does not exist")


def _get_job_runs(self: Any) -> list[JobRun]:
    """Return the runs of a job, the newest first, as Glue lists them."""
    return list(reversed(self.job_runs))


def batch_stop_job_run(self: Any) -> ActionResult:
    """Answer BatchStopJobRun: stop the runs that can be stopped."""
    name = self.parameters["JobName"]
    job = self.glue_backend.get_job(name)
    stopped, errors = [], []
    for run_id in self.parameters["JobRunIds"]:
        try:
            run = job.get_job_run(run_id)
        except JobRunNotFoundException:
            errors.append(_error(name, run_id, "EntityNotFoundException", f"The job run {run_id} does not exist"))
            continue
        if run.end_as("STOPPED"):
            stopped.append({"JobName": name, "JobRunId": run_id})
        else:
            message = f"The job run {run_id} is {run.status} and cannot be stopped"
            errors.append(_error(name, run_id, "JobRunInTerminalStateException", message))
    return ActionResult({"SuccessfulSubmissions": stopped, "Errors": errors})


#: The methods that are added to moto's ``GlueResponse``.
OPERATIONS = (batch_stop_job_run,)


def _error(job: str, run_id: str, code: str, message: str) -> dict[str, Any]:
    return {"JobName": job, "JobRunId": run_id, "ErrorDetail": {"ErrorCode": code, "ErrorMessage": message}}
