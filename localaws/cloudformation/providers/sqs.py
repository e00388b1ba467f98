"""AWS::SQS: queues and their policies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

#: Template property → (API attribute, the value that removing the property gives back).
_ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "ContentBasedDeduplication": ("ContentBasedDeduplication", "false"),
    "DeduplicationScope": ("DeduplicationScope", "queue"),
    "DelaySeconds": ("DelaySeconds", "0"),
    "FifoThroughputLimit": ("FifoThroughputLimit", "perQueue"),
    "KmsDataKeyReusePeriodSeconds": ("KmsDataKeyReusePeriodSeconds", "300"),
    "KmsMasterKeyId": ("KmsMasterKeyId", ""),
    "MaximumMessageSize": ("MaximumMessageSize", "262144"),
    "MessageRetentionPeriod": ("MessageRetentionPeriod", "345600"),
    "ReceiveMessageWaitTimeSeconds": ("ReceiveMessageWaitTimeSeconds", "0"),
    "RedriveAllowPolicy": ("RedriveAllowPolicy", ""),
    "RedrivePolicy": ("RedrivePolicy", ""),
    "SqsManagedSseEnabled": ("SqsManagedSseEnabled", "true"),
    "VisibilityTimeout": ("VisibilityTimeout", "30"),
}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return api.json_text(value) if isinstance(value, Mapping) else str(value)


def _create_queue(ctx: Context, request: Request) -> ResourceOutcome:
    fifo = str(request.get("FifoQueue", False)).lower() == "true"
    name = request.get("QueueName") or request.name(80, suffix=".fifo" if fifo else "")
    api.must_be_new(api.find(ctx, "sqs", "GetQueueUrl", QueueName=name), f"the queue {name}")
    attributes = {api_name: _text(request[p]) for p, (api_name, _) in _ATTRIBUTES.items() if p in request.properties}
    if fifo:
        attributes["FifoQueue"] = "true"
    url = api.call(ctx, "sqs", "CreateQueue", QueueName=name, Attributes=attributes, tags=request.tags)["QueueUrl"]
    return ResourceOutcome(
        url, {"Arn": f"arn:aws:sqs:{ctx.region}:{ctx.account}:{name}", "QueueName": name, "QueueUrl": url}
    )


def _update_queue(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    changed = {
        api_name: _text(new.get(p, default))
        for p, (api_name, default) in _ATTRIBUTES.items()
        if new.get(p) != old.get(p)
    }
    if changed:
        api.call(ctx, "sqs", "SetQueueAttributes", QueueUrl=outcome.physical_id, Attributes=changed)
    api.retag(ctx, "sqs", outcome.physical_id, old.tags, new.tags)
    return outcome


def _delete_queue(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "sqs", "DeleteQueue", QueueUrl=outcome.physical_id)


def _set_policy(ctx: Context, queues: list[str], policy: str) -> None:
    for queue in queues:
        api.call(ctx, "sqs", "SetQueueAttributes", QueueUrl=queue, Attributes={"Policy": policy})


def _create_policy(ctx: Context, request: Request) -> ResourceOutcome:
    _set_policy(ctx, request["Queues"], api.json_text(request["PolicyDocument"]))
    return ResourceOutcome(request.name(), {"Id": hashlib.sha256(request.name().encode()).hexdigest()[:16]})


def _update_policy(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    _set_policy(ctx, [q for q in old["Queues"] if q not in new["Queues"]], "")
    _set_policy(ctx, new["Queues"], api.json_text(new["PolicyDocument"]))
    return outcome


def _delete_policy(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    for queue in request["Queues"]:
        api.remove(ctx, "sqs", "SetQueueAttributes", QueueUrl=queue, Attributes={"Policy": ""})


PROVIDERS = (
    Provider(
        "AWS::SQS::Queue",
        honoured=" ".join(["QueueName FifoQueue Tags", *_ATTRIBUTES]),
        attributes=frozenset({"Arn", "QueueName", "QueueUrl"}),
        create=_create_queue,
        update=_update_queue,
        delete=_delete_queue,
        immutable=frozenset({"QueueName", "FifoQueue"}),
        name_property="QueueName",
    ),
    Provider(
        "AWS::SQS::QueuePolicy",
        honoured="Queues PolicyDocument",
        required=frozenset({"Queues", "PolicyDocument"}),
        attributes=frozenset({"Id"}),
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
    ),
)
