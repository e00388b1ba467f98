"""S3: what moto's buckets lack: fast listings of versions, policies that deny, notifications read back whole."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Give moto's buckets fast listings of versions, policies that deny, and notifications as they were put."""
    from localaws.s3 import notifications, policies, versions

    notifications.install(ctx)
    policies.install(ctx)
    versions.install(ctx)
