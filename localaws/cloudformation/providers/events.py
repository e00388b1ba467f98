"""AWS::Events: rules and buses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.errors import ResourceFailed
from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context


def _create_rule(ctx: Context, request: Request) -> ResourceOutcome:
    bus = request.get("EventBusName", "default")
    name = request.get("Name") or request.name(64)
    found = api.find(ctx, "events", "DescribeRule", Name=name, EventBusName=bus)
    api.must_be_new(found, f"the rule {name}")
    arn = _put_rule(ctx, request, name, bus)
    return ResourceOutcome(
        arn if bus == "default" else f"{_bus_name(bus)}|{name}", {"Arn": arn, "Name": name, "Bus": bus}
    )


def _put_rule(ctx: Context, request: Request, name: str, bus: str) -> str:
    pattern = request.get("EventPattern")
    arn: str = api.call(
        ctx,
        "events",
        "PutRule",
        Name=name,
        EventBusName=bus,
        Description=request.get("Description"),
        EventPattern=api.json_text(pattern) if pattern is not None else None,
        ScheduleExpression=request.get("ScheduleExpression"),
        State=request.get("State", "ENABLED"),
        RoleArn=request.get("RoleArn"),
    )["RuleArn"]
    return arn


def _bus_name(bus: str) -> str:
    return bus.rsplit("/", 1)[-1]


def _configure_rule(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    name, bus = outcome.attributes["Name"], outcome.attributes["Bus"]
    if old is not None:
        _put_rule(ctx, new, name, bus)
    api.retag(ctx, "events", outcome.attributes["Arn"], old.tags if old else {}, new.tags)
    wanted = new.get("Targets", [])
    gone = {t["Id"] for t in (old.get("Targets", []) if old else [])} - {t["Id"] for t in wanted}
    if gone:
        api.call(ctx, "events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=sorted(gone))
    if wanted:
        answer = api.call(ctx, "events", "PutTargets", Rule=name, EventBusName=bus, Targets=wanted)
        if answer.get("FailedEntryCount"):
            raise ResourceFailed(f"Targets: {json.dumps(answer['FailedEntries'])}")


def _delete_rule(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    name, bus = outcome.attributes["Name"], outcome.attributes["Bus"]
    targets = [t["Id"] for t in request.get("Targets", [])]
    if targets:
        api.remove(ctx, "events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=targets)
    api.remove(ctx, "events", "DeleteRule", Name=name, EventBusName=bus)


def _refuse_rule(properties: Mapping[str, Any]) -> str | None:
    if "EventPattern" not in properties and "ScheduleExpression" not in properties:
        return "a rule needs EventPattern or ScheduleExpression"
    return None


def _create_bus(ctx: Context, request: Request) -> ResourceOutcome:
    name = request["Name"]
    arn = api.call(ctx, "events", "CreateEventBus", Name=name, Tags=api.pairs(request.tags))["EventBusArn"]
    return ResourceOutcome(name, {"Arn": arn, "Name": name})


def _configure_bus(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    before = old.get("Policy") if old else None
    if new.get("Policy") != before:
        if new.get("Policy") is None:
            api.remove(ctx, "events", "RemovePermission", EventBusName=outcome.physical_id, RemoveAllPermissions=True)
        else:
            policy = api.json_text(new["Policy"])
            api.call(ctx, "events", "PutPermission", EventBusName=outcome.physical_id, Policy=policy)
    if old is not None:
        api.retag(ctx, "events", outcome.attributes["Arn"], old.tags, new.tags)


def _delete_bus(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "events", "DeleteEventBus", Name=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::Events::Rule",
        honoured="""Name Description EventBusName EventPattern ScheduleExpression State RoleArn Tags
            Targets.{Id,Arn,Input,InputPath,InputTransformer.{InputPathsMap,InputTemplate},RoleArn}
            Targets.SqsParameters.MessageGroupId Targets.DeadLetterConfig.Arn
            Targets.RetryPolicy.{MaximumRetryAttempts,MaximumEventAgeInSeconds}
            Targets.KinesisParameters.PartitionKeyPath""",
        attributes=frozenset({"Arn"}),
        create=_create_rule,
        configure=_configure_rule,
        delete=_delete_rule,
        immutable=frozenset({"Name", "EventBusName"}),
        name_property="Name",
        refuse=_refuse_rule,
    ),
    Provider(
        "AWS::Events::EventBus",
        honoured="Name Policy Tags",
        accepted={"Description": "moto's event buses carry no description"},
        required=frozenset({"Name"}),
        attributes=frozenset({"Arn", "Name"}),
        create=_create_bus,
        configure=_configure_bus,
        delete=_delete_bus,
        immutable=frozenset({"Name"}),
        name_property="Name",
    ),
)
