"""Functions of Node's runtimes run as on AWS: how they are loaded, what they see and answer, and how they end."""

# ruff: noqa: F811  `ctx` is a fixture

import sys

import pytest
from botocore.exceptions import ClientError

from localaws.context import Context
from tests.localaws.functions.nodes import node
from tests.localaws.running import ctx, function, invoke  # noqa: F401


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


#: What an error may be that JSON cannot say, and its type and message.
@pytest.mark.parametrize(
    "source",
    [
        "exports.handler = (event, context, done) => done(null, 1)",
        "exports.handler = async (event, context, done) => 1",
        "exports.handler = (event, context, done, more) => 1",
    ],
)
def test_node_24_takes_no_callback(ctx: Context, source: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html."""
    name = f"calls-back-{abs(hash(source))}"
    node(ctx, name, source, Runtime="nodejs24.x")
    error, answer = invoke(ctx, name)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.CallbackHandlerDeprecated")
    assert "has removed support for callback-based function handlers starting with Node.js 24" in answer["errorMessage"]


def test_node_24_answers_with_what_the_handler_returns(ctx: Context) -> None:
    source = "exports.handler = (event, context) => ['done', 'succeed', 'fail', 'callbackWaitsForEmptyEventLoop']"
    source += ".filter((name) => name in context).concat('none')"
    node(ctx, "returns-24", source, Runtime="nodejs24.x")
    assert invoke(ctx, "returns-24") == (None, ["none"])
    node(ctx, "returns-22", source)
    assert invoke(ctx, "returns-22") == (None, None)


@pytest.mark.parametrize(
    "runtime",
    ["nodejs16.x", "nodejs19.x", "nodejs99.x", "nodejs", "python3.99", "ruby3.3", "provided.al2023", "java21"],
)
def test_other_runtimes_are_refused_by_name(ctx: Context, runtime: str) -> None:
    with pytest.raises(ClientError, match=f"{runtime} does not run locally"):
        node(ctx, "refused", "", Runtime=runtime)
