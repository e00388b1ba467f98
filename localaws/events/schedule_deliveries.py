"""What only EventBridge Scheduler's deliveries have: context attributes, target parameters, dead-letter attributes.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SOURCE = "aws.scheduler"
_ATTEMPT = "<aws.scheduler.attempt-number>"
_FIELDS = frozenset(
    {"Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig", "SqsParameters", "KinesisParameters",
     "EventBridgeParameters"}
)  # fmt: skip


def is_schedules(event: Mapping[str, Any]) -> bool:
    """Return whether an event comes from a schedule, by its source (PutEvents refuses AWS's own sources)."""
    return event.get("source") == SOURCE


def with_context(target: Mapping[str, Any], arn: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target with those context attributes filled in that all delivery attempts share."""
    text = target.get("Input")
    if not text or "<aws.scheduler." not in text:
        return target
    for name, value in {"schedule-arn": arn, "scheduled-time": event["time"], "execution-id": event["id"]}.items():
        text = text.replace(f"<aws.scheduler.{name}>", json.dumps(value)[1:-1])
    return {**target, "Input": text}


def payload_of(target: Mapping[str, Any], payload: str, attempt: int) -> str:
    """Return the payload that the ``attempt``-th attempt sends to ``target``."""
    payload = payload.replace(_ATTEMPT, str(attempt))
    bus = target.get("EventBridgeParameters")
    if bus:
        return json.dumps({"source": bus["Source"], "detail-type": bus["DetailType"], "detail": json.loads(payload)})
    return payload


def what_is_wrong(target: Mapping[str, Any]) -> str | None:
    """Return why a schedule cannot have this target, or None if it can."""
    if unknown := set(target) - _FIELDS:
        return f"localaws does not know {sorted(unknown)} of a target"
    if str((target.get("DeadLetterConfig") or {}).get("Arn")).endswith(".fifo"):
        return "the dead-letter queue must not be a FIFO queue"
    if ":event-bus/" in target["Arn"]:
        bus = target.get("EventBridgeParameters")
        if not bus or bus["Source"].startswith("aws."):
            return f"{target['Arn']} needs EventBridgeParameters, and a Source that does not begin with aws."
        try:
            detail = json.loads(target.get("Input") or "null")
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return "the Input for an event bus must be a JSON object"
    return None


def dead_letter(
    event: Mapping[str, Any], target: Mapping[str, Any], error: tuple[str, str], retries: int, *, exhausted: bool
) -> dict[str, tuple[str, str]]:
    """Return the attributes of the message that goes to a schedule's dead-letter queue."""
    code, message = error
    attributes = {
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message or code,
        "EXECUTION_ID": event["id"],
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": str(retries),
        "SCHEDULED_TIME": event["time"],
        "SCHEDULE_ARN": event["resources"][0],
        "TARGET_ARN": target["Arn"],
    }
    if exhausted:
        attributes["EXHAUSTED_RETRY_CONDITION"] = "MaximumRetryAttempts"
    return {name: ("String", value) for name, value in attributes.items()}
