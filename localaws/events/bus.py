"""EventBridge: delivers events from PutEvents and from S3 to the targets of the rules that match, as on AWS.

The call that causes an event only queues it; another thread delivers it, so no caller waits for a target. Rules are
matched one by one: a failure in one is counted and logged, and does not affect the next. A failed delivery is retried
by its RetryPolicy and then goes to its dead-letter queue; one that cannot succeed (no such target, no permission) goes
there at once. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""

from __future__ import annotations

import datetime
import itertools
import json
import logging
import queue
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from moto.events import models, responses
from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.s3 import notifications
from moto.s3.models import S3Backend

from localaws import metrics
from localaws.context import Context
from localaws.events import patterns, schedule_deliveries, targets, timetables
from localaws.events.inputs import InputError, target_input
from localaws.events.schedule_expressions import ExpressionError
from localaws.moto_patches import original, replace
from localaws.timers import Timers

log = logging.getLogger("localaws.events")

_MAX_ATTEMPTS = 185
_MAX_AGE_SECONDS = 86400
#: Local retries come sooner than AWS's, which are spread over 24 hours:
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.1, 5.0
_TARGET_FIELDS = {
    "Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer",
    "SqsParameters", "KinesisParameters", "RetryPolicy", "DeadLetterConfig",
}  # fmt: skip


@dataclass(frozen=True)
class _Delivery:
    rule: str
    target: Mapping[str, Any]
    event: Mapping[str, Any]
    payload: str
    attempt: int
    expires: float


class EventBus:
    """Matches queued events to rules and delivers them to the rules' targets."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._queue: queue.SimpleQueue[tuple[str, str, str, dict[str, Any]] | _Delivery | None] = queue.SimpleQueue()
        self.timers = Timers(ctx)
        threading.Thread(target=self._run, daemon=True, name="events").start()
        ctx.on_close(lambda: self._queue.put(None))

    def publish(self, account: str, region: str, bus: str, event: dict[str, Any]) -> None:
        """Queue ``event`` for the rules of one event bus."""
        self._queue.put((account, region, bus, event))

    def deliver(self, rule: str, target: Mapping[str, Any], event: dict[str, Any]) -> None:
        """Queue ``event`` for one target, as a schedule does."""
        policy = target.get("RetryPolicy") or {}
        expires = time.monotonic() + policy.get("MaximumEventAgeInSeconds", _MAX_AGE_SECONDS)
        try:
            payload = target_input(target, event, rule)
        except InputError as error:
            log.error("rule %s, target %s: %s", rule, target["Arn"], error)
            self._count(rule)
            return
        self._queue.put(_Delivery(rule, target, event, payload, 1, expires))

    def _run(self) -> None:
        while (item := self._queue.get()) is not None and not self._ctx.stopping.is_set():
            try:
                if isinstance(item, _Delivery):
                    self._attempt(item)
                else:
                    self._match(*item)
            except Exception:
                log.exception("an event was lost: %s", item)

    def _match(self, account: str, region: str, bus: str, event: dict[str, Any]) -> None:
        event_bus = models.events_backends[account][region].event_buses.get(bus)
        for rule in list(event_bus.rules.values()) if event_bus else ():
            try:
                self._look_at(rule, event)
            except Exception:
                log.exception("rule %s could not be applied to an event from %s", rule.arn, event.get("source"))
                self._count(rule.arn)

    def _look_at(self, rule: Any, event: dict[str, Any]) -> None:
        if rule.state == "DISABLED" or not rule.event_pattern.get_pattern():
            return
        if rule.event_pattern.matches_event(cast(Any, event)):
            for target in list(rule.targets):
                self.deliver(rule.arn, target, event)

    def _count(self, rule_arn: str, metric: str = "FailedInvocations") -> None:
        """Count a failed delivery in a metric of AWS's, by the rule's name."""
        metrics.count_failure(self._ctx, "AWS/Events", metric, RuleName=rule_arn.rsplit("/", 1)[-1])

    def _attempt(self, delivery: _Delivery) -> None:
        target, payload = delivery.target, delivery.payload
        if schedule_deliveries.is_schedules(delivery.event):
            payload = schedule_deliveries.payload_of(target, payload, delivery.attempt)
        try:
            targets.send(
                self._ctx,
                target["Arn"],
                payload,
                sender=targets.Sender.of(delivery.rule, delivery.target.get("RoleArn")),
                group_id=(target.get("SqsParameters") or {}).get("MessageGroupId"),
                partition_key=_partition_key(target, delivery.event),
            )
        except targets.DeliveryError as error:
            self._failed(delivery, error)
        except Exception as error:
            log.exception("delivering to %s failed", target["Arn"])
            self._failed(delivery, targets.DeliveryError("INTERNAL_ERROR", str(error), permanent=False))

    def _failed(self, delivery: _Delivery, error: targets.DeliveryError) -> None:
        policy = delivery.target.get("RetryPolicy") or {}
        retries = policy.get("MaximumRetryAttempts", _MAX_ATTEMPTS)
        if error.permanent or delivery.attempt > retries or time.monotonic() >= delivery.expires:
            self._give_up(delivery, error, exhausted=not error.permanent)
            return
        again = _Delivery(**{**delivery.__dict__, "attempt": delivery.attempt + 1})
        delay = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2 ** (delivery.attempt - 1))
        self.timers.after(delay, lambda: self._queue.put(again))

    def _give_up(self, delivery: _Delivery, error: targets.DeliveryError, *, exhausted: bool) -> None:
        log.warning("an event of rule %s did not reach %s: %s", delivery.rule, delivery.target["Arn"], error)
        self._count(delivery.rule)
        dead_letters = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if not dead_letters:
            return
        try:
            self._to_dead_letters(delivery, error, dead_letters, exhausted=exhausted)
        except targets.DeliveryError as lost:
            log.error("an event of rule %s did not reach %s either: %s", delivery.rule, dead_letters, lost)
            self._count(delivery.rule, "InvocationsFailedToBeSentToDlq")

    def _to_dead_letters(
        self, delivery: _Delivery, error: targets.DeliveryError, dead_letters: str, *, exhausted: bool
    ) -> None:
        attempts = delivery.attempt - 1
        if schedule_deliveries.is_schedules(delivery.event):
            why = (error.code, error.message)
            attributes = schedule_deliveries.dead_letter(
                delivery.event, delivery.target, why, attempts, exhausted=exhausted
            )
            body = schedule_deliveries.payload_of(delivery.target, delivery.payload, delivery.attempt)
            sender = targets.Sender.of(delivery.rule, delivery.target["RoleArn"])
        else:
            attributes = {
                "RULE_ARN": ("String", delivery.rule),
                "TARGET_ARN": ("String", delivery.target["Arn"]),
                "ERROR_CODE": ("String", error.code),
                "ERROR_MESSAGE": ("String", error.message or error.code),
                "RETRY_ATTEMPTS": ("String", str(attempts)),
                "EXHAUSTED_RETRY_CONDITION": ("String", "MaximumRetryAttempts" if exhausted else "None"),
            }
            body, sender = json.dumps(delivery.event), targets.Sender.of(delivery.rule)
        targets.send(self._ctx, dead_letters, body, attributes=attributes, sender=sender)


