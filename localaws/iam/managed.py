"""AWS's own managed policies, and the permissions boundaries that roles are given.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from __future__ import annotations

from typing import Any

from moto.core import config
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend

from localaws.moto_patches import extend, original, replace


def install() -> None:
    """Have all of AWS's own policies, and refuse a permissions boundary that does not exist."""
    extend(config, "default_user_config", {"iam": {"load_aws_managed_policies": True}})
    replace(IAMBackend, "create_role", _create_role)
    replace(IAMBackend, "put_role_permissions_boundary", _put_role_permissions_boundary)


def of_another_account(arn: str, account: str) -> bool:
    """Return whether the policy ``arn`` is another account's. None of those is here, so its text is not known."""
    return arn.count(":") >= 5 and arn.split(":")[4] not in ("aws", account)


def _create_role(
    self: IAMBackend,
    role_name: str,
    assume_role_policy_document: str,
    path: str,
    permissions_boundary: str | None,
    *args: Any,
    **kwargs: Any,
) -> Any:
    _refuse_missing(self, permissions_boundary)
    create = original(IAMBackend, "create_role")
    return create(self, role_name, assume_role_policy_document, path, permissions_boundary, *args, **kwargs)


def _put_role_permissions_boundary(self: IAMBackend, role_name: str, permissions_boundary: str) -> None:
    _refuse_missing(self, permissions_boundary)
    original(IAMBackend, "put_role_permissions_boundary")(self, role_name, permissions_boundary)


def _refuse_missing(backend: IAMBackend, arn: str | None) -> None:
    well_formed = arn and backend.policy_arn_regex.match(arn)  # moto refuses others
    if not arn or not well_formed or of_another_account(arn, backend.account_id) or arn in backend.managed_policies:
        return
    raise NotFoundException(f"Scope ARN: {arn} does not exist or is not attachable.")
