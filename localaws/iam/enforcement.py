"""Enforces identity policies on every call: a role may do what its policies allow, and nothing else.

The caller was verified before (`localaws.gateway.admission`); the administrator may do everything. Not simulated:
resource policies, permission boundaries, and the use of KMS keys that encrypted buckets, queues and tables imply. A
role's call is denied if its action's resources are not known, and a condition with an unknown key allows nothing.
"""

from __future__ import annotations

import collections
import datetime
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.iam.models import iam_backends

from localaws.bounded_log import BoundedLog
from localaws.context import ADMIN_ACCESS_KEY, Context
from localaws.gateway import callers, calls
from localaws.gateway.callers import Session, session_of
from localaws.gateway.refusals import Refused, answer
from localaws.iam import policies, trust
from localaws.iam.actions import NoSuchName, UnknownAction
from localaws.iam.conditions import Given, Supplied
from localaws.iam.resources import needs

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

_LOG_LENGTH = 200_000
#: Condition keys that no request here has: there are no networks, organizations, users, devices or forwarded calls.
_ABSENT = (
    "aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:federatedprovider", "aws:multifactorauthage",
    "aws:multifactorauthpresent", "aws:principalorgid", "aws:principalorgpaths", "aws:principalservicename",
    "aws:principalservicenameslist", "aws:referer", "aws:resourceorgid", "aws:resourceorgpaths", "aws:sourceaccount",
    "aws:sourcearn", "aws:sourceidentity", "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpcarn", "aws:sourcevpce",
    "aws:username", "aws:vpcsourceip",
)  # fmt: skip
_ALWAYS_ALLOWED = {"GetCallerIdentity"}
#: Calls that issue credentials based on what is not simulated (users, identity providers): anybody would get them.
_NO_CREDENTIALS = {
    "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetDelegatedAccessToken", "GetFederationToken",
    "GetSessionToken", "GetWebIdentityToken",
}  # fmt: skip


@dataclass(frozen=True)
class AccessDecision:
    """One permission check: the role, its session, the action and resource, and whether it was allowed."""

    role: str
    session: str
    action: str
    resource: str
    allowed: bool


_denials = BoundedLog(logging.getLogger("localaws.iam"), lines=20, seconds=10)
_decisions: collections.deque[AccessDecision] = collections.deque(maxlen=_LOG_LENGTH)
_policies: dict[str, tuple[tuple[Any, ...], tuple[policies.Statement, ...]]] = {}
_current: Context | None = None


def install(ctx: Context) -> None:
    """Forget earlier decisions and check in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    _decisions.clear()
    trust.install(ctx)
    _policies.clear()


def decisions() -> list[AccessDecision]:
    """Return the permissions that roles were granted and denied so far, oldest first."""
    return list(_decisions)


def is_allowed(ctx: Context, role_arn: str, action: str, resource: str) -> bool:
    """Return whether the role may do ``action`` on ``resource``; True while permissions are not enforced."""
    if _current is not ctx:
        return True
    session = Session(role_arn, "localaws")
    return _decide(ctx, session, action, resource, {}).allowed


def session_may(ctx: Context, session: Session, action: str, resource: str, context: Mapping[str, Given]) -> bool:
    """Return whether ``session`` has a permission; for services that act with their caller's permissions."""
    return _current is not ctx or _decide(ctx, session, action, resource, context).allowed


def would_allow(ctx: Context, session: Session, action: str, resource: str) -> bool:
    """Return whether ``session`` has a permission; not recorded as a decision, because it only filters a list."""
    return _current is not ctx or _judged(ctx, session, action, resource, {}).allowed


