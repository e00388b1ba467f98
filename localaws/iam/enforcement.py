"""Enforces policies on every call: a caller may do what they allow, and nothing else.

The caller was verified before (`localaws.gateway.admission`). The administrator may do everything that no resource's
policy denies; localaws's own calls are not checked. A role's call is denied if its action's resources are not known,
and a condition with an unknown key allows nothing.
"""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from moto.kms.responses import KmsResponse

from localaws.bounded_log import BoundedLog
from localaws.context import Context
from localaws.events.targets import Sender
from localaws.gateway import callers, calls
from localaws.gateway.callers import Session, session_of
from localaws.gateway.refusals import Refused, answer
from localaws.iam import documents, encryption, held, keys, log_keys, managed, policies, trust
from localaws.iam.actions import Elsewhere, Need, NoSuchName, UnknownAction
from localaws.iam.conditions import Given, Supplied
from localaws.iam.evaluation import evaluate
from localaws.iam.principals import Principal
from localaws.iam.resources import needs
from localaws.moto_patches import replace as replace_in_moto

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

_LOG_LENGTH = 200_000
_ALWAYS_ALLOWED = {"GetCallerIdentity"}
#: Calls that issue credentials based on what is not simulated (users, identity providers): anybody would get them.
_NO_CREDENTIALS = {
    "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetDelegatedAccessToken", "GetFederationToken",
    "GetSessionToken", "GetWebIdentityToken",
}  # fmt: skip


@dataclass(frozen=True)
class AccessDecision:
    """One permission check: the role, its session, the action and resource, and whether it was allowed.

    ``via`` is the service by way of which a key is used, as ``kms:ViaService`` has it.
    """

    role: str
    session: str
    action: str
    resource: str
    allowed: bool
    via: str = ""


_denials = BoundedLog(logging.getLogger("localaws.iam"), lines=20, seconds=10)
_decisions: collections.deque[AccessDecision] = collections.deque(maxlen=_LOG_LENGTH)
_current: Context | None = None


