"""Whom a role's trust policy lets take it, by the account and the resource that a service acts for."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.context import Context
from localaws.events.targets import Sender
from localaws.iam import trust
from tests.localaws.running import ctx, messages, queue, role, until  # noqa: F401

AT = "us-east-1:111122223333"


def trusted(ctx: Context, name: str, service: str, condition: dict[str, Any]) -> str:
    """Return the ARN of a role that the service may take on a condition."""
    arn = role(ctx, name, {"Action": "sqs:SendMessage", "Resource": "*"})
    statement = {
        "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition,
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ctx.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    return arn


def may(ctx: Context, role_arn: str, service: str, source: str) -> bool:
    try:
        trust.check_trusted(ctx, role_arn, service, session_name="one", source_arn=source)
    except trust.NotTrusted:
        return False
    return True


@pytest.mark.parametrize("service", ["lambda", "states", "events", "scheduler"])
def test_a_service_takes_a_role_for_the_account_that_its_trust_policy_names(ctx: Context, service: str) -> None:
    principal = f"{service}.amazonaws.com"
    for account, lets in ((ctx.account, True), ("444455556666", False)):
        condition = {"StringEquals": {"aws:SourceAccount": account}}
        arn = trusted(ctx, f"{service}-{account}", principal, condition)
        assert may(ctx, arn, principal, f"arn:aws:{service}:{AT}:thing/one") is lets


def test_a_service_takes_a_role_for_the_resource_that_its_trust_policy_names(ctx: Context) -> None:
    machine = f"arn:aws:states:{AT}:stateMachine:one"
    arn = trusted(ctx, "one-machine", "states.amazonaws.com", {"ArnEquals": {"aws:SourceArn": machine}})
    assert may(ctx, arn, "states.amazonaws.com", machine)
    assert not may(ctx, arn, "states.amazonaws.com", f"{machine}-more")
    assert not may(ctx, arn, "states.amazonaws.com", "")
    assert not may(ctx, arn, "lambda.amazonaws.com", machine)


def test_a_schedule_takes_its_role_for_its_group() -> None:
    sender = Sender.of(f"arn:aws:scheduler:{AT}:schedule/nightly/one", "role")
    assert (sender.service, sender.source_arn) == (
        "scheduler.amazonaws.com",
        f"arn:aws:scheduler:{AT}:schedule-group/nightly",
    )


def test_glue_is_not_known_to_say_for_whom_it_takes_a_role(ctx: Context) -> None:
    arn = trusted(ctx, "a-job", "glue.amazonaws.com", {"StringEquals": {"aws:SourceAccount": ctx.account}})
    assert not may(ctx, arn, "glue.amazonaws.com", "")


def test_a_rule_sends_with_a_role_only_where_its_trust_policy_lets_it(ctx: Context) -> None:
    for account in (ctx.account, "444455556666"):
        url, dead = queue(ctx, f"dead-{account}")
        bus = ctx.client("events").create_event_bus(Name=f"bus-{account}")["EventBusArn"]
        condition = {"StringEquals": {"aws:SourceAccount": account}}
        sends = trusted(ctx, f"sends-{account}", "events.amazonaws.com", condition)
        statement = {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        ctx.client("iam").put_role_policy(
            RoleName=f"sends-{account}", PolicyName="put", PolicyDocument=json.dumps(document)
        )
        arrived_at, arrived = queue(ctx, f"arrived-{account}")
        events = ctx.client("events")
        events.put_rule(Name="on-the-bus", EventBusName=f"bus-{account}", EventPattern='{"source": ["asked"]}')
        events.put_targets(Rule="on-the-bus", EventBusName=f"bus-{account}", Targets=[{"Id": "1", "Arn": arrived}])
        events.put_rule(Name=account, EventPattern='{"source": ["asked"]}')
        target = {"Id": "1", "Arn": bus, "RoleArn": sends, "DeadLetterConfig": {"Arn": dead}}
        events.put_targets(Rule=account, Targets=[target])
        events.put_events(Entries=[{"Source": "asked", "DetailType": "thing", "Detail": "{}"}])
        (found,) = until(lambda at=arrived_at if account == ctx.account else url: messages(ctx, at))
        refused = found.get("MessageAttributes", {}).get("ERROR_CODE", {}).get("StringValue")
        assert refused == (None if account == ctx.account else "NO_PERMISSIONS")
        events.remove_targets(Rule=account, Ids=["1"])


def test_a_workflow_takes_its_role_where_the_trust_policy_names_it(ctx: Context) -> None:
    client = ctx.client("stepfunctions")
    url, _ = queue(ctx, "of-workflows")
    task = {
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True,
        "Parameters": {"QueueUrl": url, "MessageBody": "one"},
    }  # fmt: skip
    definition = json.dumps({"StartAt": "Send", "States": {"Send": task}})
    ended = {}
    for name, named in (("right", "right"), ("wrong", "another")):
        machine = f"arn:aws:states:us-east-1:{ctx.account}:stateMachine:{named}"
        condition = {"ArnEquals": {"aws:SourceArn": machine}, "StringEquals": {"aws:SourceAccount": ctx.account}}
        arn = trusted(ctx, f"workflow-{name}", "states.amazonaws.com", condition)
        made = client.create_state_machine(name=name, definition=definition, roleArn=arn)["stateMachineArn"]
        execution = client.start_execution(stateMachineArn=made)["executionArn"]

        def over(execution: str = execution) -> str:
            status = str(client.describe_execution(executionArn=execution)["status"])
            return "" if status == "RUNNING" else status

        ended[name] = until(over)
    assert ended == {"right": "SUCCEEDED", "wrong": "FAILED"}
