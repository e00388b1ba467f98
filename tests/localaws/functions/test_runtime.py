"""Functions run as on AWS: their environment, imports, limits, errors, concurrency, retries and logs."""

# ruff: noqa: F811  `ctx` is a fixture

import base64
import datetime
import io
import json
import py_compile
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.functions import asynchronous, bundles
from tests.localaws.running import ctx, function, invoke, messages, queue, role, until, zipped  # noqa: F401

WHO = "import boto3\ndef handler(e, c): return boto3.client('sts').get_caller_identity()['Arn']"
COUNT = "n = 0\ndef handler(e, c):\n  global n\n  n += 1\n  return n"


def test_a_function_answers_with_what_it_returns(ctx: Context) -> None:
    function(ctx, "echo", "def handler(e, c): return {'got': e}")
    assert invoke(ctx, "echo", {"a": [1]}) == (None, {"got": {"a": [1]}})


def test_a_function_calls_as_its_role_in_a_session_of_its_name(ctx: Context) -> None:
    function(ctx, "who", WHO)
    assert invoke(ctx, "who")[1] == f"arn:aws:sts::{ctx.account}:assumed-role/everything/who"


def test_a_warm_sandbox_is_used_again_and_a_changed_function_gets_a_new_one(ctx: Context) -> None:
    function(ctx, "count", COUNT)
    assert [invoke(ctx, "count")[1] for _ in range(3)] == [1, 2, 3]
    ctx.client("lambda").update_function_configuration(FunctionName="count", Environment={"Variables": {"A": "1"}})
    assert invoke(ctx, "count")[1] == 1


def test_a_sandbox_sees_its_own_variables_and_nothing_of_this_process(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    source = "import os\ndef handler(e, c): return dict(os.environ)"
    function(ctx, "environment", source, Environment={"Variables": {"MINE": "1"}})
    seen = invoke(ctx, "environment")[1]
    assert seen["MINE"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "environment"
    assert "SECRET_OF_THE_HOST" not in seen


def test_a_package_that_is_not_bundled_cannot_be_imported(ctx: Context) -> None:
    function(ctx, "imports", "import yaml\ndef handler(e, c): return 1")
    error, answer = invoke(ctx, "imports")
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'yaml'" in answer["errorMessage"]


def test_an_exception_is_an_unhandled_error_with_its_type_and_trace(ctx: Context) -> None:
    function(ctx, "raises", "def handler(e, c): raise KeyError('k')")
    error, answer = invoke(ctx, "raises")
    assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", "KeyError", "'k'")
    assert answer["stackTrace"]


@pytest.mark.slow
def test_a_function_that_takes_too_long_is_killed(ctx: Context) -> None:
    function(ctx, "slow", "import time\ndef handler(e, c): time.sleep(30)", Timeout=1)
    error, answer = invoke(ctx, "slow")
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert answer["errorMessage"].endswith("Task timed out after 1.00 seconds")


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_function_that_outgrows_its_memory_is_killed(ctx: Context) -> None:
    source = "import time\ndef handler(e, c):\n  x = bytearray(300 * 2**20)\n  time.sleep(5)"
    function(ctx, "hungry", source, MemorySize=128)
    error, answer = invoke(ctx, "hungry")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.OutOfMemory")
    assert answer["errorMessage"].endswith("Runtime exited with error: signal: killed")


def test_a_process_that_exits_fails_its_invocation_and_the_next_gets_a_new_one(ctx: Context) -> None:
    function(ctx, "exits", "import os\ndef handler(e, c): return os._exit(3) if e else 'fine'")
    error, answer = invoke(ctx, "exits", 1)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert invoke(ctx, "exits") == (None, "fine")


def test_a_process_that_a_signal_ends_says_so_in_its_log_and_is_counted(ctx: Context) -> None:
    """AWS names the signal; without it a crash in native code looks like any other end."""
    function(ctx, "crashes", "import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGSEGV)")
    error, answer = invoke(ctx, "crashes")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith("Runtime exited with error: signal: segmentation fault")
    events = ctx.client("logs").filter_log_events(logGroupName="/aws/lambda/crashes")["events"]
    lines = [event["message"] for event in events]
    assert any(line.endswith("Error: Runtime exited with error: signal: segmentation fault") for line in lines), lines
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    (point,) = ctx.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda", MetricName="Errors", StartTime=end - datetime.timedelta(hours=1), EndTime=end,
        Period=3600, Statistics=["Sum"], Dimensions=[{"Name": "FunctionName", "Value": "crashes"}],
    )["Datapoints"]  # fmt: skip
    assert point["Sum"] == 1


@pytest.mark.slow
def test_a_process_that_leaves_a_child_behind_ends_its_invocation_all_the_same(ctx: Context, tmp_path: Path) -> None:
    child = f"subprocess.Popen(['sh', '-c', 'sleep 20; touch {tmp_path}/late'])"
    function(ctx, "parent", f"import os, subprocess\ndef handler(e, c):\n  {child}\n  os._exit(3)")
    error, answer = invoke(ctx, "parent")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert not (tmp_path / "late").exists(), "the invocation waited for the child"


def test_invocations_at_once_run_side_by_side(ctx: Context) -> None:
    meet = "import time\ndef handler(e, c):\n  time.sleep(0.4)\n  return c.log_stream_name"
    function(ctx, "parallel", meet)
    with ThreadPoolExecutor(4) as callers:
        streams = set(callers.map(lambda _: invoke(ctx, "parallel")[1], range(4)))
    assert len(streams) == 4


@pytest.mark.slow
def test_reserved_concurrency_throttles(ctx: Context) -> None:
    function(ctx, "reserved", "import time\ndef handler(e, c): time.sleep(1)")
    ctx.client("lambda").put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=1)

    def attempt(_: int) -> str:
        try:
            invoke(ctx, "reserved")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ran"

    with ThreadPoolExecutor(2) as callers:
        assert sorted(callers.map(attempt, range(2))) == ["TooManyRequestsException", "ran"]


