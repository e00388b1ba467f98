"""Leaves bucket policies to the permission check before moto, which evaluates them for every call.

moto would evaluate them a second time, for a few calls, without any condition value: a policy that requires TLS would
deny everything. S3 server access logs are accepted and not written: each would cost as much as the call that it logs.
"""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, S3Backend

from localaws.context import Context
from localaws.moto_patches import replace


def install(ctx: Context) -> None:
    """Have moto's buckets add nothing to the permission check."""
    del ctx
    replace(FakeBucket, "get_permission", _permission)
    replace(S3Backend, "log_incoming_request", lambda self, request, bucket_name: None)


def _permission(bucket: FakeBucket, action: str, resource: str) -> Any:
    del bucket, action, resource
    return PermissionResult.NEUTRAL
