"""Event source mappings of SQS queues and Kinesis streams: checks them and polls their sources.

A further kind of source is one entry in ``_SOURCES``: a check of the mapping, and its poller.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import LambdaBackend
from moto.sqs.models import sqs_backends

from localaws.context import Context
from localaws.functions import filters, kinesis_mappings
from localaws.functions.sqs_poller import SqsPoller
from localaws.iam import enforcement
from localaws.moto_patches import original, replace

log = logging.getLogger("localaws.event_sources")
_current: Context | None = None
#: By a mapping's UUID: what to call when it was changed or deleted.
_wakers: dict[str, Callable[[], None]] = {}

_SQS_FIELDS = {
    "EventSourceArn", "FunctionName", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds", "ScalingConfig",
    "FunctionResponseTypes", "FilterCriteria", "Tags", "UUID", "RegionName", "AccountId", "FunctionArn",
}  # fmt: skip


@dataclass(frozen=True)
class _EventSource:
    """A kind of event source: ``check`` raises for an invalid mapping, ``start`` polls until the mapping is deleted.

    ``start`` returns the function to call when the mapping was changed or deleted.
    """

    check: Callable[[Context, Any, Mapping[str, Any]], None]
    start: Callable[[Context, Any, Any], Callable[[], None]]


def install(ctx: Context) -> None:
    """Poll for the event source mappings of this process's moto in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    _wakers.clear()
    replace(LambdaBackend, "create_event_source_mapping", _create)
    replace(LambdaBackend, "update_event_source_mapping", _update)
    replace(LambdaBackend, "delete_event_source_mapping", _delete)


def _context() -> Context:
    if _current is None:
        raise RuntimeError("localaws.functions.install(ctx) was not called")
    return _current


class _AlreadyMapped(LambdaClientError):
    code = 409

    def __init__(self, other: Any) -> None:
        super().__init__(
            "ResourceConflictException",
            f'The event source arn (" {other.event_source_arn} ") and function (" {other.function_arn} ") provided '
            f"mapping already exists. Please update or delete the existing mapping with UUID {other.uuid}",
        )


def _create(self: Any, spec: dict[str, Any]) -> Any:
    ctx, source = _context(), _source(spec.get("EventSourceArn", ""))
    function = self.get_function(spec["FunctionName"])
    source.check(ctx, function, spec)
    filters.check(spec.get("FilterCriteria"))
    function_arn = _function_arn(function, spec["FunctionName"])
    for other in self._event_source_mappings.values():
        if (other.event_source_arn, other.function_arn) == (spec["EventSourceArn"], function_arn):
            raise _AlreadyMapped(other)
    mapping = original(LambdaBackend, "create_event_source_mapping")(self, spec)
    mapping.function_arn = function_arn
    _wakers[mapping.uuid] = source.start(ctx, self, mapping)
    return mapping


def _update(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
    mapping = self.get_event_source_mapping(uuid)
    if mapping is None:
        return None
    now = {**{name: getattr(mapping, attribute) for name, attribute in _ATTRIBUTES.items()}, **spec}
    function = self.get_function(spec.get("FunctionName") or mapping.function_arn)
    _source(mapping.event_source_arn).check(_context(), function, now)
    filters.check(spec.get("FilterCriteria"))
    original(LambdaBackend, "update_event_source_mapping")(self, uuid, spec)
    if spec.get("FunctionName"):
        mapping.function_arn = _function_arn(function, spec["FunctionName"])
    _wakers[uuid]()
    return mapping


def _function_arn(function: Any, name: str) -> str:
    """Return the ARN that a mapping invokes; an alias stays an alias, where moto resolves it to its present version."""
    qualifier = re.fullmatch(r"(?:.*function:)?[^:]+(:[^:]+)?", name)
    plain = f"arn:aws:lambda:{function.region}:{function.account_id}:function:{function.function_name}"
    return plain + ((qualifier and qualifier[1]) or "")


#: What a check sees of a mapping that is being changed, besides the changes.
_ATTRIBUTES = {
    "EventSourceArn": "event_source_arn",
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "max_batch_window",
    "StartingPosition": "starting_position",
    "StartingPositionTimestamp": "starting_position_timestamp",
    "DestinationConfig": "destination_config",
}


def _delete(self: Any, uuid: str) -> Any:
    deleted = original(LambdaBackend, "delete_event_source_mapping")(self, uuid)
    if waker := _wakers.pop(uuid, None):
        waker()
    return deleted


def _source(arn: str) -> _EventSource:
    service = arn.split(":")[2] if arn.count(":") >= 5 else arn
    if service not in _SOURCES:
        raise InvalidParameterValueException(
            f"Event source {arn}: localaws does not poll {service}, only {sorted(_SOURCES)}"
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
        if not enforcement.is_allowed(ctx, function.role, f"sqs:{action}", arn):
            raise InvalidParameterValueException(
                f"The function execution role does not have permissions to call {action} on SQS"
            )
    queue = _queue(arn)
    if queue is not None and int(queue.visibility_timeout) < int(function.timeout):
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {queue.visibility_timeout} seconds "
            f"is less than Function timeout: {function.timeout} seconds"
        )


def _start_sqs(ctx: Context, backend: Any, mapping: Any) -> Callable[[], None]:
    queue = _queue(mapping.event_source_arn)
    queue.lambda_event_source_mappings.pop(mapping.function_arn, None)  # moto would invoke inside SendMessage
    poller = SqsPoller(ctx, backend, mapping, queue)
    threading.Thread(target=poller.run, daemon=True, name=f"sqs {queue.name}").start()
    return lambda: None  # it looks at its mapping several times a second


def _queue(arn: str) -> Any:
    _, _, _, region, account, name = arn.split(":")
    return sqs_backends[account][region].queues.get(name)


_SOURCES: Mapping[str, _EventSource] = {
    "kinesis": _EventSource(kinesis_mappings.check, kinesis_mappings.start),
    "sqs": _EventSource(_check_sqs, _start_sqs),
}
