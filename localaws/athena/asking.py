"""What a call to the local Athena asks for, and whether its caller may."""

from __future__ import annotations

from typing import Any

from localaws.athena.errors import InvalidRequest
from localaws.athena.runners import running
from localaws.gateway.callers import Session, session_of
from localaws.iam import enforcement

MAX_BATCH = 50


def session(self: Any) -> Session | None:
    """Return the caller's role session; None for the administrator, and where permissions are not read."""
    call = getattr(self, "localaws_call", None)
    return session_of(call.access_key) if call is not None else None


def may(self: Any, action: str, *resources: str) -> None:
    """Raise unless the caller has the permission itself: Athena acts with its caller's permissions."""
    caller = session(self)
    if caller is None:
        return
    for resource in resources:
        if not enforcement.session_may(running().ctx, caller, action, resource, {}):
            message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource}"
            raise InvalidRequest(f"Insufficient permissions: {message}")


def shown(self: Any, actions: tuple[str, ...], name: str) -> bool:
    """Return whether a list includes the catalog object ``name`` for its caller."""
    caller, (arn,) = session(self), arns(self, name)
    return caller is None or any(enforcement.would_allow(running().ctx, caller, action, arn) for action in actions)


def arns(self: Any, *names: str) -> list[str]:
    """Return the ARNs of objects of the Glue catalog."""
    backend = self.athena_backend
    return [f"arn:aws:glue:{backend.region_name}:{backend.account_id}:{name}" for name in names]


def window(self: Any, *, default: int, limit: int) -> tuple[int, int]:
    """Return where the asked page begins, and how many entries it has at most."""
    count = self._get_param("MaxResults")
    count = default if count is None else int(count)
    if not 1 <= count <= limit:
        raise InvalidRequest(f"MaxResults is more than maximum allowed length {limit}.")
    token = self._get_param("NextToken")
    if token is not None and not str(token).isdigit():
        raise InvalidRequest("Invalid NextToken")
    return int(token or 0), count


def page(self: Any, items: list[Any], *, key: str, default: int, limit: int) -> dict[str, Any]:
    """Return the asked page of a list, with the token of the next where there is one."""
    start, count = window(self, default=default, limit=limit)
    found: dict[str, Any] = {key: items[start : start + count]}
    if start + count < len(items):
        found["NextToken"] = str(start + count)
    return found
