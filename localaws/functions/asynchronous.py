"""Asynchronous invocations: queued, tried three times, and then sent to the function's failure destination.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from localaws import metrics
from localaws.context import Context
from localaws.events import targets
from localaws.functions import bundles
from localaws.functions.sandbox import InvocationOutcome
from localaws.functions.throttled import TooManyRequests
from localaws.timers import Timers

log = logging.getLogger("localaws.lambda")

#: AWS waits one minute before the first retry and two before the second:
#: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
RETRY_SECONDS = (60.0, 120.0)
_MAX_AGE_SECONDS = 21600
_WORKERS = max(8, 4 * (os.cpu_count() or 1))


class AsyncInvocations:
    """Runs ``Event`` invocations; each function has its own queue, so a slow function does not delay others."""

    def __init__(self, ctx: Context, invoke: Callable[[Any, bytes, str | None], InvocationOutcome]) -> None:
        self._ctx = ctx
        self._invoke = invoke
        self._timers = Timers(ctx)
        self._executors: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def submit(self, function: Any, payload: bytes) -> None:
        """Queue one invocation of ``function`` and return at once."""
        self._submit(function, partial(self._run, function, payload))

    def _submit(self, function: Any, work: Callable[[], None]) -> None:
        with self._lock:
            if self._ctx.stopping.is_set():
                return
            executor = self._executors.get(function.function_arn)
            if executor is None:
                executor = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"async {function.function_name}")
                self._executors[function.function_arn] = executor
            executor.submit(work)

    def close(self) -> None:
        """Drop all queued invocations."""
        with self._lock:
            for executor in self._executors.values():
                executor.shutdown(wait=False, cancel_futures=True)

    def _run(self, function: Any, payload: bytes) -> None:
        config = _config(function)
        expires = time.monotonic() + config.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS)
        self._try(function, payload, str(uuid.uuid4()), expires, attempt=1)

    def _try(self, function: Any, payload: bytes, request_id: str, expires: float, *, attempt: int) -> None:
        try:
            self._attempt(function, payload, request_id, expires, attempt=attempt)
        except Exception:
            log.exception("an asynchronous invocation of %s was lost", function.function_name)

    def _attempt(self, function: Any, payload: bytes, request_id: str, expires: float, *, attempt: int) -> None:
        """Make one attempt; a timer starts the next one, so that no thread waits for it."""
        if self._ctx.stopping.is_set():
            return
        outcome = self._invoke_unthrottled(function, payload, request_id, expires)
        if outcome is None:
            self._failed(
                function, payload, InvocationOutcome(request_id, b"null", True, ""), attempt - 1, "EventAgeExceeded"
            )
        elif not outcome.failed:
            self._report(function, payload, outcome, attempts=attempt, condition="Success")
        elif attempt > _config(function).get("MaximumRetryAttempts", 2):
            self._failed(function, payload, outcome, attempt, "RetriesExhausted")
        else:
            again = partial(self._try, function, payload, request_id, expires, attempt=attempt + 1)
            pause = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS)) - 1]
            self._timers.after(pause, lambda: self._submit(function, again))

    def _invoke_unthrottled(
        self, function: Any, payload: bytes, request_id: str, expires: float
    ) -> InvocationOutcome | None:
        """Return the outcome, after waiting while the function is throttled; None when the event became too old."""
        delay = 0.02
        while time.monotonic() < expires and not self._ctx.stopping.is_set():
            try:
                return self._invoke(function, payload, request_id)
            except TooManyRequests:
                self._ctx.stopping.wait(delay)
                delay = min(1.0, delay * 2)
            except bundles.BundleError as error:
                log.error("%s cannot run: %s", function.function_name, error)
                message = json.dumps({"errorType": "LocalAws.Bundle", "errorMessage": str(error)})
                return InvocationOutcome(request_id, message.encode(), True, "")
        return None

    def _failed(self, function: Any, payload: bytes, outcome: InvocationOutcome, attempts: int, condition: str) -> None:
        log.warning("%s failed %d times: %s", function.function_name, attempts, outcome.payload.decode()[:1000])
        self._report(function, payload, outcome, attempts=attempts, condition=condition)
        queue = function.dead_letter_config.get("TargetArn")
        if queue:
            error = _parse(outcome.payload)
            message = error.get("errorMessage", "") if isinstance(error, dict) else ""
            attributes = {
                "RequestID": ("String", outcome.request_id),
                "ErrorCode": ("Number", "200"),
                "ErrorMessage": ("String", message[:1024] or condition),
            }
            self._send(function, queue, payload.decode(), "DeadLetterErrors", attributes=attributes)

    def _report(
        self, function: Any, payload: bytes, outcome: InvocationOutcome, *, attempts: int, condition: str
    ) -> None:
        """Send the invocation record to the function's destination for successes or failures, if it has one."""
        which = "OnFailure" if outcome.failed else "OnSuccess"
        destination = ((_config(function).get("DestinationConfig") or {}).get(which) or {}).get("Destination")
        if not destination:
            return
        response_context: dict[str, Any] = {"statusCode": 200, "executedVersion": str(function.version)}
        if outcome.failed:
            response_context["functionError"] = "Unhandled"
        record = {
            "version": "1.0",
            "timestamp": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "requestContext": {
                "requestId": outcome.request_id,
                "functionArn": f"{function.function_arn}:{function.version}",
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            "requestPayload": _parse(payload),
            "responseContext": response_context,
            "responsePayload": _parse(outcome.payload),
        }
        kind = "Success" if which == "OnSuccess" else "Failure"
        detail_type = f"Lambda Function Invocation Result - {kind}"
        self._send(function, destination, json.dumps(record), "DestinationDeliveryFailures", detail_type=detail_type)

    def _send(self, function: Any, arn: str, payload: str, failures: str, **options: Any) -> None:
        """Send with the function's role, as AWS does; what cannot be sent is lost and counted as ``failures``."""
        try:
            targets.send(self._ctx, arn, payload, sender=targets.Sender(role_arn=function.role), **options)
        except targets.DeliveryError as error:
            log.error("%s could not send to %s: %s", function.function_name, arn, error)
            metrics.count_failure(self._ctx, "AWS/Lambda", failures, FunctionName=function.function_name)


def _config(function: Any) -> dict[str, Any]:
    return function.event_invoke_config[-1].config if function.event_invoke_config else {}


def _parse(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode(errors="replace")