def test_the_log_tells_start_end_and_report_and_ends_in_cloudwatch_and_a_file(ctx: Context) -> None:
    function(ctx, "talks", "def handler(e, c):\n  print('hello')")
    tail = ctx.client("lambda").invoke(FunctionName="talks", LogType="Tail")["LogResult"]
    lines = base64.b64decode(tail).decode().splitlines()
    assert [line.split()[0] for line in lines] == ["START", "hello", "END", "REPORT"]
    assert "Max Memory Used:" in lines[-1]
    found = ctx.client("logs").filter_log_events(logGroupName="/aws/lambda/talks")["events"]
    assert [event["message"] for event in found] == lines
    assert (ctx.scratch / "logs" / "talks.log").read_text().splitlines() == lines


def test_a_logged_traceback_is_whole_when_the_invocation_has_ended(ctx: Context) -> None:
    source = """import logging
def handler(event, context):
    try:
        raise LookupError("the last line")
    except LookupError:
        logging.getLogger().exception("caught")"""
    function(ctx, "catches", source)

    invoke(ctx, "catches")

    found = ctx.client("logs").filter_log_events(logGroupName="/aws/lambda/catches")["events"]
    assert [event["message"] for event in found][-3] == "LookupError: the last line"


def test_a_log_group_of_the_functions_own_is_used(ctx: Context) -> None:
    function(ctx, "grouped", "def handler(e, c): print('x')", LoggingConfig={"LogGroup": "/mine"})
    invoke(ctx, "grouped")
    assert ctx.client("logs").filter_log_events(logGroupName="/mine")["events"]


