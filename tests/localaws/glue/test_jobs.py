"""Jobs that run: arguments, files, states, limits, logs, permissions. No script here starts Spark (see test_spark)."""

# ruff: noqa: F811  `ctx` is a fixture

import io
import json
import os
import signal
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.cloudformation.assembly import pointer
from localaws.context import Context
from localaws.glue import runs as glue_runs
from localaws.glue.process import failure
from tests.localaws.glue.scripts import BUCKET, job, put, signals
from tests.localaws.running import ctx, role, until  # noqa: F401

ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"
SLEEP = "import time; time.sleep(60)\n"


def test_a_script_gets_the_defaults_overridden_by_the_runs_and_those_by_what_cannot_be(ctx: Context) -> None:
    made = job(
        ctx,
        ARGUMENTS,
        DefaultArguments={"--a": "default", "--b": "default", "--enable-metrics": "true"},
        NonOverridableArguments={"--c": "fixed"},
    )
    run = made.carry_out(Arguments={"--b": "given", "--c": "given", "--empty": ""})
    assert run["JobRunState"] == "SUCCEEDED"
    given = json.loads(made.log("output", run["Id"])[0])
    assert given == [
        *("--JOB_NAME", made.name, "--JOB_RUN_ID", run["Id"]),
        *("--a", "default", "--b", "given", "--c", "fixed", "--empty", ""),
    ]


def test_a_run_says_what_it_was_started_with(ctx: Context) -> None:
    made = job(ctx, "pass", WorkerType="G.1X", NumberOfWorkers=2, Timeout=7)
    run = made.carry_out(WorkerType="G.2X", NumberOfWorkers=3, Timeout=5)
    told = {name: run[name] for name in ("Attempt", "WorkerType", "NumberOfWorkers", "MaxCapacity", "Timeout")}
    assert told == {"Attempt": 0, "WorkerType": "G.2X", "NumberOfWorkers": 3, "MaxCapacity": 6.0, "Timeout": 5}
    assert run["StartedOn"] <= run["CompletedOn"]
    assert (run["GlueVersion"], run["LogGroupName"]) == ("5.1", "/aws-glue/jobs")
    assert "ErrorMessage" not in run


def test_what_a_script_raises_is_the_runs_error(ctx: Context, tmp_path: Path) -> None:
    made = job(ctx, "import sys\nprint('seen', flush=True)\nraise ValueError('no such table: x')\n")
    run = made.carry_out()
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "ValueError: no such table: x")
    assert made.log("output", run["Id"]) == ["seen"]
    error = made.log("error", run["Id"])
    assert (error[0], error[-1]) == ("Traceback (most recent call last):", "ValueError: no such table: x")
    assert "line 3" in error[1]
    assert "runpy" not in "".join(error)
    assert "seen" in (ctx.scratch / "logs" / f"{made.name}.log").read_text()


@pytest.mark.parametrize(
    ("script", "state", "error"),
    [
        ("import sys; sys.exit(0)", "SUCCEEDED", None),
        ("import sys; sys.exit(3)", "FAILED", "SystemExit: 3"),
        ("import os; os._exit(9)", "FAILED", "Command failed with exit code 9"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "FAILED",
            "Command failed: the process was ended by signal SIGKILL",
        ),
        ("def broken(:", "FAILED", "SyntaxError: invalid syntax"),
        ("import sluice", "FAILED", "ModuleNotFoundError: No module named 'sluice'"),
    ],
)
def test_a_run_ends_as_its_process_does(ctx: Context, script: str, state: str, error: str | None) -> None:
    run = job(ctx, script).carry_out()
    assert run["JobRunState"] == state
    assert (run.get("ErrorMessage") or "").startswith(error or "")
    assert bool(run.get("ErrorMessage")) == (error is not None)


def test_a_job_imports_what_it_ships_from_the_zip(ctx: Context) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("shipped.py", "answer = 42")
    address = put(ctx, "shipped.zip", buffer.getvalue())
    made = job(ctx, "import shipped; print(shipped.answer, shipped.__file__)")
    run = made.carry_out(Arguments={"--extra-py-files": address})
    (line,) = made.log("output", run["Id"])
    assert line.startswith("42 ")
    assert line.endswith("/shipped.zip/shipped.py")


def test_an_assets_folder_is_a_zip_for_the_job(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "shipped.py").write_text("answer = 43")
    address = put(ctx, "asset.zip", pointer(tmp_path))
    made = job(ctx, "import shipped; print(shipped.answer, shipped.__file__)")
    run = made.carry_out(Arguments={"--extra-py-files": address})
    assert made.log("output", run["Id"])[0].endswith("/asset.zip/shipped.py")


