"""Delivers a payload to a queue, topic, function, workflow, stream or event bus.

Each service registers how payloads are sent to its resources, and IAM registers how permission is checked. Deliveries
call moto's backends in this process rather than over HTTP, but by the methods that the API calls use as well, so that
FIFO deduplication, filter policies and other rules apply.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import JsonRESTError, ServiceException

from localaws.context import Context

#: Message attributes by name: (data type, value).
Attributes = Mapping[str, tuple[str, str]]

#: Sends a payload to a target: account, region, ARN, payload, and further parameters of the delivery.
Send = Callable[[str, str, str, str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Target:
    """One kind of target: the action that the sender's role needs, and the function that sends a payload to it."""

    action: str
    send: Send


@dataclass(frozen=True)
class Sender:
    """Who sends: a role, or a service by its name, for the rule, bucket or topic that ``source_arn`` is.

    A service sends without a role where the target's own policy lets it; with a role whose trust policy lets it.
    """

    role_arn: str = ""
    service: str = ""
    source_arn: str = ""

    @classmethod
    def of(cls, rule_arn: str, role_arn: str | None = None) -> Sender:
        """Return the sender for a rule, a schedule or a bucket with notifications: with its target's role, if any.

        A schedule's deliveries are its group's:
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        service = rule_arn.split(":")[2]
        source = rule_arn
        if service == "scheduler":
            source = rule_arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]
        return cls(role_arn or "", service=f"{service}.amazonaws.com", source_arn=source)

    def __str__(self) -> str:
        return self.role_arn or f"{self.service} for {self.source_arn}"


MaySend = Callable[[Context, Sender, str, str], bool]
_targets: dict[str, Target] = {}
#: Whether a sender may do an action on a resource; nothing is sent before IAM has said how to ask.
_may_send: MaySend = lambda *_: False  # noqa: E731


class DeliveryError(Exception):
    """A payload could not be delivered; ``permanent`` if a retry cannot help."""

    def __init__(self, code: str, message: str, *, permanent: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.permanent = permanent


def register(kind: str, action: str, send: Send) -> None:
    """Register ``send`` for targets of this ``kind`` (see `kind_of`); safe to repeat."""
    _targets[kind] = Target(action, send)


def ask_permission_of(may_send: MaySend) -> None:
    """Register the check that is called before anything is sent: ``may_send(ctx, sender, action, arn)``."""
    global _may_send  # noqa: PLW0603  as moto's classes are, process-wide
    _may_send = may_send


def kind_of(arn: str) -> str | None:
    """Return the kind of target that ``arn`` is, or None if events cannot be delivered to it."""
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


def check(ctx: Context, sender: Sender, action: str, arn: str) -> None:
    """Raise `DeliveryError` unless ``sender`` may do ``action`` on the target ``arn``."""
    if not _may_send(ctx, sender, action, arn):
        raise DeliveryError("NO_PERMISSIONS", f"{sender} may not {action} on {arn}", permanent=True)


def send(
    ctx: Context,
    arn: str,
    payload: str,
    *,
    sender: Sender,
    attributes: Attributes | None = None,
    group_id: str | None = None,
    partition_key: str | None = None,
    detail_type: str = "",
    source: str = "lambda",
) -> None:
    """Deliver ``payload`` to ``arn`` for ``sender``; raise `DeliveryError` if it may not, or if that fails."""
    kind = kind_of(arn)
    if kind is None:
        raise DeliveryError("INVALID_TARGET", f"localaws delivers nothing to {arn}", permanent=True)
    target = _targets[kind]
    check(ctx, sender, target.action, arn)
    account, region = arn.split(":")[4], arn.split(":")[3]
    options = {
        "attributes": attributes or {},
        "group_id": group_id,
        "partition_key": partition_key or str(uuid.uuid4()),
        "detail_type": detail_type,
        "source": source,
    }
    try:
        target.send(account, region, arn, payload, options)
    except (ServiceException, JsonRESTError) as error:
        code = error.error_type if isinstance(error, JsonRESTError) else error.code
        raise DeliveryError(str(code), str(error.message), permanent=True) from error
