"""Invokes the function behind a route, where its policy lets the route, and no longer than the integration waits."""

from __future__ import annotations

import enum
import json
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.context import Context
from localaws.events.targets import Sender
from localaws.iam import enforcement

log = logging.getLogger("localaws.apigateway")


class Failure(enum.Enum):
    """Why there is no answer of a function."""

    FORBIDDEN = "its policy does not let the route invoke it"
    THROTTLED = "it runs as often as it may"
    FAILED = "it failed"
    SLOW = "it took too long"


def function_in(uri: str) -> str:
    """Return the function's ARN in an integration's address: the ARN itself, or API Gateway's path to it."""
    return uri.partition("/functions/")[2].removesuffix("/invocations") or uri


def invoke(ctx: Context, uri: str, event: Mapping[str, Any], *, source: str, seconds: float) -> bytes | Failure:
    """Return what the function in ``uri`` returns for ``event``, or why there is nothing.

    ``source`` is the part of the route's ARN after the account: API, stage, method and path.
    """
    function = function_in(uri)
    route = f"arn:aws:execute-api:{ctx.region}:{ctx.account}:{source}"
    sender = Sender(service="apigateway.amazonaws.com", source_arn=route)
    if not enforcement.may_send(ctx, sender, "lambda:InvokeFunction", function):
        log.warning("the policy of %s does not let %s invoke it: AWS::Lambda::Permission does", function, route)
        return Failure.FORBIDDEN
    payload = json.dumps(event).encode()
    outcome = _within(lambda: _invoke(ctx, function, payload), seconds)
    if isinstance(outcome, Failure):
        log.warning("%s has not answered %s: %s", function, source, outcome.value)
    return outcome


def _invoke(ctx: Context, function: str, payload: bytes) -> bytes | Failure:
    try:
        answered = ctx.client("lambda").invoke(FunctionName=function, Payload=payload)
        returned: bytes = answered["Payload"].read()
    except ClientError as error:
        if error.response["Error"].get("Code") == "TooManyRequestsException":
            return Failure.THROTTLED
        log.error("%s cannot be invoked: %s", function, error)
        return Failure.FAILED
    except BotoCoreError as error:
        log.error("%s cannot be invoked: %s", function, error)
        return Failure.FAILED
    return Failure.FAILED if answered.get("FunctionError") else returned


def _within(work: Callable[[], bytes | Failure], seconds: float) -> bytes | Failure:
    """Return what ``work`` does, or raise what it raises, unless it takes longer; as on AWS, the function runs on."""
    future: Future[bytes | Failure] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001  it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="api invocation").start()
    wait([future], seconds)
    return future.result() if future.done() else Failure.SLOW
