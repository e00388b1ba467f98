"""Delivers a batch of stream records: invokes the function, retries, bisects, resumes at a checkpoint, or gives up.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException

from localaws.context import Context
from localaws.functions import failure_destinations
from localaws.functions.bundles import BundleError
from localaws.functions.runtime import runtime
from localaws.functions.sandbox import InvocationOutcome
from localaws.functions.sqs_poller import MalformedAnswer, reported_failures
from localaws.functions.throttled import TooManyRequests

log = logging.getLogger("localaws.event_sources")

#: Local retries come sooner than AWS's; in seconds.
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.1, 5.0
ENDLESS = -1


@dataclass(frozen=True)
class Batch:
    """Records of one invocation; ``failures`` count against the retries, ``invocations`` counts all invocations."""

    records: list[Any]
    failures: int = 0
    invocations: int = 0
    outcome: InvocationOutcome | None = None


def after_failure(batch: Batch, failed_from: int, *, bisect: bool, retries: int) -> tuple[list[Batch], Batch | None]:
    """Return the batches to try next, in this order, and the batch to give up, or None.

    ``failed_from`` is the index of the first record that failed. Splitting a batch uses up no retry.
    """
    rest = dataclasses.replace(batch, records=batch.records[failed_from:])
    if bisect and failed_from:
        return [rest], None
    if bisect and len(rest.records) > 1:
        middle = len(rest.records) // 2
        halves = rest.records[:middle], rest.records[middle:]
        return [dataclasses.replace(rest, records=half) for half in halves], None
    rest = dataclasses.replace(rest, failures=rest.failures + 1)
    if retries != ENDLESS and rest.failures > retries:
        return [], rest
    return [rest], None


class Delivery:
    """Delivers one sequence of batches of a shard to the mapping's function, one invocation at a time.

    A shard has as many such sequences as its mapping's ParallelizationFactor.
    """

    def __init__(
        self,
        ctx: Context,
        backend: Any,
        mapping: Any,
        stream: Any,
        shard_id: str,
        *,
        ready: Callable[[], bool],
        gone: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ctx = ctx
        self._backend = backend
        self._mapping = mapping
        self._stream = stream
        self._shard_id = shard_id
        self._ready = ready
        self._gone = gone
        self._clock = clock
        self._blank_bytes = 0

    def run(self, records: list[Any]) -> bool:
        """Return True once ``records`` are processed or given up; False if the mapping was deleted before that."""
        todo = deque([Batch(records)])
        throttled = 0
        while todo:
            if not self._ready():
                return False
            batch = self._without_old(todo.popleft())
            if not batch.records:
                continue
            outcome = self._invoke(batch)
            if outcome is None:
                todo.appendleft(batch)
                throttled += 1
                self._pause(throttled)
                continue
            throttled = 0
            batch = dataclasses.replace(batch, invocations=batch.invocations + 1, outcome=outcome)
            failed_from = self._failed_from(batch, outcome)
            if failed_from is None:
                continue
            again, lost = after_failure(
                batch, failed_from, bisect=bool(self._mapping.bisect_on_error), retries=self._retries()
            )
            if lost:
                self._give_up(lost, failure_destinations.RETRIES_EXHAUSTED)
            elif len(again) == 1 and again[0].failures > batch.failures:
                self._pause(again[0].failures)
            todo.extendleft(reversed(again))
        return True

    def _retries(self) -> int:
        retries = self._mapping.max_retry_attempts
        return ENDLESS if retries is None else int(retries)

    def _pause(self, failures: int) -> None:
        self._gone.wait(min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(failures - 1, 10)))

    def _invoke(self, batch: Batch) -> InvocationOutcome | None:
        """Return how the invocation ended; None if the function could not be invoked, and the batch is tried again."""
        try:
            function = self._backend.get_function(self._mapping.function_arn)
            return runtime().invoke(function, self.payload(batch.records, function))
        except (TooManyRequests, UnknownFunctionException):
            return None
        except BundleError as error:
            log.error("%s cannot run: %s", self._mapping.function_arn, error)
            message = {"errorType": "LocalAws.Bundle", "errorMessage": str(error)}
            return InvocationOutcome(str(uuid.uuid4()), json.dumps(message).encode(), True, "")
        except Exception:
            log.exception("a batch of %s did not reach %s", self._stream.arn, self._mapping.function_arn)
            return None

    def _failed_from(self, batch: Batch, outcome: InvocationOutcome) -> int | None:
        """Return the index of the first record that the function did not process; None if it processed all of them."""
        if outcome.failed:
            return 0
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return None
        numbers = [str(record.sequence_number) for record in batch.records]
        try:
            failed = reported_failures(outcome.payload, set(numbers))
        except MalformedAnswer as problem:
            log.warning("%s: the whole batch failed: %s", self._mapping.function_arn, problem)
            return 0
        return min(map(numbers.index, failed), default=None)

    def _without_old(self, batch: Batch) -> Batch:
        """Return the batch without records older than the mapping or the stream's retention allows; give those up."""
        oldest = 3600 * self._stream.retention_period_hours
        if (self._mapping.max_record_age or ENDLESS) != ENDLESS:
            oldest = min(oldest, self._mapping.max_record_age)
        horizon = self._clock() - oldest
        count = next((n for n, record in enumerate(batch.records) if record.created_at >= horizon), len(batch.records))
        if count:
            old = dataclasses.replace(batch, records=batch.records[:count])
            self._give_up(old, failure_destinations.TOO_OLD)
        return dataclasses.replace(batch, records=batch.records[count:]) if count else batch

    def _give_up(self, batch: Batch, condition: str) -> None:
        try:
            function = self._backend.get_function(self._mapping.function_arn)
        except UnknownFunctionException:
            log.error("records of %s were given up, and %s is gone", self._stream.arn, self._mapping.function_arn)
            return
        first, last = batch.records[0], batch.records[-1]
        info = {
            "shardId": self._shard_id,
            "startSequenceNumber": str(first.sequence_number),
            "endSequenceNumber": str(last.sequence_number),
            "approximateArrivalOfFirstRecord": failure_destinations.iso(first.created_at),
            "approximateArrivalOfLastRecord": failure_destinations.iso(last.created_at),
            "batchSize": len(batch.records),
            "streamArn": self._stream.arn,
        }
        payload = self.payload(batch.records, function)
        failure = failure_destinations.Failure(
            condition, batch.invocations, batch.outcome, "KinesisBatchInfo", info, payload
        )
        failure_destinations.send(self._ctx, function, self._mapping, failure)

    def payload(self, records: list[Any], function: Any) -> bytes:
        """Return the event that ``function`` receives."""
        return json.dumps({"Records": [self._event(record, function.role) for record in records]}).encode()

    def measure(self) -> None:
        """Measure the ARN of the function's role, which every record of an event repeats; call before `event_bytes`."""
        try:
            role = self._backend.get_function(self._mapping.function_arn).role
        except UnknownFunctionException:
            role = ""  # without the function there is no invocation
        blank = SimpleNamespace(partition_key="", sequence_number=10**55, data="", created_at=1e9 + 0.001)
        self._blank_bytes = len(json.dumps(self._event(blank, role))) + len(", ")

    def event_bytes(self, record: Any) -> int:
        """Return how many bytes of the payload a record takes."""
        key: str = record.partition_key
        return self._blank_bytes + len(record.data) + (len(key) if key.isalnum() and key.isascii() else _written(key))

    def _event(self, record: Any, role: str) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": str(record.sequence_number),
                "data": record.data,
                "approximateArrivalTimestamp": round(record.created_at, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{self._shard_id}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": self._stream.region,
            "eventSourceARN": self._stream.arn,
        }


def _written(key: str) -> int:
    return len(json.dumps(key)) - len('""')
