"""Checks a role's trust policy before the role is assumed; a role that does not exist cannot be assumed.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.sts.models import STSBackend, sts_backends

from localaws.context import Context
from localaws.gateway import callers
from localaws.gateway.callers import Session
from localaws.gateway.refusals import Refused
from localaws.iam import policies
from localaws.iam.conditions import Conditions, Supplied
from localaws.moto_patches import original, replace

#: The lifetime in seconds of a service's credentials: AWS renews them; here they outlast every local run.
_SERVICE_SESSION = 10 * 365 * 24 * 3600


class NotTrusted(Exception):
    """A service may not assume the role that it was given; the message says which service, and why."""


@dataclass(frozen=True)
class Principal:
    """Who assumes a role: a service by its name, a role's session, or (if neither) the account's administrator."""

    service: str = ""
    session: Session | None = None


@dataclass(frozen=True)
class Trust:
    """The result of a trust policy: ``named`` if it allows the principal itself, not just the principal's account."""

    allowed: bool
    named: bool = False


_current: Context | None = None


def install(ctx: Context) -> None:
    """Issue credentials for existing roles only, and remember their sessions; ``ctx`` replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    callers.forget_all()
    replace(STSBackend, "assume_role", _assume_role)


def trusts(ctx: Context, role: Any, principal: Principal, context: Conditions) -> Trust:
    """Return what the trust policy of ``role`` (moto's) allows ``principal``; a denial wins.

    ``context`` has the condition keys of the request, in lower case.
    """
    document = role.assume_role_policy_document
    raw = (document if isinstance(document, dict) else json.loads(document)).get("Statement", [])
    allowed = named = False
    for statement in [raw] if isinstance(raw, dict) else raw:
        match = _match(ctx, statement, principal)
        if match is None or not policies.parse_trust(statement).applies("sts:AssumeRole", role.arn, context):
            continue
        if statement["Effect"] != "Allow":
            return Trust(allowed=False)
        allowed, named = True, named or match
    return Trust(allowed, named)


def _match(ctx: Context, statement: Mapping[str, Any], principal: Principal) -> bool | None:
    """Return True if the statement names ``principal`` itself, False if only its account, None if neither."""
    if "NotPrincipal" in statement:
        # AWS advises against NotPrincipal, and it is not evaluated here: it allows nobody and denies everybody.
        return None if statement["Effect"] == "Allow" else True
    wanted = statement.get("Principal", {})
    if wanted == "*":
        return not principal.service or None
    if principal.service:
        services = _listed(wanted.get("Service", []))
        region_free = {name.replace(f".{ctx.region}.", ".") for name in services}
        return True if principal.service in region_free | set(services) else None
    names = set(_listed(wanted.get("AWS", [])))
    own = {principal.session.arn, principal.session.role_arn} if principal.session else set()
    if names & (own | {"*"}):
        return True
    return False if names & {ctx.account, f"arn:aws:iam::{ctx.account}:root"} else None


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def assume_as_service(ctx: Context, role_arn: str, service: str, session_name: str, source_arn: str = "") -> Any:
    """Return credentials (moto's) of a role for ``service``; raise NotTrusted if the trust policy forbids it."""
    role = callers.role_of(ctx, role_arn)
    if role is None:
        raise NotTrusted(f"the role {role_arn} does not exist, so {service} cannot assume it")
    context = Supplied(
        {
            "aws:sourceaccount": ctx.account,
            "aws:sourcearn": source_arn or None,
            "aws:principalisawsservice": "true",
            "aws:principalservicename": service,
            "aws:principalaccount": None,
            "aws:principalarn": None,
            "aws:principalorgid": None,
            "sts:rolesessionname": session_name,
            "sts:externalid": None,
        }
    )
    if not trusts(ctx, role, Principal(service=service), context).allowed:
        raise NotTrusted(f"the trust policy of the role {role_arn} does not let {service} assume it")
    return sts_backends[ctx.account]["aws"].assume_role(
        region_name=ctx.region,
        role_session_name=session_name,
        role_arn=role_arn,
        policy="",
        duration=_SERVICE_SESSION,
        external_id="",
    )


def _assume_role(self: STSBackend, *args: Any, **kwargs: Any) -> Any:
    """Return a role session of an existing role; moto accepts any ARN. The session ends when the role is deleted."""
    ctx, role_arn = _current, str(kwargs.get("role_arn", args[2] if len(args) > 2 else ""))
    role = callers.role_of(ctx, role_arn) if ctx is not None else None
    if role is None:
        raise Refused("AccessDenied", f"The role {role_arn} cannot be assumed: it does not exist.", service="sts")
    assumed = original(STSBackend, "assume_role")(self, *args, **kwargs)
    callers.remember(assumed, role.id)
    return assumed
