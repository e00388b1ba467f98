"""Who may become a role: its trust policy decides, and a role that is not there can be nobody.

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

#: AWS renews what its services hold; here it lasts as long as anything runs (seconds).
_SERVICE_SESSION = 10 * 365 * 24 * 3600


class NotTrusted(Exception):
    """A service that may not become the role that it was given; says which and why."""


@dataclass(frozen=True)
class Principal:
    """Who wants to become a role: a service by its name, a role's session, or (neither) the account's administrator."""

    service: str = ""
    session: Session | None = None


@dataclass(frozen=True)
class Trust:
    """What a trust policy says: ``named`` if it names the principal itself, not just the account that it is of."""

    allowed: bool
    named: bool = False


_current: Context | None = None


def install(ctx: Context) -> None:
    """Hand out credentials of roles that exist, and remember whose they are; the newest context wins."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    callers.forget_all()
    replace(STSBackend, "assume_role", _assume_role)


def trusts(ctx: Context, role: Any, principal: Principal, context: Conditions) -> Trust:
    """Return what the trust policy of ``role`` (moto's) says of ``principal``; a denial wins.

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
    """Return whether the statement is about ``principal``: True by its own name, False by its account's, None not at all."""
    if "NotPrincipal" in statement:
        # Seldom right even on AWS, which advises against it: what is not evaluated allows nobody and denies all.
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
    """Return credentials (moto's) with which ``service`` acts in a role; raises NotTrusted if that forbids it."""
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
    """Moto's own "does not need to exist": here it must, and its session ends with it."""
    ctx, role_arn = _current, str(kwargs.get("role_arn", args[2] if len(args) > 2 else ""))
    role = callers.role_of(ctx, role_arn) if ctx is not None else None
    if role is None:
        raise Refused("AccessDenied", f"The role {role_arn} cannot be assumed: it does not exist.", service="sts")
    assumed = original(STSBackend, "assume_role")(self, *args, **kwargs)
    callers.remember(assumed, role.id)
    return assumed
