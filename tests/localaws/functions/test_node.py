"""Functions of Node's runtimes run as on AWS: how they are loaded, what they see, answer and log, and how they end."""

# ruff: noqa: F811  `ctx` is a fixture

import base64
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.functions import programs
from tests.localaws.running import ctx, function, invoke  # noqa: F401


def node(ctx: Context, name: str, files: str | dict[str, str], **options: Any) -> str:
    """Create a function of Node from the text of its index.js, or from files."""
    given = {"index.js": files} if isinstance(files, str) else files
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file, text in given.items():
            archive.writestr(file, text)
    return function(ctx, name, "", **{"Runtime": "nodejs22.x", "Code": {"ZipFile": buffer.getvalue()}, **options})


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("nodejs18.x", {"index.js": "exports.handler = async (event) => ({got: event})"}),
        ("nodejs20.x", {"index.mjs": "export const handler = async (event) => ({got: event})"}),
        ("nodejs22.x", {"index.cjs": "exports.handler = (event, context, done) => done(null, {got: event})"}),
        ("nodejs24.x", {"index.mjs": "export default {handler: (event) => Promise.resolve({got: event})}"}),
        (
            "nodejs22.x",
            {"package.json": '{"type": "module"}', "index.js": "export const handler = async (e) => ({got: e})"},
        ),
        (
            "nodejs22.x",
            {
                "index.js": "exports.handler = require('./inner/a').answer",
                "inner/a.js": "exports.answer = (e, c, d) => setTimeout(() => d(null, {got: e}), 5)",
            },
        ),
    ],
)  # fmt: skip
def test_a_handler_is_loaded_and_answers(ctx: Context, runtime: str, files: dict[str, str]) -> None:
    name = f"loads-{abs(hash((runtime, *files, *files.values())))}"
    node(ctx, name, files, Runtime=runtime)
    assert invoke(ctx, name, {"a": ["ü", 1]}) == (None, {"got": {"a": ["ü", 1]}})


def test_a_handler_may_stand_in_a_folder_and_below_an_exported_name(ctx: Context) -> None:
    node(ctx, "nested", {"src/app.js": "exports.api = {get: async () => 'here'}"}, Handler="src/app.api.get")
    assert invoke(ctx, "nested") == (None, "here")


