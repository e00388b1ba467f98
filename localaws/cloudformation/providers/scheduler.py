"""AWS::Scheduler: schedules and their groups."""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_SCHEDULE = (
    "Description EndDate FlexibleTimeWindow KmsKeyArn ScheduleExpression ScheduleExpressionTimezone StartDate State "
    "Target"
)


def _schedule(request: Request) -> dict[str, Any]:
    return api.pick(request.properties, _SCHEDULE)


def _create_schedule(ctx: Context, request: Request) -> ResourceOutcome:
    name, group = request.get("Name") or request.name(64), request.get("GroupName", "default")
    arn = api.call(ctx, "scheduler", "CreateSchedule", Name=name, GroupName=group, **_schedule(request))
    return ResourceOutcome(name, {"Arn": arn["ScheduleArn"]})


def _update_schedule(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    group = new.get("GroupName", "default")
    api.call(ctx, "scheduler", "UpdateSchedule", Name=outcome.physical_id, GroupName=group, **_schedule(new))
    return outcome


def _delete_schedule(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    group = request.get("GroupName", "default")
    api.remove(ctx, "scheduler", "DeleteSchedule", Name=outcome.physical_id, GroupName=group)


def _create_group(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("Name") or request.name(64)
    arn = api.call(ctx, "scheduler", "CreateScheduleGroup", Name=name, Tags=api.pairs(request.tags))
    return ResourceOutcome(name, {"Arn": arn["ScheduleGroupArn"], "State": "ACTIVE"})


def _update_group(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    api.retag(ctx, "scheduler", outcome.attributes["Arn"], old.tags, new.tags)
    return outcome


def _delete_group(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "scheduler", "DeleteScheduleGroup", Name=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::Scheduler::Schedule",
        honoured="""Name GroupName Description EndDate FlexibleTimeWindow.{Mode,MaximumWindowInMinutes} KmsKeyArn
            ScheduleExpression ScheduleExpressionTimezone StartDate State Target.{Arn,RoleArn,Input}
            Target.RetryPolicy.{MaximumRetryAttempts,MaximumEventAgeInSeconds} Target.DeadLetterConfig.Arn
            Target.SqsParameters.MessageGroupId Target.KinesisParameters.PartitionKey
            Target.EventBridgeParameters.{DetailType,Source}""",
        required=frozenset({"FlexibleTimeWindow", "ScheduleExpression", "Target"}),
        attributes=frozenset({"Arn"}),
        create=_create_schedule,
        update=_update_schedule,
        delete=_delete_schedule,
        immutable=frozenset({"Name", "GroupName"}),
        name_property="Name",
    ),
    Provider(
        "AWS::Scheduler::ScheduleGroup",
        honoured="Name Tags",
        attributes=frozenset({"Arn", "State"}),
        create=_create_group,
        update=_update_group,
        delete=_delete_group,
        immutable=frozenset({"Name"}),
        name_property="Name",
    ),
)
