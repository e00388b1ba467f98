"""The use of a KMS key that an encrypted bucket, queue, topic, stream, table or secret implies.

The service uses the key for its caller, who needs the permission as well. A key that AWS manages asks nothing of the
account's own callers, and lets no other service in.
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localaws.context import Context
from localaws.iam.actions import Need
from localaws.iam.conditions import Given
from localaws.iam.principals import Principal

_DECRYPT, _GENERATE = "kms:Decrypt", "kms:GenerateDataKey"
#: By action, what is done with the key of the resource; each service's page on encryption says so.
_USES = {
    "s3:GetObject": (_DECRYPT,),
    "s3:GetObjectVersion": (_DECRYPT,),
    "s3:PutObject": (_GENERATE,),
    "sqs:SendMessage": (_GENERATE, _DECRYPT),
    "sqs:ReceiveMessage": (_DECRYPT,),
    "sns:Publish": (_GENERATE, _DECRYPT),
    "kinesis:PutRecord": (_GENERATE,),
    "kinesis:PutRecords": (_GENERATE,),
    "kinesis:GetRecords": (_DECRYPT,),
    "kinesis:SubscribeToShard": (_DECRYPT,),
    "secretsmanager:GetSecretValue": (_DECRYPT,),
    "secretsmanager:PutSecretValue": (_GENERATE, _DECRYPT),
    **{
        f"dynamodb:{name}": (_DECRYPT,)
        for name in (
            "BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan",
            "UpdateItem",
        )
    },
}  # fmt: skip


class ClosedKey(Exception):
    """A service sends to what is encrypted with a key that AWS manages for another service; the message says so."""


@dataclass(frozen=True)
class _Encrypted:
    """How a resource is encrypted: the key as the resource names it, and the encryption context."""

    key: str
    name: str
    value: str


def implied(ctx: Context, principal: Principal, need: Need, resource: str) -> list[Need]:
    """Return the permissions on a key that come with ``need`` on one resource; raise `ClosedKey`."""
    uses = _USES.get(need.action, ()) if need.key_uses is None else need.key_uses
    if not uses or resource.count(":") < 5:
        return []
    service = resource.split(":", 3)[2]
    found = _ENCRYPTED[service](ctx.account, resource, need) if service in _ENCRYPTED else None
    if found is None or not found.key:
        return []
    region = _region(resource) or ctx.region
    key = key_arn(ctx.account, region, found.key)
    if key is None:
        if principal.service:
            raise ClosedKey(f"{resource} is encrypted with {found.key}, which AWS manages: {principal.service} cannot")
        return []
    context: dict[str, Given] = {
        "aws:viaawsservice": "false" if principal.service else "true",
        "kms:viaservice": f"{service}.{region}.amazonaws.com",
        "kms:calleraccount": ctx.account,
        "kms:encryptioncontextkeys": (found.name,),
        f"kms:encryptioncontext:{found.name.lower()}": found.value,
    }
    kept = {name: value for name, value in need.context.items() if name.startswith("aws:")}
    return [Need(use, (key,), {**kept, **context}) for use in uses]


def key_arn(account: str, region: str, named: str) -> str | None:
    """Return the ARN of a key that is named by id, alias or ARN; None if AWS manages it."""
    from moto.kms.models import kms_backends

    alias = named[named.index("alias/") :] if "alias/" in named else ""
    if alias.startswith("alias/aws/"):
        return None
    backend = kms_backends[account][region]
    key_id = (backend.get_key_id_from_alias(alias) or alias) if alias else named.rpartition("/")[2]
    key = backend.keys.get(key_id)
    if key is not None and any(name.startswith("alias/aws/") for name in key.aliases):
        return None
    return f"arn:aws:kms:{region}:{account}:key/{key_id}"


# ---- how resources are encrypted


def _s3(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.s3.models import s3_backends

    name, _, key = arn.split(":", 5)[5].partition("/")
    bucket = s3_backends[account]["aws"].buckets.get(name)
    if bucket is None:
        return None
    rule = (bucket.encryption or {}).get("Rule") or {}
    default = rule.get("ApplyServerSideEncryptionByDefault") or {}
    if need.action == "s3:PutObject":
        asked = need.context.get("s3:x-amz-server-side-encryption")
        named = need.context.get("s3:x-amz-server-side-encryption-aws-kms-key-id")
        algorithm, used = asked or default.get("SSEAlgorithm"), named or default.get("KMSMasterKeyID")
    else:
        version = need.context.get("s3:versionid")
        objects = bucket.keys.getlist(key, []) if version else [bucket.keys.get(key)]
        found = next((one for one in objects if one is not None and version in {None, one.version_id}), None)
        algorithm, used = getattr(found, "encryption", None), getattr(found, "kms_key_id", None)
    if not str(algorithm).startswith("aws:kms"):
        return None
    whole = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
    return _Encrypted(str(used or "alias/aws/s3"), "aws:s3:arn", f"arn:aws:s3:::{name}" if whole else arn)


def _sqs(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.sqs.models import sqs_backends

    del need
    queue = sqs_backends[account][_region(arn)].queues.get(_name(arn))
    return _Encrypted(str(getattr(queue, "kms_master_key_id", None) or ""), "aws:sqs:arn", arn)


def _sns(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.sns.models import sns_backends

    del need
    topic = sns_backends[account][_region(arn)].topics.get(arn)
    return _Encrypted(topic.kms_master_key_id, "aws:sns:topicArn", arn) if topic is not None else None


def _kinesis(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.kinesis.models import kinesis_backends

    del need
    stream = kinesis_backends[account][_region(arn)].streams.get(_name(arn).removeprefix("stream/").partition("/")[0])
    if stream is None or stream.encryption_type != "KMS":
        return None
    return _Encrypted(str(stream.key_id or ""), "aws:kinesis:arn", stream.arn)


def _dynamodb(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.dynamodb.models import dynamodb_backends

    del need
    name = _name(arn).removeprefix("table/").partition("/")[0]
    table: Any = dynamodb_backends[account][_region(arn)].tables.get(name)
    given = (table.sse_specification if table is not None else None) or {}
    key = str(given.get("KMSMasterKeyId") or "") if given.get("Enabled") else ""
    return _Encrypted(key, "aws:dynamodb:tableName", name)


def _secretsmanager(account: str, arn: str, need: Need) -> _Encrypted | None:
    from moto.secretsmanager.models import secretsmanager_backends

    del need
    secret = secretsmanager_backends[account][_region(arn)].secrets.get(arn)
    return _Encrypted(str(getattr(secret, "kms_key_id", None) or ""), "SecretARN", arn)


def _region(arn: str) -> str:
    return arn.split(":", 4)[3]


def _name(arn: str) -> str:
    return arn.split(":", 5)[5]


_ENCRYPTED: dict[str, Callable[[str, str, Need], _Encrypted | None]] = {
    "s3": _s3,
    "sqs": _sqs,
    "sns": _sns,
    "kinesis": _kinesis,
    "dynamodb": _dynamodb,
    "secretsmanager": _secretsmanager,
}
