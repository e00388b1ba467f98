"""AWS::DynamoDB::Table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_INDEX = "{IndexName,KeySchema,Projection,ProvisionedThroughput.{ReadCapacityUnits,WriteCapacityUnits}}"


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("TableName") or request.name(255)
    table = api.call(
        ctx,
        "dynamodb",
        "CreateTable",
        TableName=name,
        StreamSpecification=_stream(request),
        SSESpecification=_encryption(request),
        Tags=api.pairs(request.tags) or None,
        **api.pick(
            request.properties,
            "AttributeDefinitions KeySchema BillingMode ProvisionedThroughput GlobalSecondaryIndexes "
            "LocalSecondaryIndexes DeletionProtectionEnabled TableClass",
        ),
    )["TableDescription"]
    return ResourceOutcome(name, _attributes(table))


def _found(ctx: Context, name: str) -> ResourceOutcome | None:
    described = api.find(ctx, "dynamodb", "DescribeTable", TableName=name)
    return ResourceOutcome(name, _attributes(described["Table"])) if described is not None else None


def _attributes(table: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {"Arn": table["TableArn"]}
    if table.get("LatestStreamArn"):
        attributes["StreamArn"] = table["LatestStreamArn"]
    return attributes


def _stream(request: Request) -> dict[str, Any] | None:
    given = request.get("StreamSpecification")
    return {"StreamEnabled": True, "StreamViewType": given["StreamViewType"]} if given else None


def _encryption(request: Request) -> dict[str, Any] | None:
    given = request.get("SSESpecification")
    if not given:
        return None
    renamed = {"SSEEnabled": "Enabled"}
    return {renamed.get(k, k): v for k, v in given.items()}


def _configure(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name = outcome.physical_id
    _set_ttl(ctx, new, old, name)
    recovery = new.get("PointInTimeRecoverySpecification")
    if recovery != (old.get("PointInTimeRecoverySpecification") if old else None):
        api.call(
            ctx,
            "dynamodb",
            "UpdateContinuousBackups",
            TableName=name,
            PointInTimeRecoverySpecification=recovery or {"PointInTimeRecoveryEnabled": False},
        )
    if old is not None:
        api.retag(ctx, "dynamodb", outcome.attributes["Arn"], old.tags, new.tags)


def _set_ttl(ctx: Context, new: Request, old: Request | None, name: str) -> None:
    wanted, before = new.get("TimeToLiveSpecification"), old.get("TimeToLiveSpecification") if old else None
    if wanted == before:
        return
    if before and before.get("Enabled"):
        off = {"AttributeName": before["AttributeName"], "Enabled": False}
        api.call(ctx, "dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=off)
    if wanted and wanted.get("Enabled"):
        api.call(ctx, "dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=wanted)


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    name = outcome.physical_id
    simple = {
        key: new.get(key)
        for key in ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled", "TableClass")
        if new.get(key) != old.get(key)
    }
    if simple:
        simple.setdefault("BillingMode", new.get("BillingMode"))
        api.call(ctx, "dynamodb", "UpdateTable", TableName=name, **simple)
    if new.get("SSESpecification") != old.get("SSESpecification"):
        off: dict[str, Any] = {"Enabled": False}
        api.call(ctx, "dynamodb", "UpdateTable", TableName=name, SSESpecification=_encryption(new) or off)
    if new.get("StreamSpecification") != old.get("StreamSpecification"):
        if old.get("StreamSpecification"):
            api.call(ctx, "dynamodb", "UpdateTable", TableName=name, StreamSpecification={"StreamEnabled": False})
        if wanted := _stream(new):
            api.call(ctx, "dynamodb", "UpdateTable", TableName=name, StreamSpecification=wanted)
    _update_indexes(ctx, new, old, name)
    return ResourceOutcome(name, _attributes(api.call(ctx, "dynamodb", "DescribeTable", TableName=name)["Table"]))


def _update_indexes(ctx: Context, new: Request, old: Request, name: str) -> None:
    after = {i["IndexName"]: i for i in new.get("GlobalSecondaryIndexes", [])}
    before = {i["IndexName"]: i for i in old.get("GlobalSecondaryIndexes", [])}
    changes: list[dict[str, Any]] = [
        {"Delete": {"IndexName": index}} for index in before if after.get(index) != before[index]
    ]
    changes += [{"Create": after[index]} for index in after if after[index] != before.get(index)]
    for change in changes:
        api.call(
            ctx,
            "dynamodb",
            "UpdateTable",
            TableName=name,
            AttributeDefinitions=new["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[change],
        )


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "dynamodb", "DeleteTable", TableName=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::DynamoDB::Table",
        honoured=f"""
            TableName AttributeDefinitions KeySchema BillingMode Tags DeletionProtectionEnabled TableClass
            ProvisionedThroughput.{{ReadCapacityUnits,WriteCapacityUnits}}
            GlobalSecondaryIndexes.{_INDEX} LocalSecondaryIndexes.{{IndexName,KeySchema,Projection}}
            TimeToLiveSpecification.{{AttributeName,Enabled}} StreamSpecification.StreamViewType
            PointInTimeRecoverySpecification.{{PointInTimeRecoveryEnabled,RecoveryPeriodInDays}}
            SSESpecification.{{SSEEnabled,SSEType,KMSMasterKeyId}}
        """,
        accepted={
            "ContributorInsightsSpecification": "no insight metrics are collected locally",
            "OnDemandThroughput": "throughput is not throttled locally",
        },
        required=frozenset({"KeySchema"}),
        attributes=frozenset({"Arn", "StreamArn"}),
        create=_create,
        update=_update,
        configure=_configure,
        delete=_delete,
        immutable=frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"}),
        name_property="TableName",
        identifier="TableName",
        found=_found,
    ),
)