# ---- on every call


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` for calls that their callers have permission for; the callers have been verified before."""

    def checked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = calls.read(environ)
        if request is None:
            raise RuntimeError("a request came here unverified: localaws.gateway.admission stands before this")
        if refused := _refusal(ctx, request):
            method = environ["REQUEST_METHOD"]
            return answer(start_response, refused, protocol=request.protocol, method=method, service=request.service)
        return app(environ, start_response)

    return checked


def _refusal(ctx: Context, request: calls.Request) -> Refused | None:
    """Return why ``request`` is refused, or None."""
    session = session_of(request.access_key)
    if session is None and request.access_key != ADMIN_ACCESS_KEY:  # forgotten since its signature was verified
        return Refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    if request.service == "sts" and request.action not in _ALWAYS_ALLOWED:
        return _sts_refusal(ctx, request, session)
    if session is None or request.service == "sts":
        return None
    return _identity_refusal(ctx, request, session)


def _identity_refusal(ctx: Context, request: calls.Request, session: Session) -> Refused | None:
    if request.foreign:
        names = ascii(", ".join(request.foreign))[:200]
        return Refused("ValidationException", f"{request.service}:{request.action} has no parameter {names}.")
    try:
        wanted = needs(ctx, request)
    except UnknownAction as action:
        _decisions.append(AccessDecision(session.role, session.session_name, str(action), "?", allowed=False))
        _denials.warn("denied %s to %s: its resources are not known", action, session.arn)
        return Refused(
            "AccessDenied",
            f"localaws does not know which resources {action} needs permission for, so it denies it to {session.arn}. "
            "Add it to localaws/iam/resources.py",
        )
    except NoSuchName as name:
        _decisions.append(AccessDecision(session.role, session.session_name, request.action, "?", allowed=False))
        _denials.warn("denied %s:%s to %s: %s", request.service, request.action, session.arn, name)
        return Refused("ValidationException", f"{name}.")
    if request.service == "cloudformation" and (refused := _stack_refusal(ctx, request, session)):
        return refused
    for need in wanted:
        for resource in need.resources:
            decision = _decide(ctx, session, need.action, resource, need.context)
            if not decision.allowed:
                return Refused("AccessDenied", _denial(session, need.action, resource, decision))
    return None


#: Actions that change no stack's resources, or that execute what a permitted caller prepared.
_NO_STACK_CHANGE = (
    "Describe",
    "Detect",
    "Estimate",
    "ExecuteChangeSet",
    "DeleteChangeSet",
    "Get",
    "List",
    "UpdateTerminationProtection",
    "Validate",
)


def _stack_refusal(ctx: Context, request: calls.Request, session: Session) -> Refused | None:
    """Return why a role's change of stacks is refused, or None if the role may do everything.

    The administrator deploys stacks here. On AWS a stack acts with its caller's permissions, or with those of the role
    that is passed to it, now or by an earlier call: if either may do everything, the result is the same.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
    """
    if request.action.startswith(_NO_STACK_CHANGE):
        return None
    passed = request.parameters.get("RoleARN") or ctx.stack_role(str(request.parameters.get("StackName")))
    role = callers.role_of(ctx, str(passed)) if passed else callers.role_of(ctx, session.role_arn)
    limited = policies.parse(session.policy) if session.policy and not passed else None
    everything = role is not None and policies.allow_everything(_statements(ctx, role.name))
    if everything and (limited is None or policies.allow_everything(limited)):
        return None
    resource = str(request.parameters.get("StackName", "*"))
    _decisions.append(
        AccessDecision(session.role, session.session_name, f"cloudformation:{request.action}", resource, allowed=False)
    )
    return Refused(
        "AccessDenied",
        f"User: {session.arn} is not authorized to perform: cloudformation:{request.action}: localaws makes stacks as "
        "the administrator, so only a role that may do everything (or passes one that may, as RoleARN) may change them",
    )


def _sts_refusal(ctx: Context, request: calls.Request, session: Session | None) -> Refused | None:
    if request.action in _NO_CREDENTIALS:
        return Refused(
            "AccessDenied",
            f"localaws gives out credentials of roles only: {request.action} is not simulated. Use AssumeRole.",
        )
    if request.action != "AssumeRole":
        return _identity_refusal(ctx, request, session) if session else None
    return _unread(request.parameters) or _trust_refusal(ctx, request, session)


def _unread(given: Mapping[str, Any]) -> Refused | None:
    """Return why a session's limits or tags are refused: they are not read here, so the session could do too much."""
    if unread := sorted({name.split(".")[0] for name in given} & {"PolicyArns", "Tags", "TransitiveTagKeys"}):
        return Refused("AccessDenied", f"localaws does not simulate {', '.join(unread)} of a session: leave it out.")
    try:
        policies.parse(str(given.get("Policy") or '{"Statement": []}'))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Refused("MalformedPolicyDocument", f"The session's policy cannot be read: {error}")
    return None


def _trust_refusal(ctx: Context, request: calls.Request, session: Session | None) -> Refused | None:
    given = request.parameters
    who = session.arn if session else f"arn:aws:iam::{ctx.account}:root"
    role_arn = str(given.get("RoleArn", ""))
    refused = Refused(
        "AccessDenied", f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    )
    role = callers.role_of(ctx, role_arn)
    if role is None:
        return refused
    context = Supplied(
        {
            **_global_context(ctx, session),
            "sts:externalid": given.get("ExternalId"),
            "sts:rolesessionname": given.get("RoleSessionName"),
            "sts:sourceidentity": given.get("SourceIdentity"),
        }
    )
    trusted = trust.trusts(ctx, role, trust.Principal(session=session), context)
    if not trusted.allowed or session is None:
        return None if trusted.allowed else refused
    decision = _decide(ctx, session, "sts:AssumeRole", role_arn, context)
    return None if decision.allowed or (trusted.named and not decision.explicit) else refused


def _denial(session: Session, action: str, resource: str, decision: policies.Decision) -> str:
    why = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def _decide(
    ctx: Context, session: Session, action: str, resource: str, context: Mapping[str, Given]
) -> policies.Decision:
    decision = _judged(ctx, session, action, resource, context)
    _decisions.append(AccessDecision(session.role, session.session_name, action, resource, decision.allowed))
    if not decision.allowed:
        _denials.warn("denied %s to %s on %s", action, session.arn, ascii(resource)[1:-1][:300])
    return decision


def _judged(
    ctx: Context, session: Session, action: str, resource: str, context: Mapping[str, Given]
) -> policies.Decision:
    given = Supplied({**_global_context(ctx, session), **context})
    decision = policies.decide(_statements(ctx, session.role), action, resource, given)
    if decision.allowed and session.policy:  # a session policy limits the role's permissions and grants nothing
        return policies.decide(policies.parse(session.policy), action, resource, given)
    return decision


def _global_context(ctx: Context, session: Session | None) -> Supplied:
    """Return the condition keys of every request as far as localaws knows them; None for keys that none has here."""
    role = callers.role_of(ctx, session.role_arn) if session else None
    listed = (role.tags or []) if role is not None else []
    tags = {f"aws:principaltag/{tag['Key'].lower()}": str(tag["Value"]) for tag in listed}
    absent = dict.fromkeys(_ABSENT)
    now = datetime.datetime.now(datetime.UTC)
    return Supplied(
        {
            **absent,
            **tags,
            "aws:securetransport": "true",
            "aws:principalarn": session.role_arn if session else f"arn:aws:iam::{ctx.account}:root",
            "aws:principalaccount": ctx.account,
            "aws:principaltype": "AssumedRole" if session else "Account",
            "aws:principalisawsservice": "false",
            "aws:viaawsservice": "false",
            "aws:userid": f"{session.role_id}:{session.session_name}" if session else ctx.account,
            "aws:requestedregion": ctx.region,
            "aws:resourceaccount": ctx.account,
            "aws:sourceip": "127.0.0.1",
            "aws:currenttime": now.isoformat(),
            "aws:epochtime": str(int(now.timestamp())),
        }
    )


def _statements(ctx: Context, role_name: str) -> tuple[policies.Statement, ...]:
    """Return the parsed statements of the role's policies, parsed again only when one of them has changed."""
    backend = iam_backends[ctx.account]["aws"]
    role = next((role for role in list(backend.roles.values()) if role.name == role_name), None)
    if role is None:
        return ()
    documents = (*role.policies.values(), *(_managed_document(policy) for policy in role.managed_policies.values()))
    known = _policies.get(role.id)
    if known is None or known[0] != documents:
        statements = tuple(statement for text in documents for statement in policies.parse(_text(text)))
        known = _policies[role.id] = (documents, statements)
    return known[1]


def _managed_document(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)
