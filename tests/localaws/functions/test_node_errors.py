"""What functions of Node tell of errors, and what they log, is as AWS's runtime has it."""

# ruff: noqa: F811  `ctx` is a fixture

import base64
import json
from typing import Any

import pytest

from localaws.context import Context
from tests.localaws.functions.nodes import node
from tests.localaws.running import ctx, function, invoke  # noqa: F401


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


def test_a_process_that_exits_fails_its_invocation_and_the_next_gets_a_new_one(ctx: Context) -> None:
    node(ctx, "exits-node", "exports.handler = async (e) => { if (e) process.exit(3); return 'fine' }")
    error, answer = invoke(ctx, "exits-node", 1)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert invoke(ctx, "exits-node") == (None, "fine")


@pytest.mark.parametrize(
    "bad",
    [
        "Promise.reject(new Error('lost')); await new Promise((go) => setTimeout(go, 5000))",
        "setTimeout(() => { throw new Error('late') }, 1); await new Promise((go) => setTimeout(go, 5000))",
    ],
)
def test_an_error_that_ends_the_process_fails_its_own_invocation_alone(ctx: Context, bad: str) -> None:
    name = f"ends-itself-{abs(hash(bad))}"
    node(ctx, name, f"exports.handler = async (e) => {{ if (e) {{ {bad} }} return 'fine' }}")
    assert [invoke(ctx, name, turn % 2)[0] for turn in range(8)] == [None, "Unhandled"] * 4


UNSAYABLE = [
    ("const e = new TypeError('real'); e.self = e", "TypeError", "real"),
    ("const e = new RangeError('real'); e.many = 1n", "RangeError", "real"),
    ("const e = new Error('real'); e.inner = {e}", "Error", "real"),
    (
        "const e = new Error('real'); Object.defineProperty(e, 'p', {enumerable: true, get() { throw 1 }})",
        "Error",
        "real",
    ),
    ("const e = Symbol('real')", "symbol", "Symbol(real)"),
    ("const e = Object.create(null)", "handled", "callback called with Error argument, but there was a problem"),
    ("const e = {toString() { throw e }}", "handled", "callback called with Error argument, but there was a problem"),
]  # fmt: skip
#: Where a handler may throw it: each of these, as the event says, and where the code is loaded.
THROWS = """
exports.handler = (event, context, done) => {
  const ways = {
    async: async () => { throw e },
    sync: () => { throw e },
    callback: () => done(e),
    later: () => setTimeout(() => { throw e }, 1),
  };
  return ways[event]();
};
"""


@pytest.mark.parametrize("how", ["Text", "JSON"])
@pytest.mark.parametrize(("made", "kind", "message"), UNSAYABLE)
def test_an_error_that_json_cannot_say_is_told(ctx: Context, made: str, kind: str, message: str, how: str) -> None:
    name = f"unsayable-{abs(hash((made, how)))}"
    node(ctx, name, f"{made}; {THROWS}", LoggingConfig={"LogFormat": how})
    node(ctx, f"{name}-load", f"{made}; throw e", LoggingConfig={"LogFormat": how})
    for called, way in [*((name, way) for way in ("async", "sync", "callback", "later")), (f"{name}-load", "load")]:
        answer = ctx.client("lambda").invoke(FunctionName=called, LogType="Tail", Payload=json.dumps(way))
        failure = json.loads(answer["Payload"].read())
        assert (way, failure["errorType"]) == (way, kind)
        assert failure["errorMessage"].startswith(message)
        assert message in base64.b64decode(answer["LogResult"]).decode()


def test_an_error_that_json_cannot_say_ends_no_process(ctx: Context) -> None:
    source = "let n = 0; exports.handler = async () => {"
    source += " if (++n > 3) return n; const e = new Error('x'); e.e = e; throw e }"
    node(ctx, "stays", source)
    assert [invoke(ctx, "stays")[1] for _ in range(4)][3] == 4


@pytest.mark.parametrize(
    ("logged", "message"),
    [
        ("{n: 1n}", "{ n: 1n }"),
        ("(() => { const a = {}; a.a = a; return a })()", "<ref *1> { a: [Circular *1] }"),
        ("{a: 1}", {"a": 1}),
        ("'%d is', 1n", "1n is"),
    ],
)
def test_whatever_is_logged_as_json_is_a_line_and_no_error(ctx: Context, logged: str, message: Any) -> None:
    name = f"logs-{abs(hash(logged))}"
    node(ctx, name, f"exports.handler = async () => {{ console.log({logged}); return 1 }}",
         LoggingConfig={"LogFormat": "JSON"})  # fmt: skip
    assert [line["message"] for line in json_lines(ctx, name)] == [message]


@pytest.mark.parametrize("call", ["console.error(e)", "console.error('with', e)"])
def test_an_error_in_a_line_of_json_has_awss_fields(ctx: Context, call: str) -> None:
    source = "class Own extends Error {}; exports.handler = async () => {"
    source += f" const e = new Own('bad'); e.more = 1; {call} }}"
    name = f"logs-error-{len(call)}"
    node(ctx, name, source, LoggingConfig={"LogFormat": "JSON"})
    (line,) = json_lines(ctx, name)
    found = line["message"] if isinstance(line["message"], dict) else line
    assert (found["errorType"], found["errorMessage"]) == ("Own", "bad")
    assert found["stackTrace"][0] == "Error: bad"
    assert "trace" not in found


def json_lines(ctx: Context, name: str) -> list[dict[str, Any]]:
    """Invoke a function that logs as JSON and return what it logged."""
    answered = ctx.client("lambda").invoke(FunctionName=name, LogType="Tail")
    assert "FunctionError" not in answered
    lines = base64.b64decode(answered["LogResult"]).decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


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