def test_it_sees_its_context_and_its_own_variables_alone(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    source = "exports.handler = async (e, c) => ({c, left: c.getRemainingTimeInMillis(), env: process.env})"
    arn = node(ctx, "sees", source, Environment={"Variables": {"MINE": "1"}}, MemorySize=256)
    seen = invoke(ctx, "sees")[1]
    assert seen["c"]["functionName"] == "sees"
    assert seen["c"]["invokedFunctionArn"] == arn
    assert seen["c"]["memoryLimitInMB"] == "256"
    assert len(seen["c"]["awsRequestId"]) == 36
    assert 0 < seen["left"] <= 10_000
    assert seen["env"]["MINE"] == "1"
    assert seen["env"]["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs22.x"
    assert "SECRET_OF_THE_HOST" not in seen["env"]


def test_a_warm_sandbox_is_used_again(ctx: Context) -> None:
    node(ctx, "counts", "let n = 0; exports.handler = async () => ++n")
    assert [invoke(ctx, "counts")[1] for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("exports.handler = async () => { throw new TypeError('no') }", "TypeError", "no"),
        ("exports.handler = () => { throw new RangeError('far') }", "RangeError", "far"),
        ("exports.handler = (e, c, done) => done(new Error('given'))", "Error", "given"),
        ("exports.handler = (e, c, done) => done('a text')", "string", "a text"),
        ("exports.handler = async () => { throw 'a text' }", "string", "a text"),
        ("exports.handler = (e, c) => c.fail('failed')", "string", "failed"),
        (
            "exports.handler = async () => ({big: 1n})",
            "Runtime.MarshalError",
            "Unable to stringify response body: TypeError: Do not know how to serialize a BigInt",
        ),
        ("exports.handler = () => { setTimeout(() => { throw new Error('later') }, 1) }", "Error", "later"),
        (
            "exports.handler = () => { Promise.reject(new Error('lost')); setTimeout(() => {}, 9e3) }",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        ("exports.other = 1", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("exports.handler = {", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        ("throw new Error('at the start')", "Error", "at the start"),
    ],
)  # fmt: skip
def test_an_error_is_told_as_awss_runtime_tells_it(ctx: Context, source: str, kind: str, message: str) -> None:
    name = f"fails-{abs(hash(source))}"
    node(ctx, name, source)
    error, answer = invoke(ctx, name)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert answer["errorMessage"].splitlines()[0] == message
    assert isinstance(answer["trace"], list)


def test_a_module_that_is_not_there_is_named(ctx: Context) -> None:
    node(ctx, "absent", "exports.x = 1", Handler="other.handler")
    assert invoke(ctx, "absent")[1]["errorMessage"] == "Error: Cannot find module 'other'"
    node(ctx, "no-express", "require('express')")
    answer = invoke(ctx, "no-express")[1]
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert (
        "Cannot find package 'express'. It is neither in the function's code nor in a layer" in answer["errorMessage"]
    )


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("exports.handler = () => 'ignored'", None),  # what a function returns that is no promise says nothing
        ("exports.handler = async () => {}", None),
        ("exports.handler = (e, c, d) => { setTimeout(() => { globalThis.late = 1 }, 20); d(null, 'first') }", "first"),
        ("exports.handler = (e, c) => c.succeed('done')", "done"),
    ],
)
def test_an_answer_comes_when_nothing_is_left_to_wait_for(ctx: Context, source: str, answer: str | None) -> None:
    name = f"ends-{abs(hash(source))}"
    node(ctx, name, source)
    assert invoke(ctx, name) == (None, answer)


def test_a_callback_waits_for_the_event_loop_unless_it_is_told_not_to(ctx: Context) -> None:
    """What it must not wait for never ends: waiting would be seen as a function that takes too long."""
    waits = "let seen = 0; exports.handler = (e, c, d) => { c.callbackWaitsForEmptyEventLoop = e; const was = seen;"
    waits += " seen = 0; if (e) setTimeout(() => { seen = 1 }, 60); else setInterval(() => {}, 60); d(null, was) }"
    node(ctx, "waits", waits)
    assert [invoke(ctx, "waits", True) for _ in range(2)] == [(None, 0), (None, 1)]
    assert [invoke(ctx, "waits", False) for _ in range(2)] == [(None, 1), (None, 0)]


@pytest.mark.slow
def test_what_takes_too_long_is_killed(ctx: Context) -> None:
    node(ctx, "endless", "exports.handler = async () => { for (;;); }", Timeout=1)
    error, answer = invoke(ctx, "endless")
    assert (error, answer["errorType"]) == ("Unhandled", "Sandbox.Timedout")


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_what_outgrows_its_memory_is_killed(ctx: Context) -> None:
    source = "exports.handler = async () => { const held = Buffer.alloc(300 * 2**20, 1);"
    source += " await new Promise((resolve) => setTimeout(resolve, 5000)); return held.length }"
    node(ctx, "hungry-node", source, MemorySize=128)
    error, answer = invoke(ctx, "hungry-node")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.OutOfMemory")


def test_a_process_that_exits_fails_its_invocation_and_the_next_gets_a_new_one(ctx: Context) -> None:
    node(ctx, "exits-node", "exports.handler = async (e) => { if (e) process.exit(3); return 'fine' }")
    error, answer = invoke(ctx, "exits-node", 1)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert invoke(ctx, "exits-node") == (None, "fine")


def test_a_call_of_console_is_one_event_with_time_request_and_level(ctx: Context) -> None:
    node(ctx, "talks-node", "exports.handler = async () => { console.log('a\\nb', {c: 1}); console.error('bad') }")
    answered = ctx.client("lambda").invoke(FunctionName="talks-node", LogType="Tail")
    start, first, second, end, report = base64.b64decode(answered["LogResult"]).decode().split("\n")
    request = start.split()[2]
    assert first.split("\t")[1:] == [request, "INFO", "a\rb { c: 1 }"]
    assert second.split("\t")[1:] == [request, "ERROR", "bad"]
    assert (end.split()[0], report.split()[0]) == ("END", "REPORT")


def test_lines_are_json_where_the_function_asks_for_it(ctx: Context) -> None:
    source = "exports.handler = async () => { console.debug('quiet'); console.warn('careful') }"
    node(ctx, "talks-json", source, LoggingConfig={"LogFormat": "JSON"})
    answered = ctx.client("lambda").invoke(FunctionName="talks-json", LogType="Tail")
    lines = base64.b64decode(answered["LogResult"]).decode().splitlines()
    assert [json.loads(line)["message"] for line in lines if line.startswith("{")] == ["careful"]


@pytest.fixture
def sdk() -> None:
    """The AWS SDK that AWS's Node brings, of which the tests lock a part."""
    if not (programs.aws_node_modules() / "@aws-sdk" / "client-s3").is_dir():
        reason = "node_modules has no @aws-sdk/client-s3: `make node_modules` installs it"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.mark.usefixtures("sdk")
@pytest.mark.parametrize("load", ["require('@aws-sdk/client-s3')", "await import('@aws-sdk/client-s3')"])
def test_the_sdk_of_awss_runtime_calls_the_local_aws_as_the_functions_role(ctx: Context, load: str) -> None:
    source = (
        f"exports.handler = async (e) => {{ const {{ S3 }} = {load}; const s3 = new S3({{}});"
        " await s3.createBucket({Bucket: e}); await s3.putObject({Bucket: e, Key: 'a/b', Body: 'text'});"
        " return (await (await s3.getObject({Bucket: e, Key: 'a/b'})).Body.transformToString()) }"
    )
    name = f"sdk-{'import' if 'import' in load else 'require'}"
    node(ctx, name, source, Timeout=30)
    assert invoke(ctx, name, f"of-{name}") == (None, "text")


def test_a_package_of_awss_runtime_that_is_not_here_says_what_to_run(ctx: Context) -> None:
    node(ctx, "no-sdk", "require('@aws-sdk/client-braket')")
    answer = invoke(ctx, "no-sdk")[1]
    folder = programs.aws_node_modules()
    assert f"npm install --prefix {folder.parent} @aws-sdk/client-braket" in answer["errorMessage"]


def test_packages_of_folders_above_the_function_are_not_found(ctx: Context, tmp_path: Path) -> None:
    """A cloud assembly lies in its project, whose packages a function on AWS does not have."""
    above = tmp_path / "node_modules" / "left-over"
    above.mkdir(parents=True)
    (above / "index.js").write_text("module.exports = 1")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    asset = tmp_path / "cdk.out" / "asset"
    asset.mkdir(parents=True)
    (asset / "index.js").write_text("exports.handler = async (e) => e ? require('left-over') : 'kept apart'")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(".localaws-asset", str(asset))
    function(ctx, "above", "", Runtime="nodejs22.x", Code={"ZipFile": buffer.getvalue()})
    assert invoke(ctx, "above") == (None, "kept apart")
    assert "Cannot find package 'left-over'" in invoke(ctx, "above", 1)[1]["errorMessage"]


def test_a_layer_brings_packages(ctx: Context) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("nodejs/node_modules/brought/index.js", "exports.n = 7")
    layer = ctx.client("lambda").publish_layer_version(LayerName="node-layer", Content={"ZipFile": buffer.getvalue()})
    node(ctx, "layered", "exports.handler = async () => require('brought').n", Layers=[layer["LayerVersionArn"]])
    assert invoke(ctx, "layered") == (None, 7)


@pytest.mark.parametrize("runtime", ["nodejs16.x", "nodejs", "ruby3.3", "provided.al2023", "java21"])
def test_other_runtimes_are_refused_by_name(ctx: Context, runtime: str) -> None:
    with pytest.raises(ClientError, match=f"{runtime} does not run locally"):
        node(ctx, "refused", "", Runtime=runtime)
