"""AWS::CloudWatch::Alarm."""

from __future__ import annotations

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_ALARM = (
    "ActionsEnabled AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm Dimensions "
    "EvaluateLowSampleCountPercentile EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName Metrics "
    "Namespace OKActions Period Statistic Threshold ThresholdMetricId TreatMissingData Unit"
)


def _put(ctx: Context, request: Request, name: str) -> ResourceOutcome:
    tags = api.pairs(request.tags) or None
    api.call(ctx, "cloudwatch", "PutMetricAlarm", AlarmName=name, Tags=tags, **api.pick(request.properties, _ALARM))
    return ResourceOutcome(name, {"Arn": f"arn:aws:cloudwatch:{ctx.region}:{ctx.account}:alarm:{name}"})


def _create(ctx: Context, request: Request) -> ResourceOutcome:
    name = request.get("AlarmName") or request.name(255)
    found = api.call(ctx, "cloudwatch", "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    api.must_be_new(found, f"the alarm {name}")
    return _put(ctx, request, name)


def _update(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    api.retag(ctx, "monitoring", outcome.attributes["Arn"], old.tags, new.tags)
    return _put(ctx, new, outcome.physical_id)


def _delete(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "cloudwatch", "DeleteAlarms", AlarmNames=[outcome.physical_id])


PROVIDERS = (
    Provider(
        "AWS::CloudWatch::Alarm",
        honoured=f"AlarmName Tags {_ALARM}",
        required=frozenset({"ComparisonOperator", "EvaluationPeriods"}),
        attributes=frozenset({"Arn"}),
        create=_create,
        update=_update,
        delete=_delete,
        immutable=frozenset({"AlarmName"}),
        name_property="AlarmName",
    ),
)
