"""Where events can go: one function that puts a payload into a queue, topic, function, workflow, stream or event bus.

Deliveries call moto's backends in this process rather than over HTTP, but through the same methods that the API
calls end in, so that FIFO deduplication, filter policies and the rest hold.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException

from localaws.context import Context
from localaws.iam import enforcement

#: Message attributes by name: (data type, value).
Attributes = Mapping[str, tuple[str, str]]


class DeliveryError(Exception):
    """A payload could not be delivered; ``permanent`` says that trying again cannot help."""

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.permanent = permanent


def kind_of(arn: str) -> str | None:
    """Return the kind of target that ``arn`` is, or None if nothing here delivers to it."""
    _, _, service, _, _, *rest = arn.split(":")
    resource = rest[0] if rest else ""
    match service:
        case "events":
            return "events" if resource.startswith("event-bus/") else None
        case "states":
            return "states" if resource == "stateMachine" else None
        case "kinesis":
            return "kinesis" if resource.startswith("stream/") else None
        case "lambda" | "sqs" | "sns":
            return service
    return None


def send(
    ctx: Context,
    arn: str,
    payload: str,
    *,
    role_arn: str | None = None,
    attributes: Attributes | None = None,
    group_id: str | None = None,
    partition_key: str | None = None,
    detail_type: str = "",
    source: str = "lambda",
) -> None:
    """Deliver ``payload`` to ``arn``, as ``role_arn`` if one is given; raises `DeliveryError`."""
    kind = kind_of(arn)
    if kind is None:
        raise DeliveryError("INVALID_TARGET", f"localaws delivers nothing to {arn}", permanent=True)
    _check_permission(ctx, kind, role_arn, arn)
    account, region = arn.split(":")[4], arn.split(":")[3]
    options = {
        "attributes": attributes or {},
        "group_id": group_id,
        "partition_key": partition_key or str(uuid.uuid4()),
        "detail_type": detail_type,
        "source": source,
    }
    try:
        _SENDERS[kind](account, region, arn, payload, options)
    except (ServiceException, JsonRESTError) as error:
        code = error.error_type if isinstance(error, JsonRESTError) else error.code
        raise DeliveryError(str(code), str(error.message), permanent=True) from error


_ACTIONS = {
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}


def _check_permission(ctx: Context, kind: str, role_arn: str | None, arn: str) -> None:
    # Without a role, queues, topics and functions grant access by their own policies, which are not simulated.
    if role_arn and not enforcement.is_allowed(ctx, role_arn, _ACTIONS[kind], arn):
        raise DeliveryError("NO_PERMISSIONS", f"{role_arn} may not {_ACTIONS[kind]} on {arn}", permanent=True)


def _to_queue(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    from moto.sqs.models import sqs_backends

    attributes = {
        name: {"DataType": kind, "StringValue": value} for name, (kind, value) in options["attributes"].items()
    }
    backend = sqs_backends[account][region]
    backend.send_message(arn.split(":")[5], payload, message_attributes=attributes, group_id=options["group_id"])


def _to_topic(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    from moto.sns.models import sns_backends

    attributes = {name: {"Type": kind, "Value": value} for name, (kind, value) in options["attributes"].items()}
    sns_backends[account][region].publish(payload, arn=arn, message_attributes=attributes, group_id=options["group_id"])


def _to_function(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    del options
    from moto.awslambda.utils import get_backend

    from localaws.functions.runtime import runtime

    runtime().asynchronous.submit(get_backend(account, region).get_function(arn), payload.encode())


def _to_workflow(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    del options
    from moto.stepfunctions.responses import get_backend

    get_backend(account, region).start_execution(arn, str(uuid.uuid4()), payload)


def _to_stream(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    from moto.kinesis.models import kinesis_backends

    data = base64.b64encode(payload.encode()).decode()
    kinesis_backends[account][region].put_record(
        stream_arn=arn, stream_name="", partition_key=options["partition_key"], explicit_hash_key="", data=data
    )


def _to_bus(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    from localaws.events import bus

    event = json.loads(payload)
    if not ("source" in event and "detail-type" in event and "detail" in event):
        event = {"source": options["source"], "detail-type": options["detail_type"], "detail": event}
    bus.publish(account, region, arn.split("event-bus/")[1], event)


_SENDERS: dict[str, Callable[[str, str, str, str, Mapping[str, Any]], None]] = {
    "sqs": _to_queue,
    "sns": _to_topic,
    "lambda": _to_function,
    "states": _to_workflow,
    "kinesis": _to_stream,
    "events": _to_bus,
}
