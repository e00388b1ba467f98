"""Reads from CloudWatch how often each function failed in the last hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sluice.cli.deployment import Deployment, client

_WINDOW = timedelta(hours=1)
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
_QUERIES_A_CALL = 500


def function_names(deployment: Deployment) -> list[str]:
    """Return the names of the deployment's functions, in order.

    Its stacks say them: Lambda's own list has the settings of every function in the account.
    """
    return sorted(
        resource["PhysicalResourceId"]
        for stack in deployment.stacks
        for page in client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function" and "PhysicalResourceId" in resource
    )


def read_function_errors(deployment: Deployment) -> dict[str, int]:
    """Return how many calls of each of the deployment's functions ended in an error or a death within the hour."""
    ours = function_names(deployment)
    # A metric's timestamp is the start of its minute, so the present minute ends in the future.
    now = datetime.now(UTC) + timedelta(minutes=1)
    found: dict[str, int] = {}
    for start in range(0, len(ours), _QUERIES_A_CALL):
        some = ours[start : start + _QUERIES_A_CALL]
        answer = client("cloudwatch").get_metric_data(
            MetricDataQueries=[_query(f"f{number}", name) for number, name in enumerate(some)],
            StartTime=now - _WINDOW,
            EndTime=now,
        )
        for result in answer["MetricDataResults"]:
            if count := int(sum(result["Values"])):
                found[some[int(result["Id"][1:])]] = count
    return found


def _query(name: str, function: str) -> dict[str, object]:
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": function}],
    }
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}, "ReturnData": True}
