"""AWS::S3: buckets and their policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.s3.models import s3_backends

from localaws.cloudformation.errors import ResourceFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.cloudformation.template import PENDING
from localaws.context import Context

#: Canned ACLs by which nobody but the owner reads or writes what is in the bucket.
_CLOSED_ACLS = ("Private", "BucketOwnerRead", "BucketOwnerFullControl", "LogDeliveryWrite")
_RULE_DAYS = {
    "ExpirationInDays": ("Expiration", "Days"),
    "ExpirationDate": ("Expiration", "Date"),
    "ExpiredObjectDeleteMarker": ("Expiration", "ExpiredObjectDeleteMarker"),
}


def _create_bucket(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("BucketName") or request.name(63, lower=True)
    there = api.find(ctx, "s3", "HeadBucket", Bucket=name)
    if name not in ctx.lent:
        api.must_be_new(there, f"the bucket {name}")
    if there is None:
        api.make_bucket(ctx, name)
    return _bucket(ctx, name)


def _found_bucket(ctx: Context, name: str) -> ResourceOutcome | None:
    return _bucket(ctx, name) if api.find(ctx, "s3", "HeadBucket", Bucket=name) is not None else None


def _bucket(ctx: Context, name: str) -> ResourceOutcome:
    return ResourceOutcome(
        name,
        {
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{ctx.region}.amazonaws.com",
            "WebsiteURL": f"http://{name}.s3-website-{ctx.region}.amazonaws.com",
        },
    )


def _configure_bucket(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    bucket = outcome.physical_id

    def changed(name: str) -> bool:
        return bool(new.get(name) != (old.get(name) if old else None))

    if changed("VersioningConfiguration"):
        status = new.get("VersioningConfiguration", {}).get("Status", "Suspended")
        api.call(ctx, "s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": status})
    if changed("BucketEncryption"):
        _put_or_delete(ctx, bucket, "BucketEncryption", "ServerSideEncryptionConfiguration", _encryption(new))
    if changed("LifecycleConfiguration"):
        _put_or_delete(
            ctx, bucket, "BucketLifecycleConfiguration", "LifecycleConfiguration", _lifecycle(new), "BucketLifecycle"
        )
    if changed("PublicAccessBlockConfiguration"):
        block = new.get("PublicAccessBlockConfiguration")
        _put_or_delete(ctx, bucket, "PublicAccessBlock", "PublicAccessBlockConfiguration", block)
    if changed("OwnershipControls"):
        _put_or_delete(ctx, bucket, "BucketOwnershipControls", "OwnershipControls", new.get("OwnershipControls"))
    if changed("CorsConfiguration"):
        _put_or_delete(ctx, bucket, "BucketCors", "CORSConfiguration", _cors(new))
    if changed("NotificationConfiguration"):
        _notify(ctx, new, bucket)
    if changed("LoggingConfiguration"):
        _log(ctx, new, bucket)
    if new.tags != (old.tags if old else {}):
        tags = {"TagSet": api.pairs(new.tags)} if new.tags else None
        _put_or_delete(ctx, bucket, "BucketTagging", "Tagging", tags)


def _put_or_delete(  # noqa: PLR0917 - names, in the order of the call they become
    ctx: Context, bucket: str, what: str, parameter: str, value: Any, deleted_as: str | None = None
) -> None:
    if value is None:
        api.remove(ctx, "s3", f"Delete{deleted_as or what}", Bucket=bucket)
    else:
        api.call(ctx, "s3", f"Put{what}", Bucket=bucket, **{parameter: value})


def _encryption(request: Request) -> dict[str, Any] | None:
    given = request.get("BucketEncryption")
    if given is None:
        return None
    rules = [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
        }
        for rule in given["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(request: Request) -> dict[str, Any] | None:
    given = request.get("LifecycleConfiguration")
    if given is None:
        return None
    return {"Rules": [_lifecycle_rule(rule, f"rule-{i}") for i, rule in enumerate(given["Rules"])]}


def _lifecycle_rule(rule: Mapping[str, Any], default_id: str) -> dict[str, Any]:
    out: dict[str, Any] = {"ID": rule.get("Id", default_id), "Status": rule["Status"]}
    for name, (group, key) in _RULE_DAYS.items():
        if name in rule:
            out.setdefault(group, {})[key] = rule[name]
    if "Transitions" in rule:
        out["Transitions"] = [_transition(t) for t in rule["Transitions"]]
    if "NoncurrentVersionTransitions" in rule:
        out["NoncurrentVersionTransitions"] = [
            {"StorageClass": t["StorageClass"], "NoncurrentDays": t["TransitionInDays"]}
            for t in rule["NoncurrentVersionTransitions"]
        ]
    if "NoncurrentVersionExpirationInDays" in rule:
        out["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    out |= api.pick(rule, "AbortIncompleteMultipartUpload NoncurrentVersionExpiration")
    out["Filter"] = _filter(rule)
    return out


def _transition(transition: Mapping[str, Any]) -> dict[str, Any]:
    out = {"StorageClass": transition["StorageClass"]}
    if "TransitionInDays" in transition:
        out["Days"] = transition["TransitionInDays"]
    if "TransitionDate" in transition:
        out["Date"] = transition["TransitionDate"]
    return out


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {k: rule[k] for k in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if k in rule}
    tags = rule.get("TagFilters", [])
    parts = len(sizes) + len(tags) + ("Prefix" in rule)
    if parts > 1:
        both = dict(sizes)
        if "Prefix" in rule:
            both["Prefix"] = rule["Prefix"]
        if tags:
            both["Tags"] = tags
        return {"And": both}
    if sizes:
        return sizes
    return {"Tag": tags[0]} if tags else {"Prefix": rule.get("Prefix", "")}


def _cors(request: Request) -> dict[str, Any] | None:
    given = request.get("CorsConfiguration")
    if given is None:
        return None
    names = {"Id": "ID", "MaxAge": "MaxAgeSeconds", "ExposedHeaders": "ExposeHeaders"}
    return {"CORSRules": [{names.get(k, k): v for k, v in rule.items()} for rule in given["CorsRules"]]}


def _notify(ctx: Context, new: Request, bucket: str) -> None:
    given = new.get("NotificationConfiguration", {})
    bridge = given.get("EventBridgeConfiguration")
    wanted = bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true"
    configuration: dict[str, Any] = {"EventBridgeConfiguration": {}} if wanted else {}
    api.call(ctx, "s3", "PutBucketNotificationConfiguration", Bucket=bucket, NotificationConfiguration=configuration)


def _log(ctx: Context, new: Request, bucket: str) -> None:
    given = new.get("LoggingConfiguration")
    status: dict[str, Any] = {}
    if given:
        target = given.get("DestinationBucketName", bucket)
        if api.find(ctx, "s3", "HeadBucket", Bucket=target) is None:
            raise ResourceFailed(f"LoggingConfiguration.DestinationBucketName: the bucket {target} does not exist")
        status = {"TargetBucket": target, "TargetPrefix": given.get("LogFilePrefix", "")}
    # Set in moto's state: its PutBucketLogging asks for the target's policy, which S3 looks at only when it delivers
    # a log, and which a stack can only make after its buckets.
    s3_backends[ctx.account]["aws"].buckets[bucket].logging = status


def _delete_bucket(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    try:
        api.remove(ctx, "s3", "DeleteBucket", Bucket=outcome.physical_id)
    except api.ServiceRefused as error:
        if error.code != "BucketNotEmpty":
            raise
        raise ResourceFailed(
            f"the bucket {outcome.physical_id} is not empty, and CloudFormation deletes only empty buckets: "
            f"empty it with `aws s3 rm --recursive s3://{outcome.physical_id}`, or retain it"
        ) from error


def _refuse_bucket(properties: Mapping[str, Any]) -> str | None:
    name = properties.get("BucketName")
    if isinstance(name, str) and (name != name.lower() or not 3 <= len(name) <= 63):
        return f"BucketName {name!r} must be 3 to 63 lower-case characters"
    if properties.get("AccessControl", "Private") not in (*_CLOSED_ACLS, PENDING):
        return (
            f"AccessControl {properties['AccessControl']!r} needs ACLs, which are not evaluated locally; use a policy"
        )
    for rule in (properties.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration", []):
        if rule is not PENDING and "ServerSideEncryptionByDefault" not in rule:
            return "BucketEncryption.ServerSideEncryptionConfiguration needs ServerSideEncryptionByDefault"
    return None


def _put_policy(ctx: Context, request: Request) -> ResourceOutcome:
    api.call(ctx, "s3", "PutBucketPolicy", Bucket=request["Bucket"], Policy=api.json_text(request["PolicyDocument"]))
    return ResourceOutcome(request["Bucket"])


def _update_policy(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    return _put_policy(ctx, new)


def _delete_policy(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "s3", "DeleteBucketPolicy", Bucket=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::S3::Bucket",
        honoured="""
            BucketName Tags VersioningConfiguration.Status
            BucketEncryption.ServerSideEncryptionConfiguration.{BucketKeyEnabled,ServerSideEncryptionByDefault}
            LifecycleConfiguration.Rules.{Id,Status,Prefix,ExpirationInDays,ExpirationDate,ExpiredObjectDeleteMarker}
            LifecycleConfiguration.Rules.{TagFilters,ObjectSizeGreaterThan,ObjectSizeLessThan}
            LifecycleConfiguration.Rules.{Transitions.{StorageClass,TransitionInDays,TransitionDate}}
            LifecycleConfiguration.Rules.NoncurrentVersionTransitions.{StorageClass,TransitionInDays}
            LifecycleConfiguration.Rules.NoncurrentVersionExpiration.{NoncurrentDays,NewerNoncurrentVersions}
            LifecycleConfiguration.Rules.NoncurrentVersionExpirationInDays
            LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload.DaysAfterInitiation
            PublicAccessBlockConfiguration.{BlockPublicAcls,BlockPublicPolicy,IgnorePublicAcls,RestrictPublicBuckets}
            OwnershipControls.Rules.ObjectOwnership
            NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled
            LoggingConfiguration.{DestinationBucketName,LogFilePrefix}
            CorsConfiguration.CorsRules.{Id,AllowedHeaders,AllowedMethods,AllowedOrigins,ExposedHeaders,MaxAge}
        """,
        accepted={
            "AccessControl": "ACLs are not evaluated: only those that open nothing are taken",
            "AccelerateConfiguration.AccelerationStatus": "there is no distance to shorten on one machine",
            "IntelligentTieringConfigurations": "storage classes cost nothing locally",
            "MetricsConfigurations": "no request metrics are emitted locally",
        },
        attributes=frozenset({"Arn", "DomainName", "RegionalDomainName", "WebsiteURL"}),
        create=_create_bucket,
        configure=_configure_bucket,
        delete=_delete_bucket,
        immutable=frozenset({"BucketName"}),
        name_property="BucketName",
        identifier="BucketName",
        found=_found_bucket,
        refuse=_refuse_bucket,
    ),
    Provider(
        "AWS::S3::BucketPolicy",
        honoured="Bucket PolicyDocument",
        required=frozenset({"Bucket", "PolicyDocument"}),
        create=_put_policy,
        update=_update_policy,
        delete=_delete_policy,
        immutable=frozenset({"Bucket"}),
    ),
)
