"""Bucket policies, only as far as they deny.

moto evaluates them without any condition value, so a policy that requires TLS denies everything. The loopback
connection counts as TLS (``aws:SecureTransport`` is true). Principals are ignored: a local account has no foreign
callers. S3 server access logs are accepted and not written: each would cost as much as the call that it logs.
"""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, S3Backend

from localaws.context import Context
from localaws.iam.policies import decide, parse
from localaws.moto_patches import replace

_CONDITIONS = {"aws:securetransport": "true"}


def install(ctx: Context) -> None:
    """Evaluate bucket policies with their conditions."""
    replace(FakeBucket, "get_permission", _permission)
    replace(S3Backend, "log_incoming_request", lambda self, request, bucket_name: None)


def _permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    document = bucket.policy.decode() if isinstance(bucket.policy, bytes) else bucket.policy
    decision = decide(parse(document), action, resource, _CONDITIONS)
    if decision.allowed:
        return PermissionResult.PERMITTED
    return PermissionResult.DENIED if decision.explicit else PermissionResult.NEUTRAL
