"""What tests of Glue jobs share: a job made of a script's text, and its runs seen to their end."""

import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.context import Context
from tests.localaws.running import EVERYTHING, role, until

BUCKET = "glue-scripts"
DONE = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT")


@dataclass(frozen=True)
class Job:
    """A job of the local Glue."""

    ctx: Context
    name: str

    def start(self, **arguments: Any) -> str:
        return str(self.ctx.client("glue").start_job_run(JobName=self.name, **arguments)["JobRunId"])

    def run(self, run_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.ctx.client("glue").get_job_run(JobName=self.name, RunId=run_id)["JobRun"]
        return answer

    def runs(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.ctx.client("glue").get_job_runs(JobName=self.name)["JobRuns"]
        return answer

    def ended(self, run_id: str, seconds: float = 30.0) -> dict[str, Any]:
        """The run, once it has its final state."""
        until(lambda: self.run(run_id)["JobRunState"] in DONE, seconds)
        return self.run(run_id)

    def carry_out(self, seconds: float = 30.0, **arguments: Any) -> dict[str, Any]:
        return self.ended(self.start(**arguments), seconds)

    def log(self, kind: str, run_id: str) -> list[str]:
        """What a run wrote to its log group ``output`` or ``error``."""
        events = self.ctx.client("logs").get_log_events(
            logGroupName=f"/aws-glue/jobs/{kind}", logStreamName=run_id, startFromHead=True
        )
        return [event["message"] for event in events["events"]]

    def processes(self, run_id: str) -> list[int]:
        """Processes whose command line names the run."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline") if run_id in _text(path)]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def put(ctx: Context, key: str, body: str | bytes) -> str:
    """Store an object beside the scripts and return its address."""
    s3 = ctx.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return f"s3://{BUCKET}/{key}"


def job(ctx: Context, script: str, *, command: str = "glueetl", **options: Any) -> Job:
    """Create a job that runs ``script``, with a role that may do everything unless one is given."""
    name = f"job-{uuid.uuid4().hex[:8]}"
    location = put(ctx, f"{name}.py", script)
    options.setdefault("Role", role(ctx, "everything", EVERYTHING))
    command_ = {"Name": command, "PythonVersion": "3", "ScriptLocation": location}
    ctx.client("glue").create_job(Name=name, Command=command_, GlueVersion="5.1", **options)
    return Job(ctx, name)


def signals(folder: Path, name: str) -> str:
    """Python text that says through the file ``name`` that the script is there."""
    return f"import pathlib; pathlib.Path({json.dumps(os.fspath(folder / name))}).touch()\n"
