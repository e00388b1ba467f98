"""AWS::KMS: keys and their aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create_key(ctx: Context, request: Request) -> ResourceOutcome:
    tags = [{"TagKey": k, "TagValue": v} for k, v in request.tags.items()]
    key = api.call(
        ctx,
        "kms",
        "CreateKey",
        Description=request.get("Description"),
        KeySpec=request.get("KeySpec"),
        KeyUsage=request.get("KeyUsage"),
        MultiRegion=request.get("MultiRegion"),
        Policy=api.json_text(request["KeyPolicy"]) if "KeyPolicy" in request.properties else None,
        Tags=tags,
    )["KeyMetadata"]
    return ResourceOutcome(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


def _found_key(ctx: Context, key_id: str) -> ResourceOutcome | None:
    described = api.find(ctx, "kms", "DescribeKey", KeyId=key_id)
    if described is None or described["KeyMetadata"]["KeyState"] == "PendingDeletion":
        return None
    return ResourceOutcome(key_id, {"Arn": described["KeyMetadata"]["Arn"], "KeyId": key_id})


def _configure_key(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    key = outcome.physical_id
    if old is not None:
        if new.get("KeyPolicy") != old.get("KeyPolicy"):
            policy = api.json_text(new["KeyPolicy"])
            api.call(ctx, "kms", "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
        if new.get("Description") != old.get("Description"):
            api.call(ctx, "kms", "UpdateKeyDescription", KeyId=key, Description=new.get("Description", ""))
        _retag(ctx, key, old.tags, new.tags)
    before = old.properties if old else {}
    if new.get("EnableKeyRotation", False) != before.get("EnableKeyRotation", False):
        rotate = "EnableKeyRotation" if new.get("EnableKeyRotation") else "DisableKeyRotation"
        api.call(ctx, "kms", rotate, KeyId=key)
    if new.get("Enabled", True) != before.get("Enabled", True):
        api.call(ctx, "kms", "EnableKey" if new.get("Enabled", True) else "DisableKey", KeyId=key)


def _retag(ctx: Context, key: str, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    if gone := sorted(set(old) - set(new)):
        api.call(ctx, "kms", "UntagResource", KeyId=key, TagKeys=gone)
    if changed := [{"TagKey": k, "TagValue": v} for k, v in new.items() if old.get(k) != v]:
        api.call(ctx, "kms", "TagResource", KeyId=key, Tags=changed)


def _delete_key(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    days: Any = request.get("PendingWindowInDays", 30)
    api.remove(ctx, "kms", "ScheduleKeyDeletion", KeyId=outcome.physical_id, PendingWindowInDays=days)


def _create_alias(ctx: Context, request: Request) -> ResourceOutcome:
    name = request["AliasName"]
    api.call(ctx, "kms", "CreateAlias", AliasName=name, TargetKeyId=request["TargetKeyId"])
    return ResourceOutcome(name, {"AliasArn": f"arn:aws:kms:{ctx.region}:{ctx.account}:{name}"})


def _update_alias(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    api.call(ctx, "kms", "UpdateAlias", AliasName=outcome.physical_id, TargetKeyId=new["TargetKeyId"])
    return outcome


def _delete_alias(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "kms", "DeleteAlias", AliasName=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::KMS::Key",
        honoured="""Description Enabled EnableKeyRotation KeyPolicy KeySpec KeyUsage MultiRegion
            PendingWindowInDays Tags""",
        accepted={"RotationPeriodInDays": "no year passes in a local process"},
        attributes=frozenset({"Arn", "KeyId"}),
        create=_create_key,
        configure=_configure_key,
        delete=_delete_key,
        immutable=frozenset({"KeySpec", "KeyUsage", "MultiRegion"}),
        identifier="KeyId",
        found=_found_key,
    ),
    Provider(
        "AWS::KMS::Alias",
        honoured="AliasName TargetKeyId",
        required=frozenset({"AliasName", "TargetKeyId"}),
        attributes=frozenset({"AliasArn"}),
        create=_create_alias,
        update=_update_alias,
        delete=_delete_alias,
        immutable=frozenset({"AliasName"}),
        name_property="AliasName",
    ),
)
