"""Counts failures in the CloudWatch metrics of Lambda, EventBridge and Scheduler, as AWS does.

Only failures are counted, because people look for those when something is missing.
"""

from __future__ import annotations

import datetime

from moto.cloudwatch.models import cloudwatch_backends

from localaws.context import Context


def count_failure(ctx: Context, namespace: str, name: str, **dimensions: str) -> None:
    """Count one failure, such as ``Errors`` of ``AWS/Lambda`` with the dimension ``FunctionName``."""
    datum = {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Timestamp": datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
        "Value": 1.0,
        "Unit": "Count",
    }
    cloudwatch_backends[ctx.account][ctx.region].put_metric_data(namespace, [datum])