def test_extra_files_are_in_the_working_directory(ctx: Context) -> None:
    address = put(ctx, "words.txt", "hello")
    made = job(ctx, "print(open('words.txt').read())", DefaultArguments={"--extra-files": address})
    assert made.log("output", made.carry_out()["Id"]) == ["hello"]


@pytest.mark.slow
def test_a_run_has_the_session_of_its_role_and_nothing_of_the_users(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVATE", "of the user")
    script = "import boto3, os\nprint(boto3.client('sts').get_caller_identity()['Arn'], os.environ.get('PRIVATE'))\n"
    made = job(ctx, script, Role="everything")
    assert made.log("output", made.carry_out()["Id"]) == [
        f"arn:aws:sts::{ctx.account}:assumed-role/everything/GlueJobRunnerSession None"
    ]


@pytest.mark.slow
def test_a_run_may_do_what_its_role_may(ctx: Context) -> None:
    read = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/job-*"}
    arn = role(ctx, "reads-scripts", read)
    run = job(ctx, f"import boto3; boto3.client('s3').list_objects_v2(Bucket='{BUCKET}')", Role=arn).carry_out()
    assert run["JobRunState"] == "FAILED"
    assert "not authorized to perform: s3:ListBucket" in run["ErrorMessage"]


def test_a_script_that_the_role_may_not_read_is_not_run(ctx: Context) -> None:
    run = job(ctx, "pass", Role=role(ctx, "reads-nothing", {"Action": "s3:ListBucket", "Resource": "*"})).carry_out()
    assert run["JobRunState"] == "FAILED"
    assert "could not be read with the job's role" in run["ErrorMessage"]


def test_a_run_beyond_the_limit_is_refused(ctx: Context, tmp_path: Path) -> None:
    made = job(ctx, signals(tmp_path, "there") + SLEEP)
    first = made.start()
    until((tmp_path / "there").exists)
    assert made.run(first)["JobRunState"] == "RUNNING"
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        made.start()
    ctx.client("glue").batch_stop_job_run(JobName=made.name, JobRunIds=[first])
    assert made.ended(first)["JobRunState"] == "STOPPED"


def test_a_stopped_run_leaves_no_process(ctx: Context, tmp_path: Path) -> None:
    child = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', *sys.argv])\n"
    )
    made = job(ctx, child + signals(tmp_path, "there") + SLEEP)
    run = made.start()
    until((tmp_path / "there").exists)
    assert len(made.processes(run)) == 2
    answer = ctx.client("glue").batch_stop_job_run(JobName=made.name, JobRunIds=[run, "jr_nope"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": made.name, "JobRunId": run}]
    assert [error["ErrorDetail"]["ErrorCode"] for error in answer["Errors"]] == ["EntityNotFoundException"]
    assert made.ended(run)["JobRunState"] == "STOPPED"
    until(lambda: not made.processes(run))
    again = ctx.client("glue").batch_stop_job_run(JobName=made.name, JobRunIds=[run])
    assert [error["ErrorDetail"]["ErrorCode"] for error in again["Errors"]] == ["JobRunInTerminalStateException"]
    assert not (ctx.scratch / "glue" / run).exists()


def test_a_run_that_takes_too_long_times_out(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glue_runs, "MINUTE", 0.3)
    made = job(ctx, SLEEP, Timeout=1)
    run = made.carry_out()
    assert run["JobRunState"] == "TIMEOUT"
    until(lambda: not made.processes(run["Id"]))


def test_a_failed_run_is_tried_again_as_often_as_the_job_says(ctx: Context) -> None:
    made = job(ctx, "raise RuntimeError('again')", MaxRetries=1)
    first = made.carry_out()["Id"]
    runs = until(lambda: [run for run in made.runs() if len(made.runs()) == 2])
    second = made.ended(runs[0]["Id"])
    assert (second["Id"], second["Attempt"], second["PreviousRunId"]) == (f"{first}_attempt_1", 1, first)
    assert [run["Id"] for run in made.runs()] == [second["Id"], first]


@pytest.mark.parametrize("command", ["gluestreaming", "pythonshell", "glueray"])
def test_a_kind_of_job_that_does_not_run_is_refused_by_name(ctx: Context, command: str) -> None:
    made = job(ctx, "pass", command=command)
    with pytest.raises(ClientError, match=rf"InvalidInputException.*'{command}', and only 'glueetl' runs locally"):
        made.start()
    assert made.runs() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("--job-bookmark-option", "job-bookmark-enable"),
        ("--datalake-formats", "hudi"),
        ("--enable-glue-datacatalog", "true"),
        ("--customer-driver-env-vars", "A=b"),
        ("--conf", "not a setting"),
        ("--additional-python-modules", "msgspec==0.0.1"),
        ("--additional-python-modules", "no-such-package"),
        ("--additional-python-modules", "msgspec>=0.1"),
    ],
)
def test_an_argument_that_is_not_carried_out_is_refused_by_name(ctx: Context, name: str, value: str) -> None:
    made = job(ctx, "pass", DefaultArguments={name: value})
    with pytest.raises(ClientError, match=rf"was not started.*{name} "):
        made.start()
    assert made.runs() == []