def install(ctx: Context) -> None:
    """Forget earlier decisions and check in ``ctx``, which replaces any earlier context."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    _decisions.clear()
    trust.install(ctx)
    managed.install()
    held.forget()
    # moto would judge a key's denials a second time, for everybody and without their conditions.
    replace_in_moto(KmsResponse, "_validate_key_policy", lambda self, key_id, action: None)


def decisions() -> list[AccessDecision]:
    """Return the permissions that roles were granted and denied so far, oldest first."""
    return list(_decisions)


def is_allowed(ctx: Context, role_arn: str, action: str, resource: str) -> bool:
    """Return whether the role may do ``action`` on ``resource``; True while permissions are not enforced."""
    return session_may(ctx, Session(role_arn, "localaws"), action, resource, {})


def session_may(
    ctx: Context, session: Session | None, action: str, resource: str, context: Mapping[str, Given]
) -> bool:
    """Return whether a caller (None: the administrator) has a permission; for services that act with it."""
    principal = Principal.of(ctx, session=session)
    return _current is not ctx or _decide(ctx, principal, Need(action, (resource,), context), resource).allowed


def may_send(ctx: Context, sender: Sender, action: str, resource: str) -> bool:
    """Return whether a role, or a service without one, may send to a target."""
    if sender.role_arn:
        return _may_take(ctx, sender) and is_allowed(ctx, sender.role_arn, action, resource)
    principal = Principal.of(ctx, service=sender.service)
    need = Need(action, (resource,), {"aws:sourcearn": sender.source_arn})
    return _current is not ctx or _decide(ctx, principal, need, resource).allowed


def _may_take(ctx: Context, sender: Sender) -> bool:
    """Return whether the service that sends may assume the role that it was given, for the rule or schedule."""
    if _current is not ctx or not sender.service:
        return True
    try:
        trust.check_trusted(ctx, sender.role_arn, sender.service, session_name="localaws", source_arn=sender.source_arn)
    except trust.NotTrusted as refused:
        _denials.warn("%s", refused)
        return False
    return True


def would_allow(ctx: Context, session: Session, action: str, resource: str) -> bool:
    """Return whether ``session`` has a permission; not recorded as a decision, because it only filters a list."""
    principal = Principal.of(ctx, session=session)
    return _current is not ctx or _judged(ctx, principal, Need(action, (resource,)), resource)[0].allowed


# ---- on every call


def middleware(app: App, ctx: Context) -> App:
    """Return ``app`` for calls that their callers have permission for; the callers have been verified before."""

    def checked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = calls.read(environ)
        if request is None:
            raise RuntimeError("a request came here unverified: localaws.gateway.admission stands before this")
        if refused := _refusal(ctx, request) or documents.refusal(request) or log_keys.refusal(ctx, request):
            method = environ["REQUEST_METHOD"]
            return answer(start_response, refused, protocol=request.protocol, method=method, service=request.service)
        return app(environ, start_response)

    return checked


def _refusal(ctx: Context, request: calls.Request) -> Refused | None:
    """Return why ``request`` is refused, or None."""
    if callers.key_of(ctx, request.access_key) is None:  # forgotten since its signature was verified
        return Refused("InvalidClientTokenId", "The security token included in the request is invalid.")
    principal = Principal.of(ctx, session=session_of(request.access_key))
    if request.service == "sts" and request.action not in _ALWAYS_ALLOWED:
        return _sts_refusal(ctx, request, principal)
    unasked = principal.is_root and request.service not in held.WITH_POLICIES
    if request.service == "sts" or request.access_key == ctx.own_access_key or unasked:
        return None
    return _policy_refusal(ctx, request, principal)


def _policy_refusal(ctx: Context, request: calls.Request, principal: Principal) -> Refused | None:
    session = principal.session
    if request.foreign and session is not None:
        names = ascii(", ".join(request.foreign))[:200]
        return Refused("ValidationException", f"{request.service}:{request.action} has no parameter {names}.")
    try:
        wanted = needs(ctx, request)
    except (UnknownAction, NoSuchName) as error:
        told = session is None and not isinstance(error, Elsewhere)  # moto tells a person what it does not know
        return None if told else _untold(request, principal, error)
    if request.service == "cloudformation" and session and (refused := _stack_refusal(ctx, request, session)):
        return refused
    transport: dict[str, Given] = {"aws:securetransport": "true" if request.secure_transport else "false"}
    if request.service == "s3":
        transport["s3:tlsversion"] = "1.3" if request.secure_transport else None
    for need in wanted:
        asked = replace(need, context={**need.context, **transport})
        for resource in need.resources:
            decision = _decide(ctx, principal, asked, resource)
            if not decision.allowed:
                return Refused("AccessDenied", decision.message)
    return None


def _untold(request: calls.Request, principal: Principal, error: UnknownAction | NoSuchName) -> Refused:
    """Return the refusal of a role's call whose resources cannot be told."""
    if isinstance(error, NoSuchName):
        _record(principal, request.action, "?")
        _denials.warn("denied %s:%s to %s: %s", request.service, request.action, principal.arn, error)
        return Refused("ValidationException", f"{error}.")
    _record(principal, str(error), "?")
    _denials.warn("denied %s to %s: its resources are not known", error, principal.arn)
    return Refused(
        "AccessDenied",
        f"localaws does not know which resources {error} needs permission for, so it denies it to {principal.arn}. "
        "Add it to localaws/iam/resources.py",
    )


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
    try:
        everything = role is not None and held.may_everything(ctx, role)
    except held.Unreadable as error:
        return Refused("AccessDenied", f"{session.arn} may not change stacks: {error}")
    if everything and (limited is None or policies.allow_everything(limited)):
        return None
    resource = str(request.parameters.get("StackName", "*"))
    _record(Principal.of(ctx, session=session), f"cloudformation:{request.action}", resource)
    return Refused(
        "AccessDenied",
        f"User: {session.arn} is not authorized to perform: cloudformation:{request.action}: localaws makes stacks as "
        "the administrator, so only a role that may do everything (or passes one that may, as RoleARN) may change them",
    )


def _sts_refusal(ctx: Context, request: calls.Request, principal: Principal) -> Refused | None:
    if request.action in _NO_CREDENTIALS:
        return Refused(
            "AccessDenied",
            f"localaws gives out credentials of roles only: {request.action} is not simulated. Use AssumeRole.",
        )
    if request.action != "AssumeRole":
        return _policy_refusal(ctx, request, principal) if principal.session else None
    return (
        trust.misnamed(str(request.parameters.get("RoleSessionName") or ""))
        or _unread(request.parameters)
        or _trust_refusal(ctx, request, principal)
    )


