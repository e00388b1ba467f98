"""Stacks, resources and events as CloudFormation's API describes them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Types.html
"""

from __future__ import annotations

from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.stacks import Stack, StackEvent


def described_event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    """Return what both kinds of events of a stack tell: StackEvent and OperationEvent."""
    return {
        "EventId": event.id,
        "StackId": stack.id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
        "Timestamp": event.at,
    }


def operation_event(stack: Stack, event: StackEvent) -> dict[str, Any]:
    """Return an event of a stack as DescribeEvents has it: an OperationEvent."""
    own = event.type == "AWS::CloudFormation::Stack"
    failed = event.status.endswith("_FAILED") and not own
    kind = "STACK_EVENT" if own else "PROVISIONING_ERROR" if failed else "PROGRESS_EVENT"
    return {"EventType": kind, **described_event(stack, event)}


def described_stack(stack: Stack) -> dict[str, Any]:
    """Return a stack as DescribeStacks has it."""
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "Description": stack.description,
        "Parameters": [given.described(name) for name, given in stack.parameters.items()],
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "DisableRollback": False,
        "EnableTerminationProtection": stack.protected,
        "RoleARN": stack.role_arn,
        "NotificationARNs": [],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": api.pairs(stack.tags),
        "Outputs": [
            {"OutputKey": name, "OutputValue": o.value, "ExportName": o.export, "Description": o.description}
            for name, o in stack.outputs.items()
        ],
    }


def described_resource(stack: Stack, name: str) -> dict[str, Any]:
    """Return a resource as ListStackResources has it."""
    deployed = stack.known[name]
    last = next((e for e in reversed(stack.events) if e.logical_id == name), None)
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": name,
        "PhysicalResourceId": deployed.outcome.physical_id,
        "ResourceType": deployed.request.type,
        "LastUpdatedTimestamp": last.at if last else stack.created,
        "ResourceStatus": last.status if last else "CREATE_COMPLETE",
        "ResourceStatusReason": last.reason if last else None,
    }
