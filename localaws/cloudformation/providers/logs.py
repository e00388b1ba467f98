"""AWS::Logs::LogGroup."""

from __future__ import annotations

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("LogGroupName") or request.name(512)
    api.call(
        ctx,
        "logs",
        "CreateLogGroup",
        logGroupName=name,
        kmsKeyId=request.get("KmsKeyId"),
        logGroupClass=request.get("LogGroupClass"),
        tags=request.tags or None,
    )
    return _group(ctx, name)


def _found(ctx: Context, name: str) -> ResourceOutcome | None:
    groups = api.call(ctx, "logs", "DescribeLogGroups", logGroupNamePrefix=name)["logGroups"]
    return _group(ctx, name) if any(group["logGroupName"] == name for group in groups) else None


def _group(ctx: Context, name: str) -> ResourceOutcome:
    return ResourceOutcome(name, {"Arn": f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:{name}:*"})


def _configure(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name = outcome.physical_id
    days, had = new.get("RetentionInDays"), old.get("RetentionInDays") if old else None
    if days is None and had is not None:
        api.call(ctx, "logs", "DeleteRetentionPolicy", logGroupName=name)
    elif days != had:
        api.call(ctx, "logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
    if old is not None:
        if new.get("KmsKeyId") != old.get("KmsKeyId"):
            if key := new.get("KmsKeyId"):
                api.call(ctx, "logs", "AssociateKmsKey", logGroupName=name, kmsKeyId=key)
            else:
                api.call(ctx, "logs", "DisassociateKmsKey", logGroupName=name)
        api.retag(ctx, "logs", str(outcome.attributes["Arn"]).removesuffix(":*"), old.tags, new.tags)


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "logs", "DeleteLogGroup", logGroupName=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::Logs::LogGroup",
        honoured="LogGroupName LogGroupClass RetentionInDays KmsKeyId Tags",
        attributes=frozenset({"Arn"}),
        create=_create,
        configure=_configure,
        delete=_delete,
        immutable=frozenset({"LogGroupName", "LogGroupClass"}),
        name_property="LogGroupName",
        identifier="LogGroupName",
        found=_found,
    ),
)