def _unread(given: Mapping[str, Any]) -> Refused | None:
    """Return why a session's limits or tags are refused: they are not read here, so the session could do too much."""
    if unread := sorted({name.split(".")[0] for name in given} & {"PolicyArns", "Tags", "TransitiveTagKeys"}):
        return Refused("AccessDenied", f"localaws does not simulate {', '.join(unread)} of a session: leave it out.")
    try:
        policies.parse(str(given.get("Policy") or '{"Statement": []}'))
    except ValueError as error:
        return Refused("MalformedPolicyDocument", f"The session's policy cannot be read: {error}")
    return None


def _trust_refusal(ctx: Context, request: calls.Request, principal: Principal) -> Refused | None:
    given = request.parameters
    role_arn = str(given.get("RoleArn", ""))
    told = f"User: {principal.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    role = callers.role_of(ctx, role_arn)
    if role is None:
        return Refused("AccessDenied", told)
    context = Supplied(
        {
            **keys.every(ctx, principal),
            "aws:securetransport": "true" if request.secure_transport else "false",
            "sts:externalid": given.get("ExternalId"),
            "sts:rolesessionname": given.get("RoleSessionName"),
            "sts:sourceidentity": given.get("SourceIdentity"),
        }
    )
    try:
        trusted = trust.trusts(ctx, role, principal, context)
    except held.Unreadable as error:
        return Refused("AccessDenied", f"{told}: {error}")
    _record(principal, "sts:AssumeRole", role_arn, allowed=trusted.allowed)
    return None if trusted.allowed else Refused("AccessDenied", f"{told}{_unknown(context)}")


@dataclass(frozen=True)
class _Verdict:
    """The decision about a call, and the error's text if it is refused."""

    allowed: bool
    message: str = ""


def _decide(ctx: Context, principal: Principal, need: Need, resource: str) -> _Verdict:
    decision, why = _judged(ctx, principal, need, resource)
    via = str(need.context.get("kms:viaservice") or "")
    _record(principal, need.action, resource, allowed=decision.allowed, via=via)
    if decision.allowed:
        return _decide_on_key(ctx, principal, need, resource)
    _denials.warn("denied %s to %s on %s", need.action, principal.arn, ascii(resource)[1:-1][:300])
    message = f"User: {principal.arn} is not authorized to perform: {need.action} on resource: {resource} {why}"
    return _Verdict(allowed=False, message=message)


def _decide_on_key(ctx: Context, principal: Principal, need: Need, resource: str) -> _Verdict:
    """Return whether what is encrypted may be used with its key."""
    try:
        uses = encryption.implied(ctx, principal, need, resource)
    except encryption.ClosedKey as error:
        _denials.warn("denied %s to %s: %s", need.action, principal.arn, error)
        return _Verdict(allowed=False, message=str(error))
    verdicts = (_decide(ctx, principal, use, key) for use in uses for key in use.resources)
    return next((verdict for verdict in verdicts if not verdict.allowed), _Verdict(allowed=True))


def _judged(ctx: Context, principal: Principal, need: Need, resource: str) -> tuple[policies.Decision, str]:
    """Return the decision about one resource, and why it is none that allows."""
    try:
        found = held.held(ctx, principal, need.action, resource)
    except held.Unreadable as error:
        return policies.Decision(allowed=False), f"because {error}"
    if principal.is_root and found.resource is None:  # most calls of a person: nothing is about them
        return policies.Decision(allowed=True), ""
    source_arn = str(need.context.get("aws:sourcearn") or "") if principal.service else ""
    given = Supplied({**keys.every(ctx, principal, source_arn=source_arn), **need.context})
    decision = evaluate(found, principal, need.action, resource, given)
    article = "an" if decision.by[0] in "aeiou" else "a"
    why = (
        f"with an explicit deny in {article} {decision.by}"
        if decision.explicit
        else f"because no {decision.by} allows the {need.action} action"
    )
    return decision, why + _unknown(given)


def _unknown(given: Supplied) -> str:
    """Return the part of an error that names condition keys that policies asked for and localaws does not know."""
    if not given.unknown:
        return ""
    return (
        f" (localaws does not supply the condition key {', '.join(sorted(given.unknown))}: it counts against the call)"
    )


def _record(principal: Principal, action: str, resource: str, *, allowed: bool = False, via: str = "") -> None:
    """Record a decision about a role's call."""
    session = principal.session
    if session is not None:
        _decisions.append(AccessDecision(session.role, session.session_name, action, resource, allowed, via))
