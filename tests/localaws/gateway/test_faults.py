"""Every call of a function can be seen, and the function killed at any of them."""

# ruff: noqa: F811  `ctx` is a fixture

import json
from typing import Any

import pytest

from localaws.context import Context
from localaws.gateway import faults
from localaws.gateway.faults import Call, FaultPoint
from tests.localaws.running import ctx, function, invoke  # noqa: F401


@pytest.fixture(scope="module")
def writer(ctx: Context) -> str:
    ctx.client("s3").create_bucket(Bucket="faults")
    function(
        ctx,
        "writer",
        "import boto3\ns3 = boto3.client('s3')\n"
        "def handler(e, c):\n  for key in e: s3.put_object(Bucket='faults', Key=key, Body=b'x')\n  return 'done'",
    )
    return "writer"


def keys(ctx: Context, prefix: str) -> list[str]:
    found = ctx.client("s3").list_objects_v2(Bucket="faults", Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in found]


@pytest.mark.slow
def test_the_calls_of_a_function_are_recorded_by_its_name(ctx: Context, writer: str) -> None:
    with faults.record() as calls:
        invoke(ctx, writer, ["seen/1", "seen/2"])
    made = [call for call in calls if call.caller == writer]
    assert made == [Call(writer, "s3", "PutObject", f"faults/seen/{n}") for n in (1, 2)]


@pytest.mark.parametrize(("when", "written"), [("before", 1), ("after", 2)])
@pytest.mark.slow
def test_the_nth_call_kills_its_caller(ctx: Context, writer: str, when: str, written: int) -> None:
    faults.arm(FaultPoint(caller=writer, service="s3", action="PutObject", n=2, when=when))
    error, answer = invoke(ctx, writer, [f"{when}/{n}" for n in range(4)])
    struck = faults.disarm()
    assert struck == Call(writer, "s3", "PutObject", f"faults/{when}/1")
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert answer["errorMessage"].endswith("signal: killed")
    assert len(keys(ctx, f"{when}/")) == written
    assert invoke(ctx, writer, [f"{when}/again"]) == (None, "done")


def test_the_calls_of_others_do_not_count(ctx: Context, writer: str) -> None:
    faults.arm(FaultPoint(caller="somebody else"))
    assert invoke(ctx, writer, ["fine"]) == (None, "done")
    assert faults.disarm() is None


def served(method: str, path: str, body: Any = None) -> tuple[str, Any]:
    """What the HTTP interface answers, called as the server calls it."""
    import io

    raw = json.dumps(body).encode()
    answer: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"/_localaws/faults/{path}",
        "CONTENT_LENGTH": str(len(raw)),
        "wsgi.input": io.BytesIO(raw),
    }
    content = b"".join(faults.serve(environ, lambda status, headers: answer.append(status)))
    return answer[0], json.loads(content)


def test_another_process_records_and_arms_over_http(ctx: Context, writer: str) -> None:
    served("POST", "record")
    assert served("POST", "arm", {"caller": writer, "n": 1})[0] == "200 OK"
    assert invoke(ctx, writer, ["remote"])[0] == "Unhandled"
    assert served("POST", "disarm")[1]["caller"] == writer
    assert [call["detail"] for call in served("GET", "calls")[1] if call["caller"] == writer] == ["faults/remote"]
    assert served("POST", "arm", {"n": 0})[0] == "400 Bad Request"
