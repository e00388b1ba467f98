"""Checks a role's trust policy before the role is assumed; a role that does not exist cannot be assumed.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import re
from typing import Any

from moto.sts.models import STSBackend, sts_backends

from localaws.context import Context
from localaws.gateway import callers
from localaws.gateway.refusals import Refused
from localaws.iam import held, keys
from localaws.iam.conditions import Conditions, Supplied
from localaws.iam.evaluation import evaluate
from localaws.iam.policies import Decision
from localaws.iam.principals import Principal
from localaws.moto_patches import original, replace

#: The lifetime in seconds of a service's credentials: AWS renews them; here they outlast every local run.
_SERVICE_SESSION = 10 * 365 * 24 * 3600
#: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
#: Services of which AWS does not document that they say for whom they take a role: a trust policy that asks fails.
_WITHOUT_SOURCE = frozenset({"glue.amazonaws.com"})


class NotTrusted(Exception):
    """A service may not assume the role that it was given; the message says which service, and why."""


_current: Context | None = None


def install(ctx: Context) -> None:
    """Issue credentials for existing roles only, and remember their sessions; ``ctx`` replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    callers.forget_all()
    replace(STSBackend, "assume_role", _assume_role)


def trusts(ctx: Context, role: Any, principal: Principal, context: Conditions) -> Decision:
    """Return whether ``principal`` may assume ``role`` (moto's): its trust policy decides, with its own policies.

    ``context`` has the condition keys of the request, in lower case. Raises `held.Unreadable`.
    """
    policies = held.trust(ctx, role, principal.session)
    return evaluate(policies, principal, "sts:AssumeRole", role.arn, context)


def misnamed(name: str) -> Refused | None:
    """Return why a session's name is refused: one with a wildcard could be read in a policy as all others'."""
    if _SESSION_NAME.fullmatch(name):
        return None
    return Refused(
        "ValidationError",
        f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must "
        f"satisfy regular expression pattern: [\\w+=,.@-]*, and have from 2 to 64 characters",
    )


def assume_as_service(ctx: Context, role_arn: str, service: str, session_name: str, source_arn: str = "") -> Any:
    """Return credentials (moto's) of a role for ``service``; raise NotTrusted if the trust policy forbids it."""
    check_trusted(ctx, role_arn, service, session_name=session_name, source_arn=source_arn)
    return sts_backends[ctx.account]["aws"].assume_role(
        region_name=ctx.region,
        role_session_name=session_name,
        role_arn=role_arn,
        policy="",
        duration=_SERVICE_SESSION,
        external_id="",
    )


def check_trusted(ctx: Context, role_arn: str, service: str, *, session_name: str, source_arn: str) -> None:
    """Raise NotTrusted unless a role's trust policy lets ``service`` assume it for ``source_arn``."""
    role = callers.role_of(ctx, role_arn)
    if role is None:
        raise NotTrusted(f"the role {role_arn} does not exist, so {service} cannot assume it")
    principal = Principal.of(ctx, service=service)
    context = Supplied(
        {
            **keys.every(ctx, principal, source_arn=source_arn),
            "sts:rolesessionname": session_name,
            "sts:externalid": None,
            "sts:sourceidentity": None,
            **(dict.fromkeys(("aws:sourceaccount", "aws:sourcearn")) if service in _WITHOUT_SOURCE else {}),
        }
    )
    try:
        trusted = trusts(ctx, role, principal, context).allowed
    except held.Unreadable as error:
        raise NotTrusted(str(error)) from error
    if not trusted:
        of = f" for {source_arn}" if source_arn else ""
        raise NotTrusted(f"the trust policy of the role {role_arn} does not let {service} assume it{of}")


def _assume_role(self: STSBackend, *args: Any, **kwargs: Any) -> Any:
    """Return a role session of an existing role; moto accepts any ARN. The session ends when the role is deleted."""
    ctx, role_arn = _current, str(kwargs.get("role_arn", args[2] if len(args) > 2 else ""))
    role = callers.role_of(ctx, role_arn) if ctx is not None else None
    if role is None:
        raise Refused("AccessDenied", f"The role {role_arn} cannot be assumed: it does not exist.", service="sts")
    assumed = original(STSBackend, "assume_role")(self, *args, **kwargs)
    callers.remember(assumed, role.id)
    return assumed