def test_an_event_invocation_is_tried_three_times_then_goes_to_the_failure_destination(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(asynchronous, "RETRY_SECONDS", (0.1, 0.2))
    url, arn = queue(ctx, "failures")
    go = tmp_path / "go"
    waits = f"import os, time\ndef handler(e, c):\n  while not os.path.exists({str(go)!r}): time.sleep(0.05)\n"
    function(ctx, "fails", f"{waits}  raise ValueError('no')", Timeout=60)
    ctx.client("lambda").put_function_event_invoke_config(
        FunctionName="fails", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    answer = ctx.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"a":1}')
    assert answer["StatusCode"] == 202
    go.touch()  # only now can the function end: the caller did not wait for it
    record = json.loads(until(lambda: messages(ctx, url))[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"a": 1}
    assert record["responsePayload"]["errorMessage"] == "no"


def test_an_event_that_fails_goes_to_the_dead_letter_queue(ctx: Context) -> None:
    url, arn = queue(ctx, "dead")
    function(ctx, "dies", "def handler(e, c): raise ValueError('no')", DeadLetterConfig={"TargetArn": arn})
    ctx.client("lambda").put_function_event_invoke_config(FunctionName="dies", MaximumRetryAttempts=0)
    ctx.client("lambda").invoke(FunctionName="dies", InvocationType="Event", Payload=b'{"a":1}')
    message = until(lambda: messages(ctx, url))[0]
    assert json.loads(message["Body"]) == {"a": 1}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_a_dry_run_runs_nothing(ctx: Context) -> None:
    function(ctx, "dry", COUNT)
    assert ctx.client("lambda").invoke(FunctionName="dry", InvocationType="DryRun")["StatusCode"] == 204
    assert invoke(ctx, "dry")[1] == 1


@pytest.mark.parametrize(("options", "named"), [({"Runtime": "java21"}, "java21"), ({"PackageType": "Image"}, "Image")])
def test_what_cannot_run_is_refused_by_name(ctx: Context, options: dict[str, str], named: str) -> None:
    with pytest.raises(ClientError, match=named):
        function(ctx, "refused", "", **options)


# ---- bundles


def wheel(directory: Path, name: str, version: str, *, tag: str, files: dict[str, str]) -> None:
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file, text in files.items():
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text(text)


def asset(path: Path) -> dict[str, bytes]:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(bundles.ASSET_MARKER, str(path))
    return {"ZipFile": buffer.getvalue()}


def test_native_packages_of_a_layer_are_this_machines_at_the_same_version(ctx: Context, tmp_path: Path) -> None:
    layer, code = tmp_path / "layer" / "python", tmp_path / "code"
    version = metadata.version("orjson")
    foreign = {"orjson/__init__.py": "raise ImportError('arm64')"}
    wheel(layer, "orjson", version, tag="cp313-cp313-manylinux_2_17_aarch64", files=foreign)
    wheel(layer, "pure-thing", "1", tag="py3-none-any", files={"pure_thing.py": "x = 1"})
    code.mkdir()
    (code / "index.py").write_text(
        "import orjson, pure_thing\ndef handler(e, c): return [orjson.loads(b'[1]'), pure_thing.x, orjson.__version__]"
    )
    arn = ctx.client("lambda").publish_layer_version(LayerName="deps", Content=asset(layer.parent))["LayerVersionArn"]
    before = sorted(path for path in tmp_path.rglob("*"))
    function(ctx, "native", "", Code=asset(code), Layers=[arn])
    assert invoke(ctx, "native") == (None, [[1], 1, version])
    assert sorted(path for path in tmp_path.rglob("*")) == before  # nothing was written into the assets


def test_a_function_runs_the_bytecode_that_its_bundle_brings(ctx: Context, tmp_path: Path) -> None:
    """As on AWS, bytecode that names no source is taken as it is; that of another Python never."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "index.py").write_text("def handler(e, c): return 'source'")
    (code / "other.py").write_text("def handler(e, c): return 'source'")
    brought = tmp_path / "brought.py"
    brought.write_text("def handler(e, c): return 'bytecode'")
    here = sys.implementation.cache_tag
    for place in (f"index.{here}.pyc", "other.cpython-310.pyc"):
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(brought), str(code / "__pycache__" / place), invalidation_mode=mode)
    before = {path: path.read_bytes() for path in code.rglob("*.py*") if path.is_file()}
    function(ctx, "brought", "", Code=asset(code))
    function(ctx, "other", "", Code=asset(code), Handler="other.handler")
    assert (invoke(ctx, "brought"), invoke(ctx, "other")) == ((None, "bytecode"), (None, "source"))
    assert {path: path.read_bytes() for path in code.rglob("*.py*") if path.is_file()} == before


def test_a_native_package_of_another_version_is_an_error_that_names_both(ctx: Context, tmp_path: Path) -> None:
    wheel(tmp_path, "orjson", "0.0.1", tag="cp313-cp313-manylinux_2_17_aarch64", files={"orjson/__init__.py": ""})
    (tmp_path / "index.py").write_text("def handler(e, c): return 1")
    function(ctx, "mismatched", "", Code=asset(tmp_path))
    error, answer = invoke(ctx, "mismatched")
    assert error == "Unhandled"
    assert "orjson 0.0.1" in answer["errorMessage"]
    assert metadata.version("orjson") in answer["errorMessage"]


def test_a_foreign_library_of_no_known_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lost.cpython-313-aarch64-linux-gnu.so").write_bytes(b"")
    with pytest.raises(bundles.BundleError, match=r"dist-info"):
        bundles.runnable(tmp_path, tmp_path / "scratch")


def test_a_changed_zip_is_unpacked_beside_the_old_one(tmp_path: Path) -> None:
    first, second = (bundles.unpack(zipped(source), tmp_path) for source in ("a = 1", "a = 2"))
    assert first != second
    assert (first / "index.py").read_text() == "a = 1"


def test_the_runtime_api_answers_its_own_function_alone(ctx: Context) -> None:
    """Its port is open to everybody on this machine, and to pages in a browser; the secret in its path is not."""
    import urllib.error
    import urllib.request

    source = "import os\ndef handler(event, context): return os.environ['AWS_LAMBDA_RUNTIME_API']"
    function(ctx, "runtime-api", source)
    _, answer = invoke(ctx, "runtime-api")
    address = answer.partition("/")[0]
    for path in ("runtime/invocation/next", "runtime/init/error", "runtime/invocation/x/response"):
        for prefix in ("", "/wrong", "//"):
            for body in (None, b"{}"):
                with pytest.raises(urllib.error.HTTPError, match="403"):
                    urllib.request.urlopen(f"http://{address}{prefix}/2018-06-01/{path}", body, timeout=10)
    assert invoke(ctx, "runtime-api") == (None, answer)


def test_a_program_of_a_layer_is_started_by_its_place_on_aws(ctx: Context) -> None:
    """CDK's handler that fills buckets starts the AWS CLI of its layer as /opt/awscli/aws."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tool/said", "#!/var/lang/bin/python\nimport sys\nprint(*sys.argv[1:])\n")
    layer = ctx.client("lambda").publish_layer_version(LayerName="tool", Content={"ZipFile": buffer.getvalue()})
    source = "import subprocess\ndef handler(e, c): return subprocess.check_output(['/opt/tool/said', e], text=True)"
    function(ctx, "starts", source, Layers=[layer["LayerVersionArn"]])
    assert invoke(ctx, "starts", "hello") == (None, "hello\n")
    function(ctx, "starts-none", source)
    assert invoke(ctx, "starts-none", "hello")[1]["errorType"] == "FileNotFoundError"


def test_a_function_with_a_layer_starts_programs_however_they_are_named(ctx: Context) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tool/said", "#!/var/lang/bin/python\nimport sys\nprint(*sys.argv[1:])\n")
    layer = ctx.client("lambda").publish_layer_version(LayerName="tool-2", Content={"ZipFile": buffer.getvalue()})
    source = "import subprocess, pathlib\ndef handler(e, c):\n"
    source += "    said = ['/opt/tool/said', b'a', 'b']\n"
    source += "    return [subprocess.check_output(each).decode() for each in (iter(said), tuple(said),"
    source += " [pathlib.Path(said[0]), 'a', 'b'], [said[0].encode(), 'a', 'b'])]"
    function(ctx, "starts-any", source, Layers=[layer["LayerVersionArn"]])
    assert invoke(ctx, "starts-any") == (None, ["a b\n"] * 4)
    source = "import subprocess\ndef handler(e, c):\n"
    source += "    given = (b'true', iter(['true']), [b'true'], ('true',), b'exit 0')\n"
    source += "    return [subprocess.run(each, shell=each == b'exit 0').returncode for each in given]"
    function(ctx, "starts-others", source, Layers=[layer["LayerVersionArn"]])
    assert invoke(ctx, "starts-others") == (None, [0] * 5)