def _partition_key(target: Mapping[str, Any], event: Mapping[str, Any]) -> str | None:
    given = target.get("KinesisParameters") or {}
    if "PartitionKey" in given:  # a schedule's
        return str(given["PartitionKey"])
    path = given.get("PartitionKeyPath")
    if not path:
        return str(event.get("id", uuid.uuid4()))
    value: Any = event
    for part in path.removeprefix("$.").split("."):
        value = value[part]
    return str(value)


# ---- where events come from

_bus: EventBus | None = None
_sequence = itertools.count(time.time_ns())


def install(ctx: Context) -> None:
    """Deliver the events and schedules of this process's moto in ``ctx``, which replaces any earlier context."""
    global _bus  # noqa: PLW0603  moto's classes are process-wide
    _bus = EventBus(ctx)
    targets.register("events", "events:PutEvents", _to_bus)
    replace(models.EventPatternParser, "parse", _parse_pattern)
    replace(models.EventPattern, "matches_event", _matches_event)
    replace(responses.EventsHandler, "test_event_pattern", _test_event_pattern)
    replace(models.EventsBackend, "put_rule", _put_rule)
    replace(models.Rule, "send_to_targets", _send_to_targets)
    replace(models.EventsBackend, "put_targets", _put_targets)
    replace(models.EventsBackend, "put_events", _put_events)
    replace(notifications, "send_event", _send_event)
    replace(notifications, "_send_event_bridge_message", lambda *_: None)  # announced by _send_event and _delete_object
    for sends in ("_invoke_awslambda", "_send_sqs_message", "_send_sns_message"):
        replace(notifications, sends, _notify)
    replace(S3Backend, "delete_object", _delete_object)
    timetables.install(ctx, _bus)


