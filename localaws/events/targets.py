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


_targets: dict[str, Target] = {}
#: Whether a role may do an action on a resource; nothing is sent for a role before IAM has said how to ask.
_is_allowed: Callable[[Context, str, str, str], bool] = lambda *_: False  # noqa: E731


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


def ask_permission_of(is_allowed: Callable[[Context, str, str, str], bool]) -> None:
    """Register the check that is called before a role sends: ``is_allowed(ctx, role_arn, action, arn)``."""
    global _is_allowed  # noqa: PLW0603  as moto's classes are, process-wide
    _is_allowed = is_allowed


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
    """Deliver ``payload`` to ``arn``, as ``role_arn`` if one is given; raise `DeliveryError` if that fails."""
    kind = kind_of(arn)
    if kind is None:
        raise DeliveryError("INVALID_TARGET", f"localaws delivers nothing to {arn}", permanent=True)
    target = _targets[kind]
    # Without a role, queues, topics and functions grant access by their own policies, which are not simulated.
    if role_arn and not _is_allowed(ctx, role_arn, target.action, arn):
        raise DeliveryError("NO_PERMISSIONS", f"{role_arn} may not {target.action} on {arn}", permanent=True)
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
