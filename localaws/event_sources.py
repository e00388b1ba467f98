"""Event source mappings: what Lambda polls for a function, and how it treats what the function answers.

SQS is here. A further kind of source is one entry in ``_SOURCES``: a check of the mapping, and what polls for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend
from moto.sqs.models import sqs_backends

from localaws import iam, queues
from localaws.context import Context
from localaws.moto_patches import replace
from localaws.sqs_poller import SqsPoller

_moto_create = LambdaBackend.create_event_source_mapping
_moto_update = LambdaBackend.update_event_source_mapping

log = logging.getLogger("localaws.event_sources")
_current: Context | None = None

_SQS_FIELDS = {
    "EventSourceArn", "FunctionName", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds", "ScalingConfig",
    "FunctionResponseTypes", "FilterCriteria", "Tags", "UUID", "RegionName", "AccountId", "FunctionArn",
}  # fmt: skip


@dataclass(frozen=True)
class _Source:
    """A kind of event source: ``check`` refuses what it does not know, ``start`` polls until the mapping is gone."""

    check: Callable[[Context, Any, Mapping[str, Any]], None]
    start: Callable[[Context, Any, Any], None]


def install(ctx: Context) -> None:
    """Poll for the event source mappings that this process's moto is given; the newest context wins."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    queues.install(ctx)
    replace(LambdaBackend, "create_event_source_mapping", _create)
    replace(LambdaBackend, "update_event_source_mapping", _update)


def _context() -> Context:
    if _current is None:
        raise RuntimeError("localaws.event_sources.install(ctx) was not called")
    return _current


def _create(self: Any, spec: dict[str, Any]) -> Any:
    ctx, source = _context(), _source(spec.get("EventSourceArn", ""))
    function = self.get_function(spec["FunctionName"])
    source.check(ctx, function, spec)
    mapping = _moto_create(self, spec)
    source.start(ctx, self, mapping)
    return mapping


def _update(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
    mapping = self.get_event_source_mapping(uuid)
    if mapping is not None:
        now = {"EventSourceArn": mapping.event_source_arn, "BatchSize": mapping.batch_size, **spec}
        now.setdefault("MaximumBatchingWindowInSeconds", mapping.max_batch_window)
        function = self.get_function(spec.get("FunctionName") or mapping.function_arn)
        _source(mapping.event_source_arn).check(_context(), function, now)
    updated = _moto_update(self, uuid, spec)
    if updated is not None:
        if "FilterCriteria" in spec:
            updated.filter_criteria = spec["FilterCriteria"]
        if "MaximumBatchingWindowInSeconds" in spec:
            updated.max_batch_window = spec["MaximumBatchingWindowInSeconds"]
    return updated


def _source(arn: str) -> _Source:
    service = arn.split(":")[2] if arn.count(":") >= 5 else arn
    if service not in _SOURCES:
        raise InvalidParameterValueException(
            f"Event source {arn}: localaws does not poll {service} yet (it comes with streams), only {sorted(_SOURCES)}"
        )
    return _SOURCES[service]


def _check_sqs(ctx: Context, function: Any, spec: Mapping[str, Any]) -> None:
    arn = spec["EventSourceArn"]
    if unknown := {name for name, value in spec.items() if value is not None} - _SQS_FIELDS:
        raise InvalidParameterValueException(f"Event source {arn}: localaws does not know {sorted(unknown)} of SQS")
    window, batch = spec.get("MaximumBatchingWindowInSeconds") or 0, spec.get("BatchSize") or 10
    if arn.endswith(".fifo") and window:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if batch > 10 and not window and not arn.endswith(".fifo"):
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    concurrency = (spec.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if concurrency is not None and not 2 <= concurrency <= 1000:
        raise InvalidParameterValueException(f"MaximumConcurrency {concurrency} is not between 2 and 1000")
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        if not iam.is_allowed(ctx, function.role, f"sqs:{action}", arn):
            raise InvalidParameterValueException(
                f"The function execution role does not have permissions to call {action} on SQS"
            )
    queue = _queue(arn)
    if queue is not None and int(queue.visibility_timeout) < int(function.timeout):
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds "
            f"is less than Function timeout: {function.timeout} seconds"
        )


def _start_sqs(ctx: Context, backend: Any, mapping: Any) -> None:
    queue = _queue(mapping.event_source_arn)
    queue.lambda_event_source_mappings.pop(mapping.function_arn, None)  # moto would invoke inside SendMessage
    poller = SqsPoller(ctx, backend, mapping, queue)
    threading.Thread(target=poller.run, daemon=True, name=f"sqs {queue.name}").start()


def _queue(arn: str) -> Any:
    _, _, _, region, account, name = arn.split(":")
    return sqs_backends[account][region].queues.get(name)


_SOURCES: Mapping[str, _Source] = {"sqs": _Source(_check_sqs, _start_sqs)}
