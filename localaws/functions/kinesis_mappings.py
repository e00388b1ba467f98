"""Event source mappings of Kinesis streams: checks them as AWS does, and starts their poller."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.kinesis.models import kinesis_backends
from moto.kms.models import kms_backends

from localaws.context import Context
from localaws.functions import failure_destinations
from localaws.functions.kinesis_poller import KinesisPoller
from localaws.gateway.callers import Session
from localaws.iam import enforcement
from localaws.kinesis.reads import seconds

_FIELDS = {
    "EventSourceArn", "FunctionName", "StartingPosition", "StartingPositionTimestamp", "BatchSize", "Enabled",
    "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError", "FunctionResponseTypes", "DestinationConfig", "FilterCriteria",
    "Tags", "UUID", "RegionName", "AccountId", "FunctionArn",
}  # fmt: skip
_RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRetryAttempts": (-1, 10_000),
    "MaximumRecordAgeInSeconds": (60, 604_800),
}
_POSITIONS = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
_FILTERED = {"data", "partitionKey", "sequenceNumber", "kinesisSchemaVersion", "approximateArrivalTimestamp"}
_READS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")


def check(ctx: Context, function: Any, spec: Mapping[str, Any]) -> None:
    """Raise for a new or changed mapping that AWS would refuse, or that needs what localaws does not support."""
    arn = spec["EventSourceArn"]
    if unknown := {name for name, value in spec.items() if value is not None} - _FIELDS:
        raise InvalidParameterValueException(f"Event source {arn}: localaws does not know {sorted(unknown)} of Kinesis")
    if "/consumer/" in arn:
        raise InvalidParameterValueException(f"Event source {arn}: localaws has no enhanced fan-out; map the stream")
    _check_numbers(spec)
    _check_start(spec)
    _check_filters(arn, spec.get("FilterCriteria"))
    if other := set(spec.get("FunctionResponseTypes") or ()) - {"ReportBatchItemFailures"}:
        raise InvalidParameterValueException(f"Event source {arn}: no FunctionResponseTypes {sorted(other)}")
    stream = stream_of(arn)
    if stream is None:
        raise InvalidParameterValueException(f"Stream not found: {arn}")
    _check_role(ctx, function.role, stream)
    destinations = {kind: where for kind, where in (spec.get("DestinationConfig") or {}).items() if where}
    if other := set(destinations) - {"OnFailure"}:
        raise InvalidParameterValueException(f"Event source {arn}: no DestinationConfig {sorted(other)} for streams")
    if destination := destinations.get("OnFailure", {}).get("Destination"):
        failure_destinations.check(ctx, function.role, destination)


def start(ctx: Context, backend: Any, mapping: Any) -> Callable[[], None]:
    """Poll the mapping's stream from now on; return the function to call when the mapping was changed or deleted."""
    stream = stream_of(mapping.event_source_arn)
    stream.lambda_event_source_mappings.pop(mapping.event_source_arn, None)
    mapping.parallelization_factor = mapping.parallelization_factor or 1
    mapping.max_batch_window = mapping.max_batch_window or 0
    mapping.bisect_on_error = bool(mapping.bisect_on_error)
    mapping.max_retry_attempts = -1 if mapping.max_retry_attempts is None else mapping.max_retry_attempts
    mapping.max_record_age = -1 if mapping.max_record_age is None else mapping.max_record_age
    poller = KinesisPoller(ctx, backend, mapping, stream)
    poller.start()
    return poller.wake


def stream_of(arn: str) -> Any:
    """Return moto's stream of this ARN, or None if there is none."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return kinesis_backends[account][region].streams.get(resource.removeprefix("stream/"))


def _check_numbers(spec: Mapping[str, Any]) -> None:
    for name, (least, most) in _RANGES.items():
        value = spec.get(name)
        if value is None or (name == "MaximumRecordAgeInSeconds" and value == -1) or least <= value <= most:
            continue
        bound = f"less than or equal to {most}" if value > most else f"greater than or equal to {least}"
        raise InvalidParameterValueException(
            f"1 validation error detected: Value '{value}' at '{name[0].lower()}{name[1:]}' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )


def _check_start(spec: Mapping[str, Any]) -> None:
    position, moment = spec.get("StartingPosition"), spec.get("StartingPositionTimestamp")
    if position not in _POSITIONS:
        raise InvalidParameterValueException(
            f"1 validation error detected: Value {position or 'null'} at 'startingPosition' failed to satisfy "
            f"constraint: Member must satisfy enum value set: {list(_POSITIONS)}"
        )
    if (position == "AT_TIMESTAMP") != (moment is not None):
        raise InvalidParameterValueException("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP, only.")
    if moment is not None and seconds(moment) > time.time() + 1:
        raise InvalidParameterValueException("StartingPositionTimestamp must not be in the future.")


def _check_filters(arn: str, criteria: Mapping[str, Any] | None) -> None:
    for each in (criteria or {}).get("Filters") or ():
        try:
            pattern = json.loads(each.get("Pattern") or "{}")
        except ValueError:
            pattern = None
        if not isinstance(pattern, dict):
            raise InvalidParameterValueException("Invalid filter pattern definition.")
        if other := set(pattern) - _FILTERED:
            raise InvalidParameterValueException(
                f"Event source {arn}: localaws filters Kinesis records by {sorted(_FILTERED)}, not by {sorted(other)}"
            )


def _check_role(ctx: Context, role: str, stream: Any) -> None:
    actions = [f"kinesis:{action}" for action in _READS]
    if all(enforcement.is_allowed(ctx, role, action, stream.arn) for action in actions):
        return
    session = Session(role, "localaws")
    if all(enforcement.would_allow(ctx, session, action, stream.arn) for action in actions):  # its key is what lacks
        lacking = f"kms:Decrypt Action on {_key_arn(stream)}."
    else:
        lacking = (
            "GetRecords, GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream in IAM."
        )
    raise InvalidParameterValueException(
        f"Cannot access stream {stream.arn}. Please ensure the role can perform the {lacking}"
    )


def _key_arn(stream: Any) -> str:
    _, _, _, region, account, _ = stream.arn.split(":")
    key = str(stream.key_id)
    if "alias/" in key:
        key = kms_backends[account][region].get_key_id_from_alias(key.rsplit(":", 1)[-1]) or key
    return key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
