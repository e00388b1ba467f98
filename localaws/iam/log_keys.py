"""A log group takes a key only if the key's policy lets CloudWatch Logs use it for that group: asked when it is named.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
"""

from __future__ import annotations

from localaws.context import Context
from localaws.gateway import calls
from localaws.gateway.refusals import Refused
from localaws.iam import encryption, held, keys
from localaws.iam.conditions import Given, Supplied
from localaws.iam.evaluation import evaluate
from localaws.iam.principals import Principal

_CALLS = {"CreateLogGroup", "AssociateKmsKey"}
_SERVICE, _USES = "logs.amazonaws.com", ("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey")


def refusal(ctx: Context, request: calls.Request) -> Refused | None:
    """Return why a call that gives a log group a key is refused, or None."""
    named = request.parameters.get("kmsKeyId")
    if request.service != "logs" or request.action not in _CALLS or not named:
        return None
    whole = str(request.parameters.get("resourceIdentifier") or "")
    group = whole or f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:{request.parameters.get('logGroupName')}"
    key = encryption.key_arn(ctx.account, ctx.region, str(named))
    if key is not None and _let_in(ctx, key, group):
        return None
    message = f"The specified KMS key does not exist or is not allowed to be used with Arn '{group}'"
    return Refused("InvalidParameterException", message)


def _let_in(ctx: Context, key: str, group: str) -> bool:
    principal = Principal.of(ctx, service=_SERVICE)
    name = "aws:logs:arn"
    context: dict[str, Given] = {"kms:encryptioncontextkeys": (name,), f"kms:encryptioncontext:{name}": group}
    given = Supplied({**keys.every(ctx, principal, source_arn=""), **context})
    try:
        return all(evaluate(held.held(ctx, principal, use, key), principal, use, key, given).allowed for use in _USES)
    except held.Unreadable:
        return False
