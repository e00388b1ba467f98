"""S3: what moto's buckets lack: fast listings of versions, bucket policies that deny, copies read once."""

from __future__ import annotations

from localaws.context import Context

__all__ = ["install"]


def install(ctx: Context) -> None:
    """Give moto's buckets fast listings of versions, and policies that deny."""
    from localaws.s3 import policies, versions

    policies.install(ctx)
    versions.install(ctx)
