"""Fires schedules: EventBridge rules with a ScheduleExpression, and the schedules of EventBridge Scheduler."""

from __future__ import annotations

import datetime
import logging
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from moto.events.models import events_backends
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

from localaws import metrics
from localaws.context import Context
from localaws.events import targets
from localaws.events.schedule_deliveries import SOURCE, what_is_wrong, with_context
from localaws.events.schedule_expressions import At, Expression, ExpressionError, Rate, parse
from localaws.moto_patches import original, replace

log = logging.getLogger("localaws.events")

_TICK_SECONDS = 0.2


class Deliverer(Protocol):
    """Delivers an event to one target."""

    def deliver(self, rule: str, target: Mapping[str, Any], event: dict[str, Any]) -> None:
        """Queue ``event`` for ``target``."""


@dataclass(frozen=True)
class _Entry:
    """A rule or schedule as it is configured now."""

    arn: str
    expression: str
    timezone: str
    targets: tuple[Mapping[str, Any], ...]
    source: str
    since: float | None = None
    start: float | None = None
    end: float | None = None
    remove: Any = None


class Timetable:
    """Fires schedules that are due; tests may call ``tick`` with any time."""

    def __init__(self, ctx: Context, deliverer: Deliverer) -> None:
        self._ctx = ctx
        self._deliverer = deliverer
        self._next: dict[tuple[str, str, str], float | None] = {}
        self._lock = threading.Lock()
        self._looked = 0.0

    def run(self) -> None:
        """Tick until the local AWS stops."""
        while not self._ctx.stopping.wait(_TICK_SECONDS):
            try:
                self.tick(time.time())
            except Exception:
                log.exception("schedules were not looked at")

    def tick(self, now: float) -> None:
        """Fire everything that has become due by ``now`` (seconds since 1970), each at most once."""
        with self._lock:
            entries = {(entry.arn, entry.expression, entry.timezone): entry for entry in self._entries()}
            self._next = {key: due for key, due in self._next.items() if key in entries}
            for key, entry in entries.items():
                try:
                    self._look_at(key, entry, now)
                except Exception:
                    log.exception("%s could not be looked at and fires no more until it is changed", entry.arn)
                    namespace = "AWS/Events" if entry.source == "aws.events" else "AWS/Scheduler"
                    metrics.count_failure(self._ctx, namespace, "FailedInvocations", Arn=entry.arn)
                    self._next[key] = None
            self._looked = now

    def _look_at(self, key: tuple[str, str, str], entry: _Entry, now: float) -> None:
        """Fire one entry if it is due."""
        if key in self._next and self._next[key] is None:
            return
        expression = parse(entry.expression, ZoneInfo(entry.timezone))
        if key not in self._next:
            self._next[key] = self._first(entry, expression, now)
        due = self._next[key]
        if due is not None and due <= now:
            self._next[key] = expression.after(now, since=due)
            self._fire(entry, expression, due)

    def _first(self, entry: _Entry, expression: Expression, now: float) -> float | None:
        """Return when an entry that is new here is due: a schedule's rate starts at once, or at its start date."""
        if entry.since is None or not isinstance(expression, Rate):
            return expression.after(entry.since or now, since=now)
        begins = entry.start or entry.since
        return begins if begins > self._looked else expression.after(now, since=begins)

    def _fire(self, entry: _Entry, expression: Expression, due: float) -> None:
        if not isinstance(expression, At) and ((entry.start and due < entry.start) or (entry.end and due > entry.end)):
            return
        moment = datetime.datetime.fromtimestamp(due, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": entry.source,
            "account": self._ctx.account,
            "time": moment,
            "region": self._ctx.region,
            "resources": [entry.arn],
            "detail": {} if entry.source == "aws.events" else "{}",
        }
        for target in entry.targets:
            self._deliverer.deliver(entry.arn, with_context(target, entry.arn, event), event)
        if entry.remove is not None and expression.after(due, since=due) is None:
            entry.remove()

    def _entries(self) -> Iterator[_Entry]:
        rules = events_backends[self._ctx.account][self._ctx.region].event_buses["default"].rules
        for rule in list(rules.values()):
            if rule.scheduled_expression and rule.state == "ENABLED":
                yield _Entry(rule.arn, rule.scheduled_expression, "UTC", tuple(rule.targets), "aws.events")
        for group in list(scheduler_backends[self._ctx.account][self._ctx.region].schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                if schedule.state == "ENABLED":
                    yield _from_schedule(group, schedule)


def _from_schedule(group: Any, schedule: Any) -> _Entry:
    def remove() -> None:
        group.schedules.pop(schedule.name, None)

    return _Entry(
        schedule.arn,
        schedule.schedule_expression,
        schedule.schedule_expression_timezone,
        (schedule.target,),
        SOURCE,
        since=schedule.last_modified_date,
        start=_timestamp(schedule.start_date),
        end=_timestamp(schedule.end_date),
        remove=remove if schedule.action_after_completion == "DELETE" else None,
    )


def _timestamp(value: Any) -> float | None:
    return float(value) if value is not None else None


def install(ctx: Context, deliverer: Deliverer) -> Timetable:
    """Fire the schedules of this process's moto through ``deliverer`` until ``ctx`` closes; return the timetable."""
    timetable = Timetable(ctx, deliverer)
    threading.Thread(target=timetable.run, daemon=True, name="timetable").start()
    replace(EventBridgeSchedulerBackend, "create_schedule", _create_schedule)
    replace(EventBridgeSchedulerBackend, "update_schedule", _update_schedule)
    return timetable


def check_rule(expression: str) -> None:
    """Raise ``ExpressionError`` for a schedule that a rule cannot have; only Scheduler has ``at``."""
    if isinstance(parse(expression, ZoneInfo("UTC")), At):
        raise ExpressionError(f"{expression!r}: a rule's schedule is a rate or a cron")


def _create_schedule(self: Any, **kwargs: Any) -> Any:
    _check(kwargs)
    return original(EventBridgeSchedulerBackend, "create_schedule")(self, **kwargs)


def _update_schedule(self: Any, **kwargs: Any) -> Any:
    _check(kwargs)
    return original(EventBridgeSchedulerBackend, "update_schedule")(self, **kwargs)


def _check(schedule: Mapping[str, Any]) -> None:
    name, target = schedule["name"], schedule["target"]
    if (schedule["flexible_time_window"] or {}).get("Mode") != "OFF":
        raise ValidationException(
            f"Schedule {name}: localaws has no flexible time windows; set FlexibleTimeWindow Mode to OFF"
        )
    if targets.kind_of(target["Arn"]) is None:
        raise ValidationException(f"Schedule {name}: localaws delivers nothing to {target['Arn']}")
    if problem := what_is_wrong(target):
        raise ValidationException(f"Schedule {name}: {problem}")
    try:
        parse(schedule["schedule_expression"], ZoneInfo(schedule["schedule_expression_timezone"] or "UTC"))
    except (ExpressionError, KeyError) as error:
        raise ValidationException(f"Schedule {name}: {error}") from error