def _to_bus(account: str, region: str, arn: str, payload: str, options: Mapping[str, Any]) -> None:
    event = json.loads(payload)
    if not ("source" in event and "detail-type" in event and "detail" in event):
        event = {"source": options["source"], "detail-type": options["detail_type"], "detail": event}
    publish(account, region, arn.split("event-bus/")[1], event)


def publish(account: str, region: str, bus: str, event: dict[str, Any]) -> None:
    """Queue ``event`` (``source``, ``detail-type`` and ``detail`` at least) for the rules of one event bus."""
    if _bus is None:
        raise RuntimeError("localaws.events.install(ctx) was not called")
    envelope = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "account": account,
        "time": _iso(),
        "region": region,
        "resources": [],
    }
    _bus.publish(account, region, bus, {**envelope, **event})


def _iso(moment: float | None = None) -> str:
    return datetime.datetime.fromtimestamp(moment or time.time(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _put_events(self: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return PutEvents's answer as moto does, but refuse ``aws.`` sources and match each event only once."""
    if len(events) > 10:
        return list(original(models.EventsBackend, "put_events")(self, events))  # refused
    answers = []
    for event in events:
        if str(event.get("Source", "")).startswith("aws."):
            code, message = "NotAuthorizedForSourceException", "Not authorized for the source."
            answers.append({"ErrorCode": code, "ErrorMessage": message})
        else:
            _collecting.seen = False
            answers += original(models.EventsBackend, "put_events")(self, [event])
    return answers


_collecting = threading.local()


def _send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
    """Queue the event for all rules; moto's PutEvents calls this for each rule, and only the first call does it."""
    del transform_input
    if getattr(_collecting, "seen", False):
        return
    _collecting.seen = True
    event = {name: value for name, value in original_event.items() if name != "ingestion-time"}
    if not isinstance(event.get("time"), str):
        event["time"] = _iso(event.get("time"))
    publish(self.account_id, self.region_name, self.event_bus_name, event)


def _parse_pattern(self: Any) -> dict[str, Any]:
    if not self.pattern:
        return {}
    try:
        return dict(patterns.parse(self.pattern).fields)
    except patterns.InvalidPattern as error:
        raise InvalidEventPatternException(reason=str(error)) from error


def _matches_event(self: Any, event: Any) -> bool:
    return not self._raw_pattern or patterns.parse(self._raw_pattern).matches(json.loads(json.dumps(event)))


def _test_event_pattern(self: Any) -> str:
    """Return TestEventPattern's answer, which moto leaves empty."""
    try:
        event = json.loads(self._get_param("Event"))
    except ValueError as error:
        raise ValidationException(f"Parameter Event is not valid. Reason: {error}") from error
    pattern = models.EventPattern.load(self._get_param("EventPattern"))
    return json.dumps({"Result": pattern.matches_event(event)})


def _put_rule(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Put a rule as moto does, but raise for a schedule that could never be evaluated."""
    expression = kwargs.get("scheduled_expression") or (args[4] if len(args) > 4 else None)
    if expression:
        try:
            timetables.check_rule(expression)
        except ExpressionError as error:
            raise ValidationException(f"Parameter ScheduleExpression is not valid. ({error})") from error
    return original(models.EventsBackend, "put_rule")(self, name, *args, **kwargs)


def _put_targets(self: Any, name: str, event_bus_arn: str | None, new_targets: list[dict[str, Any]]) -> None:
    for target in new_targets:
        if targets.kind_of(target["Arn"]) is None:
            raise ValidationException(
                f"Rule {name}, target {target['Id']}: localaws delivers nothing to {target['Arn']}"
            )
        if unknown := set(target) - _TARGET_FIELDS:
            raise ValidationException(f"Rule {name}, target {target['Id']}: localaws does not know {sorted(unknown)}")
        if target["Arn"].split(":")[2] in {"states", "kinesis", "events"} and not target.get("RoleArn"):
            raise ValidationException(f"Rule {name}, target {target['Id']}: RoleArn is required for {target['Arn']}")
    original(models.EventsBackend, "put_targets")(self, name, event_bus_arn, new_targets)


# ---- S3

_REASONS = {
    notifications.S3NotificationEvent.OBJECT_CREATED_PUT_EVENT: "PutObject",
    notifications.S3NotificationEvent.OBJECT_CREATED_POST_EVENT: "POST Object",
    notifications.S3NotificationEvent.OBJECT_CREATED_COPY_EVENT: "CopyObject",
    notifications.S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT: "CompleteMultipartUpload",
}


def _send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
    """Send an S3 event about ``key`` to queues, topics and functions as moto does, and to EventBridge as AWS does."""
    complete = notifications.S3NotificationEvent.OBJECT_CREATED_COMPLETE_MULTIPART_UPLOAD_EVENT
    if event_name in _REASONS and event_name != notifications.S3NotificationEvent.OBJECT_CREATED_COPY_EVENT:
        # moto announces a multipart upload twice: as a put of the very version, then of whatever is newest by then.
        if event_name == complete:
            return
        if key.multipart is not None:
            event_name = complete
    original(notifications, "send_event")(account_id, event_name, bucket, key)
    configuration = bucket.notification_configuration
    if configuration is not None and configuration.event_bridge is not None and event_name in _REASONS:
        etag = key.etag.strip('"')
        thing = {"key": key.name, "size": key.size, "etag": etag, "version-id": key.version_id}
        _announce(account_id, bucket, "Object Created", thing, reason=_REASONS[event_name])


def _delete_object(self: Any, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> Any:
    bucket = self.get_bucket(bucket_name)
    before = bucket.keys.get(key_name)
    done, meta = original(S3Backend, "delete_object")(self, bucket_name, key_name, *args, **kwargs)
    configuration = bucket.notification_configuration
    if done and configuration is not None and configuration.event_bridge is not None:
        marked = meta.get("delete-marker") == "true" and not (args[0] if args else kwargs.get("version_id"))
        version = meta.get("version-id")
        if before is not None or version:
            _announce(
                self.account_id,
                bucket,
                "Object Deleted",
                {"key": key_name, "version-id": version},
                reason="DeleteObject",
                deletion_type="Delete Marker Created" if marked else "Permanently Deleted",
            )
    return done, meta


def _announce(account: str, bucket: Any, detail_type: str, thing: Mapping[str, Any], **extra: str) -> None:
    known = {name: value for name, value in thing.items() if name != "version-id" or value not in {None, "null"}}
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": {**known, "sequencer": f"{next(_sequence):018X}"},
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account,
        "source-ip-address": "127.0.0.1",
        **{name.replace("_", "-"): value for name, value in extra.items()},
    }
    event = {"source": "aws.s3", "detail-type": detail_type, "detail": detail, "resources": [bucket.arn]}
    publish(account, bucket.region_name, "default", event)


def _notify(account_id: str, event_body: Any, target: str, region_name: str) -> None:
    """Send an S3 notification to a function, queue or topic; moto would do it inside the caller's PUT, and ask nobody.

    ``target`` is an ARN, or of a queue the name.
    """
    arn = target if target.startswith("arn:") else f"arn:aws:sqs:{region_name}:{account_id}:{target}"
    if _bus is not None:
        records = event_body.get("Records")  # a test event has none
        bucket = records[0]["s3"]["bucket"]["arn"] if records else f"arn:aws:s3:::{event_body['Bucket']}"
        _bus.deliver(bucket, {"Arn": arn, "Input": json.dumps(event_body)}, {})
