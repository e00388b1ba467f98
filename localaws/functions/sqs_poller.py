"""Lambda's poller of one SQS queue: batches, concurrency, filters, partial batch failures.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-concepts.html
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localaws.context import Context
from localaws.functions.bundles import BundleError
from localaws.functions.filters import matches, patterns_of
from localaws.functions.runtime import runtime
from localaws.functions.throttled import TooManyRequests
from localaws.sqs import queues

log = logging.getLogger("localaws.event_sources")

#: Concurrent batches of one mapping; AWS starts with five and adds more:
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_CONCURRENCY = 5
_PAYLOAD_BYTES = 5 * 2**20  # leaves room for the envelope within Lambda's 6 MB
_IDLE_SECONDS = 0.2


class MalformedAnswer(ValueError):
    """A function that reports batch item failures returned something invalid: AWS then fails the whole batch."""


class SqsPoller:
    """Polls a queue for a function until the mapping is deleted; follows changes of the mapping."""

    def __init__(self, ctx: Context, backend: Any, mapping: Any, queue: Any) -> None:
        self._ctx = ctx
        self._backend = backend
        self._mapping = mapping
        self._queue = queue
        self._in_flight = 0
        self._landed = threading.Condition()

    def run(self) -> None:
        """Poll until the mapping or the queue is deleted or the local AWS stops."""
        with ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix=f"sqs {self._queue.name}") as workers:
            while self._wanted():
                if not self._mapping.enabled:
                    self._ctx.stopping.wait(_IDLE_SECONDS / 4)
                    continue
                if not self._has_room():
                    continue
                try:
                    batch = self._collect()
                except Exception:  # received messages become visible again after their visibility timeout
                    log.exception("queue %s could not be polled", self._queue.name)
                    self._ctx.stopping.wait(_IDLE_SECONDS)
                    continue
                if batch:
                    with self._landed:
                        self._in_flight += 1
                    workers.submit(self._process, batch)

    def _wanted(self) -> bool:
        known = self._mapping.uuid in self._backend._event_source_mappings
        return known and not self._ctx.stopping.is_set()

    def _has_room(self) -> bool:
        limit = (self._mapping.scaling_config or {}).get("MaximumConcurrency") or _CONCURRENCY
        with self._landed:
            return self._landed.wait_for(lambda: self._in_flight < min(limit, _CONCURRENCY), _IDLE_SECONDS)

    def _collect(self) -> list[Any]:
        """Return the next batch: the available messages, and those that arrive within the batching window."""
        size = int(self._mapping.batch_size)
        batch = self._receive(size, wait=_IDLE_SECONDS)
        closes = time.monotonic() + float(self._mapping.max_batch_window or 0)
        while batch and len(batch) < size and self._wanted():
            room = _PAYLOAD_BYTES - sum(len(message.body) for message in batch)
            left = closes - time.monotonic()
            if left <= 0 or room <= 0:
                break
            batch += self._receive(size - len(batch), wait=min(left, _IDLE_SECONDS), max_bytes=room)
        return self._without_filtered(batch)

    def _receive(self, limit: int, *, wait: float, max_bytes: int = _PAYLOAD_BYTES) -> list[Any]:
        taken = queues.receive(
            self._queue,
            limit,
            visibility_timeout=int(self._queue.visibility_timeout),
            wait=wait,
            one_group=self._queue.fifo_queue,
            max_bytes=max_bytes,
        )
        return [copy.copy(message) for message in taken]  # as they are now: another receiver may have them later

    def _without_filtered(self, batch: list[Any]) -> list[Any]:
        patterns = patterns_of(self._mapping)
        if not patterns:
            return batch
        kept = []
        for message in batch:
            if matches(patterns, self._record(message), "body"):
                kept.append(message)
            else:
                queues.delete(self._queue, message)
        return kept

    def _process(self, batch: list[Any]) -> None:
        try:
            failed = self._invoke(batch)
            for message in batch:
                if message.id not in failed:
                    queues.delete(self._queue, message)
        except MalformedAnswer as problem:
            log.warning("%s: the whole batch failed: %s", self._mapping.function_arn, problem)
        except Exception:
            log.exception("a batch of %s was not processed", self._queue.name)
        finally:
            with self._landed:
                self._in_flight -= 1
                self._landed.notify_all()

    def _invoke(self, batch: list[Any]) -> set[str]:
        """Run the function on ``batch``; return the ids of the messages that stay in the queue."""
        everything = {message.id for message in batch}
        payload = json.dumps({"Records": [self._record(message) for message in batch]}).encode()
        expires = min(message.visible_at for message in batch) / 1000
        delay = 0.02
        while True:
            function = self._backend.get_function(self._mapping.function_arn)
            try:
                outcome = runtime().invoke(function, payload)
                break
            except TooManyRequests:
                # The poller backs off; messages that it held for too long become visible again.
                if time.time() + delay >= expires or not self._wanted():
                    return everything
                time.sleep(delay)
                delay = min(1.0, 2 * delay)
            except BundleError as error:
                log.error("%s cannot run: %s", function.function_name, error)
                return everything
        if outcome.failed:
            return everything
        if "ReportBatchItemFailures" not in (self._mapping.function_response_types or []):
            return set()
        return reported_failures(outcome.payload, everything)

    def _record(self, message: Any) -> dict[str, Any]:
        attributes = {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        }
        if self._queue.fifo_queue:
            attributes["SequenceNumber"] = str(message.sequence_number)
            attributes["MessageGroupId"] = str(message.group_id)
            attributes["MessageDeduplicationId"] = str(message.deduplication_id)
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": attributes,
            "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.queue_arn,
            "awsRegion": self._queue.region,
        }


def reported_failures(payload: bytes, known: set[str]) -> set[str]:
    """Return the ids that a function reports as failed; raise `MalformedAnswer` where AWS fails the whole batch.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    try:
        answer = json.loads(payload or b"null")
    except ValueError as error:
        raise MalformedAnswer(f"no JSON: {payload[:200]!r}") from error
    if answer is None:
        return set()
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"no object: {payload[:200]!r}")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        raise MalformedAnswer(f"batchItemFailures is no list: {failures!r}")
    reported = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in known:
            raise MalformedAnswer(f"{failure!r} names nothing of the batch as itemIdentifier")
        reported.add(identifier)
    return reported


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value.get("DataType")}
    if value.get("StringValue") is not None:
        shown["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        raw = value["BinaryValue"]
        shown["binaryValue"] = base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw
    return shown
