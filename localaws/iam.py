"""Identity policies enforced on every call: a role may do what its policies say, and nothing else.

Not simulated: resource policies, permission boundaries, session and trust policies, and the use of KMS keys that
encrypted buckets, queues and tables imply. The access keys ``test`` and ``ak`` are the administrator's and pass;
other keys that STS did not give out are refused, as are requests that are not signed. An action whose resources are
not known is denied to roles by name.
"""

from __future__ import annotations

import collections
import datetime
import json
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sts.models import sts_backends

from localaws import calls, iam_policies
from localaws.context import Context
from localaws.iam_resources import UnknownAction, needs
from localaws.moto_patches import replace

ADMIN_KEYS = frozenset({"test", "ak"})
_LOG_LENGTH = 200_000
_ALWAYS_ALLOWED = {"sts:GetCallerIdentity"}


@dataclass(frozen=True)
class AccessDecision:
    """One permission that was asked for: by which role, in which session, and whether it was granted."""

    role: str
    session: str
    action: str
    resource: str
    allowed: bool


@dataclass(frozen=True)
class Session:
    """Who calls with temporary credentials."""

    role_arn: str
    session_name: str

    @property
    def role(self) -> str:
        """The role's name, without its path."""
        return self.role_arn.rsplit("/", 1)[-1]

    @property
    def arn(self) -> str:
        """The caller's ARN as AWS writes it in errors."""
        return f"arn:aws:sts::{self.role_arn.split(':')[4]}:assumed-role/{self.role}/{self.session_name}"


_decisions: collections.deque[AccessDecision] = collections.deque(maxlen=_LOG_LENGTH)
_sessions: dict[str, Session] = {}
_policies: dict[str, tuple[tuple[Any, ...], tuple[iam_policies.Statement, ...]]] = {}
_lock = threading.Lock()
_current: Context | None = None
_moto_call = DomainDispatcherApplication.__call__


def install(ctx: Context) -> None:
    """Check every call that this process's moto answers; the newest context wins."""
    global _current  # noqa: PLW0603  moto's classes are process-wide
    _current = ctx
    _decisions.clear()
    _sessions.clear()
    _policies.clear()
    replace(DomainDispatcherApplication, "__call__", _call)


def decisions() -> list[AccessDecision]:
    """Return what roles were granted and denied so far, oldest first."""
    return list(_decisions)


def is_allowed(ctx: Context, role_arn: str, action: str, resource: str) -> bool:
    """Whether the role may do ``action`` on ``resource``; True while permissions are not enforced."""
    if _current is not ctx:
        return True
    session = Session(role_arn, "localaws")
    return _decide(ctx, session, action, resource, {}).allowed


def session_of(access_key: str) -> Session | None:
    """Return who was given ``access_key`` by STS, or None."""
    if access_key in ADMIN_KEYS:
        return None
    session = _sessions.get(access_key)
    if session is None and _current is not None:
        for assumed in reversed(sts_backends[_current.account]["aws"].assumed_roles):
            if assumed.access_key_id == access_key:
                session = _sessions[access_key] = Session(assumed.role_arn, assumed.session_name)
                break
    return session


# ---- on every call


