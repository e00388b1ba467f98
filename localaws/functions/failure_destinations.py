"""Sends failed batches of a stream to their destination: metadata to a queue or topic, the whole record to a bucket.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import datetime
import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.exceptions import InvalidParameterValueException

from localaws.context import Context
from localaws.events import targets
from localaws.functions.sandbox import InvocationOutcome
from localaws.iam import enforcement

log = logging.getLogger("localaws.event_sources")

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"


@dataclass(frozen=True)
class Failure:
    """A batch that was given up: the reason, the number of invocations, the last outcome, and the batch itself."""

    condition: str
    invocations: int
    outcome: InvocationOutcome | None
    batch_name: str
    batch: Mapping[str, Any]
    payload: bytes


def check(ctx: Context, role_arn: str, destination: str) -> None:
    """Raise for a destination that localaws or AWS does not support, or that the function's role may not write to."""
    service = destination.split(":")[2] if destination.count(":") >= 5 else ""
    if service not in _PERMISSIONS or destination.endswith(".fifo"):
        raise InvalidParameterValueException(
            f"DestinationConfig.OnFailure {destination}: localaws sends failed batches to standard SQS "
            "queues, standard SNS topics and S3 buckets"
        )
    for action, suffix in _PERMISSIONS[service]:
        if not enforcement.is_allowed(ctx, role_arn, f"{service}:{action}", destination + suffix):
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {action} on {service.upper()}"
            )


_PERMISSIONS = {
    "sqs": (("SendMessage", ""),),
    "sns": (("Publish", ""),),
    "s3": (("PutObject", "/aws/lambda/batch"), ("ListBucket", "")),
}


def send(ctx: Context, function: Any, mapping: Any, failure: Failure) -> None:
    """Send ``failure`` to the mapping's destination, if it has one; as on AWS, a record that cannot be sent is lost."""
    destination = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
    log.warning("%s gave up %s: %s", function.function_name, failure.condition, failure.batch)
    if not destination:
        return
    now = datetime.datetime.now(datetime.UTC)
    record = _record(function, mapping, failure, now)
    try:
        if destination.split(":")[2] == "s3":
            key = _key(mapping.uuid, failure.batch["shardId"], now)
            _to_bucket(ctx, function.role, destination, key, {**record, "payload": failure.payload.decode()})
        else:
            targets.send(ctx, destination, json.dumps(record), sender=targets.Sender(role_arn=function.role))
    except (targets.DeliveryError, ClientError) as error:
        log.error("a failed batch of %s did not reach %s: %s", function.function_name, destination, error)


def _record(function: Any, mapping: Any, failure: Failure, now: datetime.datetime) -> dict[str, Any]:
    outcome = failure.outcome
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": outcome.request_id if outcome else str(uuid.uuid4()),
            "functionArn": mapping.function_arn,
            "condition": failure.condition,
            "approximateInvokeCount": failure.invocations,
        },
        "version": "1.0",
        "timestamp": iso(now.timestamp()),
        failure.batch_name: dict(failure.batch),
    }
    if outcome:
        record["responseContext"] = {"statusCode": 200, "executedVersion": str(function.version)}
        if outcome.failed:
            record["responseContext"]["functionError"] = "Unhandled"
    return record


def _key(mapping: str, shard: str, now: datetime.datetime) -> str:
    return f"aws/lambda/{mapping}/{shard}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _to_bucket(ctx: Context, role_arn: str, bucket_arn: str, key: str, record: Mapping[str, Any]) -> None:
    for action, resource in (("PutObject", f"{bucket_arn}/{key}"), ("ListBucket", bucket_arn)):
        if not enforcement.is_allowed(ctx, role_arn, f"s3:{action}", resource):
            raise targets.DeliveryError("AccessDenied", f"{role_arn} may not s3:{action} on {resource}", permanent=True)
    # Over HTTP, because encryption, versions and notifications of the bucket hang on the request.
    ctx.client("s3").put_object(Bucket=bucket_arn.split(":::")[1], Key=key, Body=json.dumps(record).encode())


def iso(moment: float) -> str:
    """Return seconds since 1970 in the format that failure records have."""
    shown = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    return f"{shown:%Y-%m-%dT%H:%M:%S}.{shown.microsecond // 1000:03d}Z"
