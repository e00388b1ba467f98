"""IAM: checks the permissions of every call."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Enforce policies on every call, and on what services send."""
    from localaws.events import targets
    from localaws.iam import enforcement

    enforcement.install(ctx)
    targets.ask_permission_of(enforcement.may_send)
