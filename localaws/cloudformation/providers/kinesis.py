"""AWS::Kinesis::Stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_DEFAULT_HOURS = 24


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("Name") or request.name(128)
    mode = request.get("StreamModeDetails")
    shards = request.get("ShardCount") if mode is None or mode.get("StreamMode") == "PROVISIONED" else None
    api.call(ctx, "kinesis", "CreateStream", StreamName=name, ShardCount=shards, StreamModeDetails=mode)
    return _stream(ctx, name)


def _found(ctx: Context, name: str) -> ResourceOutcome | None:
    there = api.find(ctx, "kinesis", "DescribeStreamSummary", StreamName=name)
    return _stream(ctx, name) if there is not None else None


def _stream(ctx: Context, name: str) -> ResourceOutcome:
    return ResourceOutcome(name, {"Arn": f"arn:aws:kinesis:{ctx.region}:{ctx.account}:stream/{name}"})


def _configure(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name, arn = outcome.physical_id, outcome.attributes["Arn"]
    if old and new.get("StreamModeDetails") != old.get("StreamModeDetails"):
        mode = new.get("StreamModeDetails") or {"StreamMode": "PROVISIONED"}
        api.call(ctx, "kinesis", "UpdateStreamMode", StreamARN=arn, StreamModeDetails=mode)
    if old and new.get("ShardCount") is not None and new.get("ShardCount") != old.get("ShardCount"):
        api.call(
            ctx, "kinesis", "UpdateShardCount", StreamName=name, TargetShardCount=new["ShardCount"],
            ScalingType="UNIFORM_SCALING",
        )  # fmt: skip
    was = int(old.get("RetentionPeriodHours", _DEFAULT_HOURS)) if old else _DEFAULT_HOURS
    hours = int(new.get("RetentionPeriodHours", _DEFAULT_HOURS))
    if hours != was:
        direction = "IncreaseStreamRetentionPeriod" if hours > was else "DecreaseStreamRetentionPeriod"
        api.call(ctx, "kinesis", direction, StreamName=name, RetentionPeriodHours=hours)
    before = old.get("StreamEncryption") if old else None
    if new.get("StreamEncryption") != before:
        if before:
            api.call(ctx, "kinesis", "StopStreamEncryption", StreamName=name, **before)
        if new.get("StreamEncryption"):
            api.call(ctx, "kinesis", "StartStreamEncryption", StreamName=name, **new["StreamEncryption"])
    api.retag(ctx, "kinesis", name, old.tags if old else {}, new.tags)


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "kinesis", "DeleteStream", StreamName=outcome.physical_id, EnforceConsumerDeletion=True)


def _refuse(properties: Mapping[str, Any]) -> str | None:
    mode, count = properties.get("StreamModeDetails"), properties.get("ShardCount")
    on_demand = isinstance(mode, Mapping) and mode.get("StreamMode") == "ON_DEMAND"
    if on_demand and count is not None:
        return "ShardCount: a stream in ON_DEMAND mode has no shard count of its own"
    if not on_demand and count is None:
        return "ShardCount is required unless StreamModeDetails.StreamMode is ON_DEMAND"
    return None


PROVIDERS = (
    Provider(
        "AWS::Kinesis::Stream",
        honoured="""Name RetentionPeriodHours ShardCount StreamModeDetails.StreamMode
            StreamEncryption.{EncryptionType,KeyId} Tags""",
        accepted={"DesiredShardLevelMetrics": "no shard metrics are emitted locally"},
        attributes=frozenset({"Arn"}),
        create=_create,
        configure=_configure,
        delete=_delete,
        immutable=frozenset({"Name"}),
        name_property="Name",
        identifier="Name",
        found=_found,
        refuse=_refuse,
    ),
)