def test_modules_that_are_here_at_that_version_are_taken(ctx: Context) -> None:
    wanted = f"msgspec=={metadata.version('msgspec')}, boto3"
    assert (
        job(ctx, "import msgspec").carry_out(Arguments={"--additional-python-modules": wanted})["JobRunState"]
        == "SUCCEEDED"
    )


def test_spark_is_set_up_by_glues_conf_too(ctx: Context) -> None:
    conf = "spark.sql.shuffle.partitions=7 --conf spark.driver.extraJavaOptions=-Dmine=1 --conf spark.master=local[99]"
    script = "import os; print(open(os.environ['SPARK_CONF_DIR'] + '/spark-defaults.conf').read())"
    made = job(ctx, script, DefaultArguments={"--conf": conf}, WorkerType="G.1X")
    lines = made.log("output", made.carry_out()["Id"])
    assert "spark.sql.shuffle.partitions 7" in lines
    assert next(line for line in lines if "extraJavaOptions" in line).endswith(" -Duser.timezone=UTC -Dmine=1")
    assert "spark.master local[99]" not in lines


def test_an_unknown_job_or_role_is_an_error(ctx: Context) -> None:
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        ctx.client("glue").start_job_run(JobName="nope")
    made = job(ctx, "pass", Role="nobody")
    with pytest.raises(ClientError, match="its role 'nobody' does not exist"):
        made.start()


@pytest.mark.slow
def test_a_workflow_waits_for_a_run_and_has_its_outcome(ctx: Context) -> None:
    made = job(ctx, "import sys; assert 'good' in sys.argv, 'not good'")
    arn = role(ctx, "starts-jobs", {"Action": ["glue:StartJobRun", "glue:GetJobRun"], "Resource": "*"})
    run = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Arguments": {"JobName": made.name, "Arguments": {"--word": "{% $states.input.word %}"}},
        "End": True,
    }
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Run", "States": {"Run": run}})
    states = ctx.client("stepfunctions")
    machine = states.create_state_machine(name=f"runs-{made.name}", definition=definition, roleArn=arn)

    def execute(word: str) -> dict[str, Any]:
        started = states.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps({"word": word}))
        until(lambda: states.describe_execution(executionArn=started["executionArn"])["status"] != "RUNNING")
        answer: dict[str, Any] = states.describe_execution(executionArn=started["executionArn"])
        return answer

    good = execute("good")
    assert good["status"] == "SUCCEEDED"
    assert json.loads(good["output"])["JobRunState"] == "SUCCEEDED"
    bad = execute("bad")
    assert (bad["status"], bad["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(bad["cause"])["ErrorMessage"] == "AssertionError: not good"


def test_a_run_ends_with_the_local_aws_that_started_it(ctx: Context, tmp_path: Path) -> None:
    """Also when that is killed: the run notices that nobody holds its standard input any more."""
    script = "import os, pathlib, time\npathlib.Path('{}').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    made = job(ctx, script.format(tmp_path / "pid"))
    run = made.start()
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    history = _history(made.name)
    history[-1]._process.stdin.close()  # what the kernel does for a process that is gone
    ended = made.ended(run)
    assert (ended["JobRunState"], ended["ErrorMessage"]) == (
        "FAILED",
        "Command failed: the process was ended by signal SIGKILL",
    )
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _history(name: str) -> list[glue_runs.JobRun]:
    from moto.glue.models import glue_backends

    runs: list[glue_runs.JobRun] = glue_backends["123456789012"]["us-east-1"].jobs[name].job_runs
    return runs


def test_the_cause_of_an_end_is_the_signal_by_its_name(tmp_path: Path) -> None:
    assert failure(tmp_path, -signal.SIGTERM).endswith("SIGTERM")
