"""Finds the policies that are about a request: of its caller's role, of its resource.

Each is read from moto's own state at every call, so a change holds from the next call; equal texts are parsed once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.iam.models import iam_backends

from localaws.context import Context
from localaws.gateway import callers
from localaws.gateway.callers import Session
from localaws.iam import managed, policies
from localaws.iam.evaluation import Held, Statements
from localaws.iam.principals import Principal

#: What the administrator may always do to the policy of a bucket or queue, so that nobody is locked out for good:
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/security-iam-awsmanpol.html#security-iam-awsmanpol-SQSUnlockQueuePolicy
_NEVER_LOCKED = (
    "s3:putbucketpolicy", "s3:getbucketpolicy", "s3:deletebucketpolicy",
    "sqs:getqueueattributes", "sqs:getqueueurl", "sqs:setqueueattributes",
)  # fmt: skip
_parsed: dict[str, tuple[tuple[Any, ...], Statements]] = {}


class Unreadable(Exception):
    """A policy cannot be read, so nobody is allowed what it is about; the message says which policy, and why."""


def forget() -> None:
    """Forget the policies of all roles."""
    _parsed.clear()


def held(ctx: Context, principal: Principal, action: str, resource: str) -> Held:
    """Return the policies that decide whether ``principal`` may do ``action`` on ``resource``."""
    session = principal.session
    document = None if principal.is_root and action.lower() in _NEVER_LOCKED else document_of(ctx, resource)
    found = None if document is None else _of_resource(document, resource)
    decides = found is not None and resource.startswith("arn:aws:kms:")
    if session is None:
        return Held(resource=found, resource_decides=decides)
    role = callers.role_of(ctx, session.role_arn)
    return Held(of_role(role), _boundary(ctx, role), _of_session(session), found, resource_decides=decides)


def trust(ctx: Context, role: Any, session: Session | None) -> Held:
    """Return the policies that decide whether a caller may assume ``role`` (moto's)."""
    found = _of_resource(_text(role.assume_role_policy_document), role.arn)
    if session is None:
        return Held(resource=found, resource_decides=True)
    own = callers.role_of(ctx, session.role_arn)
    return Held(of_role(own), _boundary(ctx, own), _of_session(session), found, resource_decides=True)


def of_role(role: Any) -> Statements:
    """Return the statements of a role's (moto's) identity policies, parsed again only when one has changed.

    Raises `Unreadable`.
    """
    if role is None:
        return ()
    documents = (*role.policies.values(), *(_default_version(policy) for policy in role.managed_policies.values()))
    known = _parsed.get(role.id)
    if known is None or known[0] != documents:
        statements = tuple(
            statement
            for text in documents
            for statement in _read(policies.parse, _text(text), f"a policy of {role.arn}")
        )
        known = _parsed[role.id] = (documents, statements)
    return known[1]


def may_everything(ctx: Context, role: Any) -> bool:
    """Return whether a role's (moto's) policies and boundary allow everything, and deny nothing; raise `Unreadable`."""
    limit = _boundary(ctx, role)
    return policies.allow_everything(of_role(role)) and (limit is None or policies.allow_everything(limit))


def _boundary(ctx: Context, role: Any) -> Statements | None:
    """Return the statements of a role's permissions boundary; one that was deleted allows nothing.

    One of another account, whose text is not to be had, limits nothing.
    """
    arn = role.permissions_boundary_arn if role is not None else None
    if not arn or managed.of_another_account(arn, ctx.account):
        return None
    policy = iam_backends[ctx.account]["aws"].managed_policies.get(arn)
    return _read(policies.parse, _text(_default_version(policy)), f"the boundary {arn}") if policy is not None else ()


def _of_session(session: Session) -> Statements | None:
    return _read(policies.parse, session.policy, f"the policy of {session.arn}") if session.policy else None


def _default_version(policy: Any) -> Any:
    return next(version.document for version in policy.versions if version.version_id == policy.default_version_id)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _of_resource(document: str, resource: str) -> Statements:
    return _read(policies.parse_of_resource, document, f"the policy of {resource}")


def _read(parse: Callable[[str], Statements], document: str, named: str) -> Statements:
    try:
        return parse(document)
    except ValueError as error:
        raise Unreadable(f"{named} cannot be read: {error}") from error


# ---- the policies of resources


def document_of(ctx: Context, resource: str) -> str | None:
    """Return the policy (JSON) of the resource that an ARN names, or is a part of; None if it has none."""
    service = resource.split(":", 3)[2] if resource.count(":") >= 5 else ""
    find = _DOCUMENTS.get(service)
    return find(ctx.account, resource) if find else None


def _s3(account: str, arn: str) -> str | None:
    from moto.s3.models import s3_backends

    bucket = s3_backends[account]["aws"].buckets.get(_name(arn).partition("/")[0])
    policy = bucket.policy if bucket is not None else None
    return policy.decode("utf-8", "replace") if isinstance(policy, bytes) else policy


def _sqs(account: str, arn: str) -> str | None:
    from moto.sqs.models import sqs_backends

    queue = sqs_backends[account][_region(arn)].queues.get(_name(arn))
    return str(queue.policy) if queue is not None and queue.policy else None


def _sns(account: str, arn: str) -> str | None:
    from moto.sns.models import sns_backends

    topic = sns_backends[account][_region(arn)].topics.get(arn)
    return topic.policy if topic is not None else None


def _kms(account: str, arn: str) -> str | None:
    from moto.kms.models import kms_backends

    key = kms_backends[account][_region(arn)].keys.get(_name(arn).removeprefix("key/"))
    return _text(key.policy) if key is not None else None


def _lambda(account: str, arn: str) -> str | None:
    """Return the policy of a function, its versions and aliases: each statement says which of them it is about."""
    from moto.awslambda.exceptions import LambdaClientError
    from moto.awslambda.models import lambda_backends

    kind, _, named = _name(arn).partition(":")
    if kind != "function":
        return None
    try:
        found = lambda_backends[account][_region(arn)].get_function(named.partition(":")[0])
    except LambdaClientError:  # it is not there: whoever calls it is told so
        return None
    statements = [_with_principal(statement) for statement in found.policy.statements]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _with_principal(statement: dict[str, Any]) -> dict[str, Any]:
    """Return a function's statement with its principal as a policy spells it: moto keeps a role or an account as given.

    https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """
    given = statement["Principal"]
    return {**statement, "Principal": {"AWS": given}} if isinstance(given, str) and given != "*" else statement


def _dynamodb(account: str, arn: str) -> str | None:
    from moto.dynamodb.models import dynamodb_backends

    policy = dynamodb_backends[account][_region(arn)].resource_policies.get(arn.partition("/index/")[0])
    return policy.policy_doc if policy is not None else None


def _kinesis(account: str, arn: str) -> str | None:
    from moto.kinesis.models import kinesis_backends

    return kinesis_backends[account][_region(arn)].resource_policies.get(arn)


def _secretsmanager(account: str, arn: str) -> str | None:
    from moto.secretsmanager.models import secretsmanager_backends

    secret = secretsmanager_backends[account][_region(arn)].secrets.get(arn)
    return getattr(secret, "policy", None)


def _events(account: str, arn: str) -> str | None:
    from moto.events.models import events_backends

    bus = events_backends[account][_region(arn)].event_buses.get(_name(arn).removeprefix("event-bus/"))
    return bus.policy if bus is not None else None


def _region(arn: str) -> str:
    return arn.split(":", 4)[3]


def _name(arn: str) -> str:
    return arn.split(":", 5)[5]


_DOCUMENTS: dict[str, Callable[[str, str], str | None]] = {
    "s3": _s3,
    "sqs": _sqs,
    "sns": _sns,
    "kms": _kms,
    "lambda": _lambda,
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "secretsmanager": _secretsmanager,
    "events": _events,
}
#: The services whose resources may have a policy: of calls of others, none denies the administrator anything.
WITH_POLICIES = frozenset(_DOCUMENTS)
