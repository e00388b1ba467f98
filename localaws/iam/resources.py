"""The IAM permissions that an AWS call needs: the action as policies name it, and the resources it is checked against.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
An action that is not listed here is denied to roles, with an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from localaws.context import Context
from localaws.gateway.calls import Request
from localaws.iam import dynamodb as iam_dynamodb
from localaws.iam import s3
from localaws.iam.actions import Elsewhere, Need, NoSuchName, UnknownAction, kinds
from localaws.iam.conditions import Given
from localaws.iam.finders import RESOURCES, Arns, dynamodb, dynamodb_arn
from localaws.iam.objects import objects
from localaws.iam.passed import passed


def needs(ctx: Context, request: Request) -> list[Need]:
    """Return every permission that ``request`` needs; raise `UnknownAction` if they are not known."""
    if request.service == "s3":
        wanted = s3.needs(request)
    elif request.service == "dynamodb":
        wanted = _dynamodb_needs(ctx, request)
    else:
        service, find = request.service, RESOURCES.get(request.service)
        resources = tuple(find(Arns(ctx, request), request.action, request.parameters)) if find else ()
        read = service in _CONTEXTS and request.protocol != "cbor"  # a CBOR body is not read here
        context = _CONTEXTS[service](request.parameters) if read else {}
        wanted = [Need(f"{service}:{_permission(service, request.action)}", resources, context)]
    return [_as_documented(ctx, request, need) for need in (*wanted, *passed(ctx, request), *objects(request))]


def _as_documented(ctx: Context, request: Request, need: Need) -> Need:
    """Return ``need`` with only the kinds of resources that AWS checks its action against."""
    known = kinds(*need.action.split(":"))
    if known is None:
        raise UnknownAction(need.action)
    if not known:
        return replace(need, resources=("*",))
    if not need.resources:
        return replace(need, resources=(known[0].all_of(ctx.account, request.region),))
    for resource in need.resources:
        if not any(kind.shape.fullmatch(resource) for kind in known):
            raise UnknownAction(need.action)
        if not any(kind.pattern.fullmatch(resource) for kind in known):
            names = " or ".join(kind.all_of(ctx.account, request.region) for kind in known)
            raise NoSuchName(f"{_shown(resource)} is no name of what {need.action} is done to: {names}")
        _refuse_elsewhere(ctx, request, resource)
    return need


def _refuse_elsewhere(ctx: Context, request: Request, resource: str) -> None:
    """Raise for an ARN of another region or account: the call would be checked on it, but carried out in its own."""
    _, _, _, region, account, *_ = resource.split(":", 5)
    if region not in {"", "*", request.region} or account not in {"", "*", "aws", ctx.account}:
        raise Elsewhere(f"{_shown(resource)} is not in {request.region} of {ctx.account}, where the call is made")


def _shown(resource: str) -> str:
    return ascii(resource)[1:-1][:300]


def _permission(service: str, action: str) -> str:
    """Return the name of the permission, which for some calls differs from the action's."""
    if service == "lambda" and action in {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}:
        return "InvokeFunction"
    return action.removesuffix("Batch") if service == "sqs" or (service, action) == ("sns", "PublishBatch") else action


def _dynamodb_needs(ctx: Context, request: Request) -> list[Need]:
    """Return the permissions of a DynamoDB call; raise UnknownAction for PartiQL, which is not read here."""
    arn, action = Arns(ctx, request), request.action
    if action.endswith("Statement") or action == "ExecuteTransaction":
        raise UnknownAction(f"dynamodb:{action}")
    if action == "GetRecords" or request.parameters.get("StreamArn"):
        found = tuple(dynamodb(arn, action, request.parameters))
        return [Need(f"dynamodb:{action}", found)]
    if kinds("dynamodb", action) == ():
        return [Need(f"dynamodb:{action}", ())]
    wanted = iam_dynamodb.wanted(ctx, request)
    if not wanted:
        raise UnknownAction(f"dynamodb:{action}")
    return [Need(f"dynamodb:{name}", (dynamodb_arn(arn, table),), context) for name, table, context in wanted]


def _cloudwatch_context(given: Mapping[str, Any]) -> Mapping[str, Given]:
    return {"cloudwatch:namespace": given.get("Namespace")}


def _kms_context(given: Mapping[str, Any]) -> Mapping[str, Given]:
    """Return the condition keys of a direct call of KMS; no service calls it for somebody."""
    encrypted = given.get("EncryptionContext") or {}
    return {
        "kms:viaservice": None,
        "kms:encryptioncontextkeys": tuple(encrypted) or None,
        **{f"kms:encryptioncontext:{name.lower()}": str(value) for name, value in encrypted.items()},
    }


_CONTEXTS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Given]]] = {
    "cloudwatch": _cloudwatch_context,
    "kms": _kms_context,
}