def _call(self: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    ctx = _current
    if ctx is not None and not calls.is_own_page(environ):
        request = calls.read(environ)
        if request is None:
            unsigned = calls.Request("", "", "", ctx.region, protocol="s3")
            return _answer(environ, start_response, unsigned, "AccessDenied", "The request is not signed.")
        if request.access_key not in ADMIN_KEYS and (refusal := _refusal(ctx, request)):
            return _answer(environ, start_response, request, *refusal)
    answer: Iterable[bytes] = _moto_call(self, environ, start_response)
    return answer


def _refusal(ctx: Context, request: calls.Request) -> tuple[str, str] | None:
    """Why ``request`` is refused (error code and message), or None."""
    session = session_of(request.access_key)
    if session is None:
        return "InvalidClientTokenId", "The security token included in the request is invalid."
    if f"{request.service}:{request.action}" in _ALWAYS_ALLOWED:
        return None
    try:
        wanted = needs(ctx, request)
    except UnknownAction as action:
        _decisions.append(AccessDecision(session.role, session.session_name, str(action), "?", allowed=False))
        return "AccessDenied", (
            f"localaws does not know which resources {action} needs permission for, so it denies it to {session.arn}. "
            "Add it to localaws/iam_resources.py"
        )
    for need in wanted:
        for resource in need.resources:
            decision = _decide(ctx, session, need.action, resource, need.context)
            if not decision.allowed:
                return "AccessDenied", _denial(session, need.action, resource, decision)
    return None


def _denial(session: Session, action: str, resource: str, decision: iam_policies.Decision) -> str:
    why = (
        "with an explicit deny in an identity-based policy"
        if decision.explicit
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def _decide(
    ctx: Context, session: Session, action: str, resource: str, context: Mapping[str, str | None]
) -> iam_policies.Decision:
    given = {
        "aws:securetransport": "true",
        "aws:principalarn": session.role_arn,
        "aws:principalaccount": ctx.account,
        "aws:requestedregion": ctx.region,
        "aws:resourceaccount": ctx.account,
        "aws:sourceip": "127.0.0.1",
        "aws:currenttime": datetime.datetime.now(datetime.UTC).isoformat(),
        **context,
    }
    decision = iam_policies.decide(_statements(ctx, session.role), action, resource, given)
    _decisions.append(AccessDecision(session.role, session.session_name, action, resource, decision.allowed))
    return decision


def _statements(ctx: Context, role_name: str) -> tuple[iam_policies.Statement, ...]:
    """The role's policies, parsed again only when one of them has changed."""
    backend = iam_backends[ctx.account]["aws"]
    role = next((role for role in backend.roles.values() if role.name == role_name), None)
    if role is None:
        return ()
    documents = (*role.policies.values(), *(_managed_document(policy) for policy in role.managed_policies.values()))
    known = _policies.get(role.id)
    if known is None or known[0] != documents:
        statements = tuple(statement for text in documents for statement in iam_policies.parse(_text(text)))
        known = _policies[role.id] = (documents, statements)
    return known[1]


def _managed_document(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


# ---- how each protocol says no


def _answer(
    environ: dict[str, Any], start_response: Any, request: calls.Request, code: str, message: str
) -> Iterable[bytes]:
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    status = "403 Forbidden"
    if request.protocol in {"s3", "query"}:
        if request.protocol == "s3":
            code = "InvalidAccessKeyId" if code == "InvalidClientTokenId" else code
            body = (
                f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
                f"<RequestId>{request_id}</RequestId></Error>"
            )
        else:
            code = "AuthorizationError" if request.service == "sns" and code == "AccessDenied" else code
            body = (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
                f"<RequestId>{request_id}</RequestId></ErrorResponse>"
            )
        headers.append(("Content-Type", "application/xml"))
        payload = f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
    else:
        code = "UnrecognizedClientException" if code == "InvalidClientTokenId" else "AccessDeniedException"
        if request.protocol != "rest":
            status = "400 Bad Request"
        headers.append(("x-amzn-ErrorType", code))
        payload, content_type = _json_or_cbor(
            request.protocol, {"__type": code, "message": message, "Message": message}
        )
        headers.append(("Content-Type", content_type))
        if request.protocol == "cbor":
            headers.append(("smithy-protocol", "rpc-v2-cbor"))
    if environ["REQUEST_METHOD"] == "HEAD":
        payload = b""
    headers.append(("Content-Length", str(len(payload))))
    start_response(status, headers)
    return [payload]


def _json_or_cbor(protocol: str, error: Mapping[str, str]) -> tuple[bytes, str]:
    if protocol != "cbor":
        return json.dumps(error).encode(), "application/x-amz-json-1.1"
    pairs = b"".join(_cbor_text(name) + _cbor_text(value) for name, value in error.items())
    return bytes([0xA0 + len(error)]) + pairs, "application/cbor"


def _cbor_text(text: str) -> bytes:
    raw = text.encode()
    return b"\x79" + len(raw).to_bytes(2, "big") + raw
