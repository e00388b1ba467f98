"""Functions of Node find their own packages, their layers' and AWS's SDK, and no others."""

# ruff: noqa: F811  `ctx` is a fixture

import io
import os
import zipfile
from pathlib import Path

import pytest

from localaws import lambda_runtimes
from localaws.context import Context
from tests.localaws.functions.nodes import node
from tests.localaws.running import ctx, function, invoke  # noqa: F401


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


def test_a_module_that_is_not_there_is_named(ctx: Context) -> None:
    node(ctx, "absent", "exports.x = 1", Handler="other.handler")
    assert invoke(ctx, "absent")[1]["errorMessage"] == "Error: Cannot find module 'other'"
    node(ctx, "no-express", "require('express')")
    answer = invoke(ctx, "no-express")[1]
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert (
        "Cannot find package 'express'. It is neither in the function's code nor in a layer" in answer["errorMessage"]
    )


@pytest.fixture
def sdk() -> None:
    """The AWS SDK that AWS's Node brings, of which the tests lock a part."""
    if not (lambda_runtimes.aws_node_modules() / "@aws-sdk" / "client-s3").is_dir():
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
    folder = lambda_runtimes.aws_node_modules()
    assert f"npm install --prefix {folder.parent} @aws-sdk/client-braket" in answer["errorMessage"]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The packages of a project, AWS's SDK among them."""
    folder = tmp_path / "node_modules"
    for name, text in {
        "@aws-sdk/client-made": "exports.n = require('helper').n + require('@smithy/made').n",
        "@smithy/made": "exports.n = 1",
        "helper": "exports.n = 10",
        "left-pad": "exports.n = 100",
    }.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "index.js").write_text(text)
    monkeypatch.setenv(lambda_runtimes.NODE_MODULES, str(folder))
    return folder


LOADS = {
    "require": ("index.js", "exports.handler = async (name) => require(name).n"),
    "import": ("index.mjs", "export const handler = async (name) => (await import(name)).default.n"),
    "require of a module": (
        "index.mjs",
        "import { createRequire } from 'node:module';"
        "export const handler = async (name) => createRequire(import.meta.url)(name).n",
    ),
    "resolve": ("index.js", "exports.handler = async (name) => require(require.resolve(name)).n"),
}


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize("how", LOADS)
def test_of_the_packages_around_a_function_finds_the_sdk_alone(ctx: Context, how: str) -> None:
    """The rest works here and fails on AWS; what the SDK itself needs, it finds."""
    file, source = LOADS[how]
    name = f"finds-{abs(hash(source))}"
    node(ctx, name, {file: source})
    assert invoke(ctx, name, "@aws-sdk/client-made") == (None, 11)
    assert invoke(ctx, name, "@smithy/made") == (None, 1)
    for other in ("helper", "left-pad"):
        error, answer = invoke(ctx, name, other)
        assert error == "Unhandled"
        assert f"Cannot find package '{other}'. It is neither in the function's code" in answer["errorMessage"]


@pytest.mark.usefixtures("packages")
def test_a_functions_own_node_path_stays_and_says_what_is_searched(ctx: Context) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html has what AWS fills it with otherwise."""
    source = "exports.handler = async (name) => name ? require(name).n : process.env.NODE_PATH"
    for name, path in {"own-path": "/mine", "whole-path": "/mine:/var/runtime/node_modules"}.items():
        node(ctx, name, source, Environment={"Variables": {"NODE_PATH": path}})
        assert invoke(ctx, name) == (None, path)
    assert "own NODE_PATH leaves out" in invoke(ctx, "own-path", "@smithy/made")[1]["errorMessage"]
    assert invoke(ctx, "whole-path", "@smithy/made") == (None, 1)
    files = {"index.js": "exports.handler = async () => require('mine')", "lib/mine.js": "module.exports = 5"}
    node(ctx, "lib-path", files, Environment={"Variables": {"NODE_PATH": "/var/task/lib"}})
    assert invoke(ctx, "lib-path") == (None, 5)


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
